"""SSH public keys as the config holds them, and the signature that an event's body carries. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from rolloutctl.model.body import Body
from rolloutctl.model.cohort import Value

NAMESPACE = "rolloutctl"
"""What `ssh-keygen -Y` signs and verifies for: a signature made for files or mail is none for us."""
_LINE = re.compile(r"([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,3})(?: [^\x00-\x1f]*)?", re.ASCII)
_TYPES = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)


class Signed(Value):
    """A signature on a statement; the key is not believed, but looked up in the config."""

    key: str
    """Fingerprint of the public key, `SHA256:…`."""
    statement: str
    """The text that was signed: canonical JSON (`model/statement.py`)."""
    signature: str
    """As `ssh-keygen -Y sign` prints it, armoured."""


def public_key(line: str) -> str:
    """Type and key of a line as it stands in a `.pub` file, without its comment. Raises ValueError."""
    match = _LINE.fullmatch(line.strip())
    if match is None or match[1] not in _TYPES:
        raise ValueError('this is no SSH public key; copy the line of the .pub file, such as "ssh-ed25519 AAAA… ana"')
    blob = _decoded(match[2])
    named = match[1].encode()
    if blob[: 4 + len(named)] != len(named).to_bytes(4, "big") + named or len(blob) < len(named) + 36:
        raise ValueError("this SSH public key is cut off or damaged; copy the whole line of the .pub file")
    return f"{match[1]} {match[2]}"


def fingerprint(key: str) -> str:
    """`SHA256:…` of a public key as `ssh-keygen -l` shows it."""
    digest = hashlib.sha256(_decoded(key.split(" ")[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("this SSH public key is cut off or damaged; copy the whole line of the .pub file") from None


def signed_of(body: Body) -> Signed | None:
    """The signature on a request; None: it has none."""
    return getattr(body, "signed", None)
