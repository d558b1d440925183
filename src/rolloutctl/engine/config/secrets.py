"""Reads a secret from where the config says, when it is needed; and takes secrets out of text.

Invariant: no error, log line or repr that leaves this module holds a secret's value or what a program printed.
"""

from __future__ import annotations

import base64
import json
import os
import re
import selectors
import signal
import stat
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import assert_never
from urllib.parse import quote, quote_plus

from rolloutctl.config import FromCommand, FromEnv, FromFile, Secret
from rolloutctl.errors import InvalidInput

_TIMEOUT_S = 10.0
_LARGEST = 64 * 1024
_HIDDEN = "«secret»"
_SHORTEST_FORM = 4
_READ: set[str] = set()
"""Of the whole process: what is written down after a crash must hold none of them, whichever part of it had read them."""


def read_secret(secret: Secret, environ: Mapping[str, str] = os.environ) -> str:
    """The secret, without white space around it. Blocks up to 10 s for a command. Raises InvalidInput."""
    match secret:
        case FromEnv():
            value = _from_env(secret.env, environ)
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
    _READ.add(value)
    return value


def read_so_far() -> frozenset[str]:
    """Every secret that this process has read."""
    return frozenset(_READ)


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


def _from_env(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        raise InvalidInput(f"Environment variable {name}, which holds a secret, is not set.", remedy=f"Set it: export {name}=…")
    return value


def _from_file(path: Path) -> str:
    try:
        # Not blocking: opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            raw = os.read(descriptor, _LARGEST + 1) if stat.S_ISREG(mode) and not mode & stat.S_IROTH else b""
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        why = (error.strerror or "").lower() if isinstance(error, OSError) else ""
        raise InvalidInput(
            f"Secret file {path} cannot be read: {why or 'it has no usable name'}.", remedy="Check the path and its permissions."
        ) from None
    if not stat.S_ISREG(mode):
        raise InvalidInput(
            f"Secret file {path} is not a regular file.", remedy="For what a program prints, use { command = […] }."
        )
    if mode & stat.S_IROTH:
        raise InvalidInput(f"Secret file {path} can be read by everybody on this machine.", remedy=f"Run: chmod 600 {path}")
    return _text(raw, f"Secret file {path}")


def _from_command(command: tuple[str, ...]) -> str:
    what = f"The command {command[0]}, which prints a secret,"
    try:
        # A session of its own: it cannot take the terminal, and its children end with it.
        process = subprocess.Popen(  # noqa: S603 - the config's owner names the program; no shell is involved
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except (OSError, ValueError) as error:
        why = (error.strerror or "").lower() if isinstance(error, OSError) else ""
        raise InvalidInput(f"{what} did not start: {why or 'it has no usable name'}.", remedy="Check its path.") from None
    with process:
        try:
            raw = _output(process, time.monotonic() + _TIMEOUT_S)
        except TimeoutError:
            raise InvalidInput(
                f"{what} did not end within {_TIMEOUT_S:g} s.", remedy="Run it by hand: it may be waiting for a password."
            ) from None
        finally:
            # Only where it has not ended: what it left running on purpose, such as a key agent, is not ours to end.
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    if len(raw) <= _LARGEST and process.returncode:
        raise InvalidInput(
            f"{what} failed with exit code {process.returncode}.",
            remedy="Run it by hand: what it says is not shown here.",
        )
    return _text(raw, f"What the command {command[0]} prints")


def _output(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """What it prints, until it ends or has printed too much. Raises TimeoutError."""
    assert process.stdout is not None
    raw = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(raw) <= _LARGEST:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            chunk = os.read(process.stdout.fileno(), _LARGEST)
            if not chunk:
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    raise TimeoutError from None
                break
            raw += chunk
    return raw


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
    if len(value) < _SHORTEST_FORM:
        # Replacing every "a" would tell more than it hides.
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
            if (before + len(raw)) % 3:
                end -= 1
            forms.add(encoded[start:end])
        forms.add(encode(raw).decode())
    return {form for form in forms if len(form) >= _SHORTEST_FORM}
