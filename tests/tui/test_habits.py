"""In a real terminal, what hands and eyes are used to: ctrl+z and fg, copying by the terminal, NO_COLOR, no UTF-8."""

from __future__ import annotations

import base64
import os
import pty
import re
import select
import shlex
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .test_terminal import ALTERNATE_OFF, ALTERNATE_ON, MAIN, session

_SGR = re.compile(rb"\x1b\[([\d;:]*)m")


@dataclass
class Shell:
    """A shell with job control in a terminal of its own."""

    pid: int
    master: int
    seen: bytes = b""

    def type(self, text: str) -> None:
        self.seen = b""
        os.write(self.master, text.encode())

    def read(self, until: bytes, seconds: float = 30) -> None:
        """Raises AssertionError when it does not come."""
        end = time.monotonic() + seconds
        while until not in self.seen and time.monotonic() < end:
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 65536)
        assert until in self.seen, self.seen[-400:]

    @property
    def modes(self) -> list[object]:
        return termios.tcgetattr(self.master)


@contextmanager
def a_shell() -> Iterator[Shell]:
    pid, master = pty.fork()
    if pid == 0:
        environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PS1": "ready> ", "PYTHONIOENCODING": "utf-8"}
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], environment)
    termios.tcsetwinsize(master, (36, 120))
    try:
        yield Shell(pid, master)
    finally:
        os.close(master)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("wrapper", [[], ["sh", "-c", '"$@"; exit $?', "sh"]], ids=["itself", "under a program such as make"])
def test_ctrl_z_gives_the_shell_back_and_fg_the_screen(tmp_path: Path, wrapper: list[str]) -> None:
    with a_shell() as shell:
        shell.read(b"ready> ")
        before = shell.modes
        shell.type(f"{shlex.join([*wrapper, sys.executable, str(MAIN), 'run', str(tmp_path)])}\n")
        shell.read(b"fraud-model-v12")
        assert ALTERNATE_ON in shell.seen
        time.sleep(0.5)
        shell.type("\x1a")
        shell.read(b"ready> ")
        assert ALTERNATE_OFF in shell.seen
        assert b"Stopped" in shell.seen
        assert b"\x1b[?25h" in shell.seen, "the cursor is back"
        assert shell.modes == before
        shell.type("fg\n")
        shell.read(b"fraud-model-v12")
        assert ALTERNATE_ON in shell.seen
        shell.type("q")
        shell.read(b"ready> ")
        shell.type("echo code=$?\n")
        shell.read(b"code=0")
        assert shell.modes == before
        assert (tmp_path / "stopped").read_text() == "release"


def test_y_copies_by_the_terminal(tmp_path: Path) -> None:
    with session("run", tmp_path) as seen:
        seen.read(b"fraud-model-v12")
        seen.idle(0.5)
        os.write(seen.master, b"y")
        seen.read(b"\x1b]52;c;")
        seen.idle(0.3)
        found = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", seen.seen)
        assert found is not None
        assert "fraud-model-v12#2" in base64.b64decode(found[1]).decode()
        os.write(seen.master, b"q")
        assert seen.wait() == 0


def _colours(written: bytes) -> set[int]:
    """Parameters of SGR that set a colour."""
    used = {int(part) for found in _SGR.findall(written) for part in re.split(rb"[;:]", found) if part}
    return {one for one in used if 30 <= one <= 38 or 40 <= one <= 48 or 90 <= one <= 107}


def test_no_color_writes_no_colour_and_shows_the_cursor_reversed(tmp_path: Path) -> None:
    with session("run", tmp_path, NO_COLOR="1") as seen:
        seen.read(b"fraud-model-v12")
        seen.idle(0.5)
        for keys in (b"j", b"\r", b"e", b"\x1b", b"R"):
            os.write(seen.master, keys)
            seen.idle(0.4)
        assert _colours(seen.seen) == set()
        assert any(b"7" in found.split(b";") for found in _SGR.findall(seen.seen)), "reversed: the cursor and what is loud"
        os.write(seen.master, b"\x1b")
        seen.process.send_signal(signal.SIGTERM)
        assert seen.wait() == 128 + signal.SIGTERM
    with session("run", tmp_path) as seen:
        seen.read(b"fraud-model-v12")
        assert _colours(seen.seen), "otherwise there are colours: the look above is no empty one"
        os.write(seen.master, b"q")
        assert seen.wait() == 0


def test_a_terminal_without_utf_8_gets_nothing_but_ascii(tmp_path: Path) -> None:
    with session("run", tmp_path, LANG="C", LC_ALL="C", PYTHONIOENCODING="latin-1", PYTHONUTF8="0") as seen:
        seen.read(b"fraud-model-v12")
        seen.idle(0.5)
        for keys in (b"\r", b"\x1b", b"l", b"\x1b", b"o", b"\x1b", b"R"):
            os.write(seen.master, keys)
            seen.idle(0.4)
        assert {byte for byte in seen.seen if byte > 126} == set()
        assert b"ROLLS BACK IN 42s" in seen.seen
        seen.process.send_signal(signal.SIGTERM)
        assert seen.wait() == 128 + signal.SIGTERM
