"""In a real terminal: signals, a crash, quitting, no terminal at all. The terminal is always left as it was found."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MAIN = Path(__file__).parent / "terminal_main.py"
ALTERNATE_ON, ALTERNATE_OFF = b"\x1b[?1049h", b"\x1b[?1049l"


@dataclass
class Session:
    process: subprocess.Popen[bytes]
    master: int
    slave: int
    before: list[object]
    seen: bytes = b""

    def read(self, until: bytes, seconds: float = 30) -> None:
        """Raises AssertionError when it does not come."""
        end = time.monotonic() + seconds
        while until not in self.seen and time.monotonic() < end:
            self._drain(0.2)
        assert until in self.seen

    def idle(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._drain(0.1)

    def _drain(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            self.seen += os.read(self.master, 65536)

    def wait(self, seconds: float = 30) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self._drain(0.1)
        self._drain(0.1)
        code = self.process.poll()
        assert code is not None, "it did not end"
        return code


@contextmanager
def session(mode: str, state: Path, *, size: tuple[int, int] = (36, 120), **variables: str) -> Iterator[Session]:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, size)
    before = termios.tcgetattr(slave)
    environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8", **variables}
    process = subprocess.Popen(
        [sys.executable, str(MAIN), mode, str(state)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
    )
    try:
        yield Session(process, master, slave, before)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        for fd in (master, slave):
            os.close(fd)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_gives_128_and_the_terminal_back(number: signal.Signals, tmp_path: Path) -> None:
    with session("run", tmp_path) as seen:
        seen.read(b"fraud-model-v12")
        assert ALTERNATE_ON in seen.seen
        assert termios.tcgetattr(seen.slave) != seen.before, "it is raw while the screen is shown"
        seen.process.send_signal(number)
        assert seen.wait() == 128 + number
        assert ALTERNATE_OFF in seen.seen
        assert termios.tcgetattr(seen.slave) == seen.before
        assert (tmp_path / "stopped").read_text() == "release"


def test_a_terminal_that_says_it_is_0x0_gets_a_screen_that_comes_to_rest(tmp_path: Path) -> None:
    with session("run", tmp_path, size=(0, 0)) as seen:
        seen.read(b"fraud-model-v12")
        seen.idle(1.0)
        drawn = len(seen.seen)
        seen.idle(2.0)
        assert len(seen.seen) - drawn < 5_000


def test_a_screen_on_which_nothing_changes_writes_nothing(tmp_path: Path) -> None:
    with session("run", tmp_path) as seen:
        seen.read(b"fraud-model-v12")
        seen.idle(2.0)
        drawn = len(seen.seen)
        seen.idle(2.5)
        assert len(seen.seen) == drawn


def test_no_color_means_no_colour_and_the_cursor_is_reversed(tmp_path: Path) -> None:
    with session("run", tmp_path, NO_COLOR="1") as seen:
        seen.read(b"fraud-model-v12")
        seen.idle(1.0)
        styles = set(re.findall(rb"\x1b\[([0-9;]*)m", seen.seen))
        assert not [style for style in styles if re.search(rb"(^|;)([34]8;|3[0-7]|4[0-7]|9[0-7])", style)]
        assert [style for style in styles if b"7" in style.split(b";")]


def test_a_terminal_that_goes_away_ends_the_program(tmp_path: Path) -> None:
    pid, master = pty.fork()
    if pid == 0:  # pragma: no cover - the child becomes the program
        os.environ["TERM"] = "xterm-256color"
        time.sleep(0.3)
        os.execv(sys.executable, [sys.executable, str(MAIN), "run", str(tmp_path)])
    termios.tcsetwinsize(master, (36, 120))
    seen, end = b"", time.monotonic() + 30
    while b"fraud-model-v12" not in seen and time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 65536)
    os.close(master)
    code, end = None, time.monotonic() + 20
    while code is None and time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if ended else None
        time.sleep(0.05)
    if code is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert code == 128 + signal.SIGHUP


def test_quitting_gives_0_and_the_terminal_back(tmp_path: Path) -> None:
    with session("run", tmp_path) as seen:
        seen.read(b"fraud-model-v12")
        os.write(seen.master, b"q")
        assert seen.wait() == 0
        assert termios.tcgetattr(seen.slave) == seen.before
        assert (tmp_path / "stopped").read_text() == "release"


def test_a_crash_gives_1_a_sentence_and_a_file_but_no_traceback(tmp_path: Path) -> None:
    with session("crash", tmp_path) as seen:
        seen.read(b"fraud-model-v12")
        os.write(seen.master, b"/")
        assert seen.wait() == 1
        assert termios.tcgetattr(seen.slave) == seen.before
        after = seen.seen.split(ALTERNATE_OFF)[-1]
        assert b"the screen has failed (RuntimeError)" in after
        assert b"Traceback" not in seen.seen
        assert b"hunter2" not in seen.seen
        [written] = tmp_path.glob("crash-*.log")
        assert str(written).encode() in after.replace(b"\r\n", b"")
        assert "drawing failed 7" in written.read_text()
        assert written.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("term", "named"), [("dumb", b'TERM is "dumb"'), ("unknown", b'TERM is "unknown"'), ("", b"TERM is not set")]
)
def test_a_terminal_that_can_show_no_screen_is_refused(term: str, named: bytes, tmp_path: Path) -> None:
    with session("run", tmp_path, TERM=term) as seen:
        assert seen.wait() == 2
        assert named in seen.seen
        assert b"rolloutctl watch" in seen.seen
        assert b"\x1b" not in seen.seen
        assert (tmp_path / "stopped").read_text() == "release"


def test_without_a_terminal_it_refuses_and_names_what_works(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(MAIN), "run", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "rolloutctl watch" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert (tmp_path / "stopped").read_text() == "release"


def test_a_screen_that_is_stuck_ends_with_its_terminal(tmp_path: Path) -> None:
    """Its loop hears no signal any more, as when it waits for a write that never ends."""
    stuck = (
        "import sys, time; sys.argv[0] = sys.argv[1]; sys.path.insert(0, sys.argv[1].rpartition('/')[0])\n"
        "from rolloutctl.tui.app import RolloutApp\n"
        "RolloutApp.action_help = lambda self: time.sleep(60)\n"
        "import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    pid, master = pty.fork()
    if pid == 0:  # pragma: no cover - the child becomes the program
        os.environ["TERM"] = "xterm-256color"
        time.sleep(0.3)
        os.execv(sys.executable, [sys.executable, "-c", stuck, str(MAIN), "run", str(tmp_path)])
    termios.tcsetwinsize(master, (36, 120))
    seen, end = b"", time.monotonic() + 30
    while b"fraud-model-v12" not in seen and time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 65536)
    assert b"fraud-model-v12" in seen, seen[-500:]
    os.write(master, b"?")
    time.sleep(0.5)
    os.close(master)
    code, end = None, time.monotonic() + 40
    while code is None and time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if ended else None
        time.sleep(0.05)
    if code is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert code == 128 + signal.SIGHUP
