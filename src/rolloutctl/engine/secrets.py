"""Reads a secret from where the config says, when it is needed; and takes secrets out of text.

Invariant: no error, log line or repr that leaves this module holds a secret's value or what a program printed.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import assert_never
from urllib.parse import quote, quote_plus

from rolloutctl.config import FromCommand, FromEnv, FromFile, Secret
from rolloutctl.errors import InvalidInput

_TIMEOUT_S = 10.0
_LARGEST = 64 * 1024
_HIDDEN = "«secret»"


def read_secret(secret: Secret) -> str:
    """The secret, without white space around it. Blocks up to 10 s for a command. Raises InvalidInput."""
    match secret:
        case FromEnv():
            value = _from_env(secret.env)
        case FromFile():
            value = _from_file(Path(secret.file))
        case FromCommand():
            value = _from_command(secret.command)
        case _:
            assert_never(secret)
    value = value.strip()
    if any(not char.isprintable() for char in value):
        raise InvalidInput(
            f"The secret {_source(secret)} holds line breaks or control characters.", remedy="Keep it on one line."
        )
    if not value:
        raise InvalidInput(f"The secret {_source(secret)} is empty.", remedy="Put the token there.")
    return value


def _source(secret: Secret) -> str:
    match secret:
        case FromEnv():
            return f"from environment variable {secret.env}"
        case FromFile():
            return f"from file {secret.file}"
        case FromCommand():
            return f"from command {secret.command[0]}"
        case _:
            assert_never(secret)


def _from_env(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise InvalidInput(f"Environment variable {name}, which holds a secret, is not set.", remedy=f"Set it: export {name}=…")
    return value


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = b"" if _readable_by_all(mode) else file.read(_LARGEST + 1)
    except OSError as error:
        why = (error.strerror or "unknown trouble").lower()
        raise InvalidInput(f"Secret file {path} cannot be read: {why}.", remedy="Check the path and its permissions.") from None
    if _readable_by_all(mode):
        raise InvalidInput(f"Secret file {path} can be read by everybody on this machine.", remedy=f"Run: chmod 600 {path}")
    return _text(raw, f"Secret file {path}")


def _readable_by_all(mode: int) -> bool:
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)


def _from_command(command: tuple[str, ...]) -> str:
    name = command[0]
    try:
        done = subprocess.run(  # noqa: S603 - the config's owner names the program; no shell is involved
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        why = f"The command {name}, which prints a secret, did not end within {_TIMEOUT_S:g} s."
        raise InvalidInput(why, remedy="Run it by hand: it may be waiting for a password.") from None
    except (OSError, ValueError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "it cannot be started"
        raise InvalidInput(
            f"The command {name}, which prints a secret, did not start: {why}.", remedy="Check its path."
        ) from None
    if done.returncode:
        why = f"The command {name}, which prints a secret, failed with exit code {done.returncode}."
        raise InvalidInput(why, remedy="Run it by hand to see why; what it says is not shown here.")
    return _text(done.stdout, f"What the command {name} prints")


def _text(raw: bytes, what: str) -> str:
    if len(raw) > _LARGEST:
        raise InvalidInput(f"{what} is longer than 64 KiB, which no secret is.", remedy="Is it the right one?")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{what} is not text.", remedy="Is it the right one?") from None


class Scrubber:
    """Takes secrets out of text, in any of the forms in which they travel."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in _forms(value)}
        # The longest first: a form that is part of another must not leave the rest of it behind.
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None

    def __call__(self, text: str) -> str:
        """The text with every occurrence of a secret replaced."""
        return self._pattern.sub(_HIDDEN, text) if self._pattern else text

    def __repr__(self) -> str:
        return "Scrubber(…)"


def _forms(value: str) -> set[str]:
    if not value:
        return set()
    raw = value.encode()
    forms = {
        value,
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        raw.hex(),
    }
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Inside a longer text such as `user:password` a value starts at any of three positions of a base64 group.
        for before in range(3):
            encoded = encode(b"\0" * before + raw).decode().rstrip("=")
            start, end = (0, 2, 3)[before], len(encoded)
            if (before + len(raw)) % 3 and before:
                end -= 1
            forms.add(encoded[start:end])
        forms.add(encode(raw).decode())
    return {form for form in forms if len(form) >= min(4, len(value))}
