"""A program at a real terminal: what it wrote, and which of the terminal's modes it has left changed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_SHOWN = {b"25", b"7"}
"""Modes that are on in a terminal at rest: the cursor, wrapping of long lines."""
_IGNORED = {b"2026", b"2048"}
"""Synchronised output begins and ends with each frame; in-band resize is a question to the terminal."""


@dataclass
class AtTerminal:
    process: subprocess.Popen[bytes]
    master: int
    slave: int
    before: list[object]
    seen: bytes = b""
    state: Path = field(default_factory=Path)

    def read(self, until: bytes, seconds: float = 40) -> None:
        end = time.monotonic() + seconds
        while until not in self.seen and time.monotonic() < end and self.process.poll() is None:
            self._drain(0.2)
        self._drain(0.1)
        assert until in self.seen, self.seen[-3000:]

    def idle(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._drain(0.05)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def _drain(self, seconds: float) -> None:
        while select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 65536)
            seconds = 0.0

    def wait(self, seconds: float = 40) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self._drain(0.1)
        self._drain(0.1)
        code = self.process.poll()
        assert code is not None, "it did not end"
        return code

    def stopped(self, seconds: float = 15) -> None:
        """Wait until the process is suspended, as a shell would see it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._drain(0.05)
            state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "T":
                self._drain(0.2)
                return
        raise AssertionError("it was not suspended")

    def assert_as_found(self) -> None:
        assert termios.tcgetattr(self.slave) == self.before
        assert left_on(self.seen) == set()
        pushed, popped = len(re.findall(rb"\x1b\[>\d+u", self.seen)), len(re.findall(rb"\x1b\[<u", self.seen))
        assert popped >= pushed, "the keyboard protocol is what it was; a pop too many does nothing"

    @property
    def said(self) -> bytes:
        """What stands on the terminal after the screen has gone, on one line."""
        return self.seen.split(b"\x1b[?1049l")[-1].replace(b"\r\n", b" ")


def left_on(seen: bytes) -> set[bytes]:
    """Private modes whose last change was away from a terminal at rest."""
    last: dict[bytes, bytes] = {}
    for numbers, change in _MODE.findall(seen):
        for number in numbers.split(b";"):
            last[number] = change
    return {
        number for number, change in last.items() if number not in _IGNORED and change == (b"l" if number in _SHOWN else b"h")
    }


@contextmanager
def at_terminal(script: str, arguments: list[str], folder: Path, **variables: str) -> Iterator[AtTerminal]:
    """`script` prepares the program, which then runs with these arguments, in `folder`, with its state and config in it."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (36, 120))
    before = termios.tcgetattr(slave)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROLLOUTCTL_")}
    environment: Mapping[str, str] = kept | {
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PYTHONWARNINGS": "default",
        **variables,
    }
    run = f"import sys\nsys.argv = ['rolloutctl', *{arguments!r}]\n{script}\nfrom rolloutctl.__main__ import main\nmain()"
    process = subprocess.Popen(
        [sys.executable, "-c", run], stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder, start_new_session=True
    )
    try:
        yield AtTerminal(process, master, slave, before, state=folder / "state" / "rolloutctl")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait(10)
        os.close(master)
        os.close(slave)
