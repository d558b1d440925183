"""A terminal with the screen in it: keys go in, and words are waited for in what is drawn after them."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_KEYS = {"↵": b"\r", "esc": b"\x1b"}
_LISTENS = b"\x1b[?2004h"
"""Bracketed paste is switched on: from here on keys are read."""
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>NMc78])")


@dataclass
class Keyboard:
    process: subprocess.Popen[bytes]
    master: int
    seen: bytes = b""

    def listens(self, seconds: float) -> None:
        """A first frame may be drawn before keys are read; what is drawn from now on counts."""
        end = time.monotonic() + seconds
        while _LISTENS not in self.seen and time.monotonic() < end:
            self._drain(0.2)
        assert _LISTENS in self.seen, f"it does not listen:\n{self.drawn()}"
        self.seen = self.seen.partition(_LISTENS)[2]

    def press(self, key: str) -> None:
        """What is drawn from now on counts."""
        self.seen = b""
        os.write(self.master, _KEYS.get(key, key.encode()))
        if key == "esc":
            # Escape and a letter in one breath are alt and that letter; nobody types so fast.
            self._idle(0.5)

    def read(self, words: str, seconds: float) -> None:
        """Raises AssertionError when the words are not drawn in time."""
        end = time.monotonic() + seconds
        while words not in self.drawn() and time.monotonic() < end:
            self._drain(0.2)
        assert words in self.drawn(), f"{words!r} is not in:\n{self.drawn()}"

    def ended(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self._drain(0.1)
        return self.process.poll() is not None

    def ends(self, seconds: float) -> int:
        self.ended(seconds)
        code = self.process.poll()
        assert code is not None, f"it did not end:\n{self.drawn()}"
        return code

    def _idle(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._drain(0.1)

    def drawn(self) -> str:
        return _ESCAPES.sub(b"", self.seen).decode(errors="replace")

    def _drain(self, seconds: float) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 65536)


@contextmanager
def screen(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[Keyboard]:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (36, 120))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    try:
        yield Keyboard(process, master)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        for fd in (master, slave):
            os.close(fd)
