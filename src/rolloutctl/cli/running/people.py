"""Asking the person at the terminal, and asking nobody where there is none.

Answers are read from standard input by the loop itself, so that a signal or the end of the time is heard while it waits.
"""

from __future__ import annotations

import asyncio
import codecs
import os
from collections.abc import Callable
from datetime import timedelta

from rolloutctl.ports import Clock
from rolloutctl.runner.action import Answer, Said, Topic
from rolloutctl.runner.tools import Asked, Stopping, Task
from rolloutctl.units import show_clock

_KEYS = {
    "y": Answer.YES,
    "yes": Answer.YES,
    "again": Answer.AGAIN,
    "a": Answer.AGAIN,
    "go": Answer.GO_ON,
    "go on": Answer.GO_ON,
    "g": Answer.GO_ON,
    "done": Answer.DONE,
    "d": Answer.DONE,
    "not done": Answer.NOT_DONE,
    "n": Answer.NOT_DONE,
    "stop": Answer.STOP,
    "s": Answer.STOP,
    "end": Answer.END,
    "e": Answer.END,
}
_WORDS = {
    Answer.YES: "[y]es",
    Answer.AGAIN: "[a]gain",
    Answer.GO_ON: "[g]o on without it",
    Answer.DONE: "[d]one: you looked, and it has happened",
    Answer.NOT_DONE: "[n]ot done: you looked, and it may be sent once more",
    Answer.STOP: "[s]top (can be resumed)",
    Answer.END: "[e]nd the run for good",
}


class Nobody:
    """`runner.tools.People` where there is no terminal."""

    async def ask(self, asked: Asked) -> Said:  # noqa: ARG002 - nobody hears it
        return Said(Answer.NOBODY)

    async def do(self, task: Task) -> Said:  # noqa: ARG002
        return Said(Answer.NOBODY)


class AtTerminal:
    """`runner.tools.People` for the person who started the run. One question at a time."""

    def __init__(self, say: Callable[[str], None], clock: Clock, stopping: Stopping, who: str, descriptor: int = 0) -> None:
        self._say = say
        self._clock = clock
        self._stopping = stopping
        self._who = who
        self._descriptor = descriptor
        self._turn = asyncio.Lock()
        self._left = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._over = False

    async def ask(self, asked: Asked) -> Said:
        async with self._turn:
            began = self._clock.monotonic()
            self._say("")
            self._say(f"?? {asked.text}")
            answer, text = await self._asked(asked, began)
            return Said(answer, text, self._since(began))

    async def do(self, task: Task) -> Said:
        async with self._turn:
            began = self._clock.monotonic()
            self._say("")
            self._say(f"?? {task.title}")
            self._say(task.instructions)
            prompt = task.prompt or "Is it done? [y]es"
            self._say(f"{prompt} (within {show_clock(task.within.total_seconds())}; `cannot WHY` if it cannot be done)")
            while True:
                line = await self._line(task.within.total_seconds() - self._since(began).total_seconds())
                if line is None:
                    stopped = Answer.STOP if self._stopping.why else Answer.NOBODY
                    return Said(stopped, "", self._since(began))
                if line.lower().startswith("cannot"):
                    return Said(Answer.GO_ON, line[6:].strip() or "a person said that it cannot be done", self._since(began))
                if not task.prompt and line.lower() not in {"y", "yes"}:
                    self._say("Type y when it is done.")
                    continue
                if wrong := task.wrong(line):
                    self._say(wrong)
                    continue
                return Said(Answer.DONE, line if task.prompt else "", self._since(began))

    async def _asked(self, asked: Asked, began: float) -> tuple[Answer, str]:
        self._say(self._how(asked))
        while True:
            left_s = None if asked.within is None else asked.within.total_seconds() - self._since(began).total_seconds()
            line = await self._line(left_s)
            if line is None:
                return (Answer.STOP, "") if self._stopping.why or self._over else (Answer.NOBODY, "")
            answer = self._understood(asked, line)
            if answer is not None:
                return answer, f"{self._who}: {line or 'Enter'}"
            self._say(self._how(asked))

    def _how(self, asked: Asked) -> str:
        if asked.question.topic is not Topic.CONFIRM:
            within = f" Within {show_clock(asked.within.total_seconds())}." if asked.within is not None else ""
            return "   " + ", ".join(_WORDS[answer] for answer in asked.answers) + f".{within}"
        if asked.not_by:
            return f"   Somebody else than {asked.not_by} types their name; or `stop`."
        return f"   Type {asked.type_this} to begin; or `stop`." if asked.type_this else "   Enter to begin; or `stop`."

    def _understood(self, asked: Asked, line: str) -> Answer | None:
        if line.lower() in {"stop", "s"}:
            return Answer.STOP
        if asked.question.topic is Topic.CONFIRM:
            return self._confirmed(asked, line)
        answer = _KEYS.get(line.lower())
        return answer if answer in asked.answers else None

    def _confirmed(self, asked: Asked, line: str) -> Answer | None:
        if asked.not_by:
            return Answer.YES if line and line.casefold() != asked.not_by.casefold() else None
        if asked.type_this:
            return Answer.YES if line == asked.type_this else None
        return Answer.YES if line.lower() in {"", "y", "yes"} else None

    def _since(self, began: float) -> timedelta:
        return timedelta(seconds=max(0.0, self._clock.monotonic() - began))

    async def _line(self, within_s: float | None) -> str | None:
        """The next line; None: the time is over, this process has to leave, or nobody types any more."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        if "\n" not in self._left and not self._over:
            loop.add_reader(self._descriptor, self._read, ready)
            try:
                await self._until(ready, within_s)
            finally:
                loop.remove_reader(self._descriptor)
        if "\n" not in self._left:
            return None
        line, _, self._left = self._left.partition("\n")
        return line.strip()

    async def _until(self, ready: asyncio.Event, within_s: float | None) -> None:
        waits = {asyncio.ensure_future(ready.wait()), asyncio.ensure_future(self._stopping.event.wait())}
        try:
            await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _read(self, ready: asyncio.Event) -> None:
        try:
            chunk = os.read(self._descriptor, 4096)
        except OSError:
            chunk = b""
        if not chunk:
            self._over = True
            ready.set()
            return
        self._left += self._decoder.decode(chunk)
        if "\n" in self._left:
            ready.set()
