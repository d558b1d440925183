"""Words from a server made fit for a sentence: no control characters, no secrets, not too long.

Invariant: secrets are looked for after control characters are gone and before the text is cut, so that neither can hide
a part of one.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Collection
from urllib.parse import quote, quote_plus

MOST_CHARACTERS = 200
"""Of a server's text in a sentence of ours."""

_SHORTEST_SECRET = 4
"""Shorter ones are part of ordinary words; hiding them would only garble the sentence."""

_ESCAPE = re.compile(
    r"\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # operating system commands: titles, links
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # device control strings
    r"|\x1b[ -/]*[0-~]?"
)
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str, secrets: Collection[str] = (), most: int = MOST_CHARACTERS) -> str:
    """One printable line of at most `most` characters, without any of `secrets` in any of their usual spellings."""
    plain = " ".join(_printable(_ESCAPE.sub("", text)).split())
    plain = scrub(plain, secrets)
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def _printable(text: str) -> str:
    return "".join(" " if character in "\t\r\n" else character for character in text if _shown(character))


def _shown(character: str) -> bool:
    return character in "\t\r\n" or unicodedata.category(character) not in _UNSAFE


def scrub(text: str, secrets: Collection[str]) -> str:
    """`text` without any of `secrets`, in any of their usual spellings."""
    for secret in secrets:
        for spelling in _spellings(secret):
            text = re.sub(re.escape(spelling), "[secret]", text, flags=re.IGNORECASE)
    return text


def _spellings(secret: str) -> list[str]:
    """Longest first: raw, URL-encoded, in JSON, base64 at each of its three alignments."""
    if len(secret) < _SHORTEST_SECRET:
        return []
    found = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), secret.replace("\\", "\\\\").replace('"', '\\"')}
    raw = secret.encode("utf-8", "surrogatepass")
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).decode()
        # The ends mix with what stands before and after, so only the middle is the secret's own.
        middle = whole[(0, 2, 3)[shift] :].rstrip("=")
        middle = middle[:-1] if (len(raw) + shift) % 3 else middle
        if len(middle) >= _SHORTEST_SECRET:
            found |= {middle, middle.translate(str.maketrans("+/", "-_"))}
    return sorted(found, key=len, reverse=True)
