"""Programs that are measured: run to their end, or in a pseudo terminal; and what the kernel says about them (Linux)."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROLLOUTCTL = (sys.executable, "-m", "rolloutctl")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_=>])")
_COMPILED = Path(__file__).resolve().parents[1] / ".cache" / "bytecode"
_STOP_S = 15.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class BenchError(RuntimeError):
    """Something that is measured did not do what it should; the message holds the end of its output."""


def as_installed() -> dict[str, str]:
    """The environment of a program that is measured: Python keeps what it has compiled, as it does wherever people install it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(_COMPILED)}


def timed(command: Sequence[str], environment: Mapping[str, str], folder: Path, codes: Sequence[int] = (0,)) -> float:
    """Seconds from starting a program until it has ended with one of `codes`."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False, timeout=1200)
    took = time.perf_counter() - began
    if done.returncode not in codes:
        raise BenchError(f"{' '.join(command)} ended with {done.returncode}: {(done.stdout + done.stderr).decode()[-600:]}")
    return took


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads of a process since it began, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    if found is None:
        raise BenchError(f"process {pid} has ended.")
    return int(found[1]) / 1024


class Terminal:
    """A program in a terminal of its own, 120x40 unless said otherwise. Its output has to be `pump`ed or it stands still."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, size: tuple[int, int]) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (size[1], size[0]))
        self.output = bytearray()
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder, start_new_session=True
        )
        os.close(slave)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        return self._master

    def pump(self, seconds: float) -> bool:
        """Wait at most so long for output and take it; False: there was none."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            taken = os.read(self._master, 1 << 16)
        except OSError:
            taken = b""
        self.output += taken
        return bool(taken)

    def watch(self, seconds: float) -> None:
        """Take output for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.pump(left)

    def until(self, done: Callable[[bytes], bool], since: int = 0, within_s: float = 60.0) -> float:
        """The time (`perf_counter`) of the output that made `done` true of all output from `since` on."""
        give_up = time.perf_counter() + within_s
        while time.perf_counter() < give_up:
            if self.pump(0.05):
                now = time.perf_counter()
                if done(bytes(self.output[since:])):
                    return now
            elif self._process.poll() is not None:
                break
        raise BenchError(f"what was waited for was not drawn: …{plain(bytes(self.output[-3000:]))[-600:]!r}")

    def press(self, key: str) -> float:
        """Type a key; the time at which it went out."""
        now = time.perf_counter()
        os.write(self._master, key.encode())
        return now

    def stop(self) -> None:
        """Ask it to end, by its own process id; kill it where it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            end = time.perf_counter() + _STOP_S
            while self._process.poll() is None and time.perf_counter() < end:
                self.pump(0.05)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        with suppress(OSError):
            os.close(self._master)


@contextmanager
def terminal(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, size: tuple[int, int] = (120, 40)
) -> Iterator[Terminal]:
    variables = {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    variables.pop("NO_COLOR", None)
    opened = Terminal(command, variables, folder, size)
    try:
        yield opened
    finally:
        opened.stop()


def plain(output: bytes) -> str:
    """What was written, without escape sequences."""
    return _ESCAPES.sub(b"", output).decode(errors="replace")
