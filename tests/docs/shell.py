"""A shell that types what a page shows, and compares the answers with those on the page.

Times, digests, who and where, and measured values differ from run to run: they are compared as what they are. A line that is
`…` stands for any lines, `…` in a line for any text.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+"), "<time>"),
    (re.compile(r"\d\d:\d\d:\d\d [A-Z]+"), "<time>"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "<digest>"),
    (re.compile(r"\b\w+@[\w.-]+:\d+"), "<process>"),
    (re.compile(r"\b(canary|baseline)( +)[\d.]+ %"), r"\1\2<measured>"),
    (re.compile(r"\b\d+\.\d+ %"), "<measured>"),
    (re.compile(r"\brevision \d+"), "revision <number>"),
    (re.compile(r"\b\d+s of (?=\d+s)"), "<seconds> of "),
    (re.compile(r"\bin \d+s\b"), "in <seconds>"),
)
_DONE = re.compile(r"\x01(\d+)\x01\n")


@dataclass(frozen=True)
class Typed:
    command: str
    answer: str


def typed(text: str) -> Iterator[Typed]:
    """Each command of a console block with the answer that the page shows."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, answer = part.partition("\n")
        yield Typed(command, answer.rstrip("\n"))


def same(shown: str, said: str, *, more: bool = False) -> bool:
    """Whether the answer is the one that is shown; `more`: something may follow."""
    pattern = ""
    for line in _alike(shown).splitlines():
        pattern += "(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + "\n"
    return re.match(pattern + ("" if more else r"\Z"), _alike(said).rstrip("\n") + "\n" if said.strip() else "") is not None


def _alike(text: str) -> str:
    for varying, word in _VARIES:
        text = varying.sub(word, text)
    return text


@dataclass
class Shell:
    folder: Path
    environment: Mapping[str, str]
    stays: bool = False
    """What it runs last stays in the foreground until `interrupt`."""
    said: str = ""
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def type(self, command: str, shown: str, seconds: float) -> None:
        """Raises AssertionError with both texts when the answer is not the one that is shown."""
        assert self.process.stdin is not None
        self.said = ""
        self.process.stdin.write(f"{command}\n__=$?; printf '\\1%d\\1\\n' $__; (exit $__)\n".encode())
        self.process.stdin.flush()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._read(0.1)
            done = _DONE.search(self.said)
            if done is not None:
                said = self.said[: done.start()]
                assert same(shown, said), f"$ {command}\nshown:\n{shown}\n\nsaid:\n{said}"
                return
            if self.stays and shown and same(shown, self.said, more=True):
                return
        raise AssertionError(f"$ {command}\nnot within {seconds:g} s; shown:\n{shown}\n\nsaid:\n{self.said}")

    def _read(self, seconds: float) -> None:
        assert self.process.stdout is not None
        if select.select([self.process.stdout], [], [], seconds)[0]:
            self.said += os.read(self.process.stdout.fileno(), 65536).decode()

    def interrupt(self, seconds: float = 30) -> None:
        """Ctrl+C, and the end of the shell. Raises AssertionError when it does not end."""
        os.killpg(self.process.pid, signal.SIGINT)
        assert self._ends(seconds), f"it did not end:\n{self.said}"

    def leave(self) -> None:
        """Whatever is left is ended, however the test went: asked first, so that it can clean up behind itself."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGINT)
        if not self._ends(20):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _ends(self, seconds: float) -> bool:
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self._read(0.1)
        return self.process.poll() is not None
