"""What a run needs of the world: adapters by name, a clock, a way to commit, people. Handed in; nothing is built here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TypeVar

from rolloutctl.errors import InvalidInput
from rolloutctl.model.events import Body, Event
from rolloutctl.model.run import RunState
from rolloutctl.ports import Adapter, Channel, Clock, Provider, Source
from rolloutctl.runner.action import Answer, Question, Said

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a person."""

    question: Question
    title: str
    """What the step is, as people read it."""
    text: str
    """What is asked, in a sentence or more."""
    answers: tuple[Answer, ...]
    type_this: str = ""
    """Yes is said by typing this; empty: by Enter or a word."""
    not_by: str = ""
    """Somebody else than this person has to answer."""
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Something a person does, and gives a proof of."""

    step: str
    title: str
    instructions: str
    prompt: str
    """What is asked as proof; empty: a plain yes."""
    within: timedelta
    wrong: Callable[[str], str]
    """What is wrong with a proof, as a sentence; empty: nothing."""


class People(Protocol):
    async def ask(self, asked: Asked) -> Said:
        """Answer.NOBODY where nobody can be asked or the time is over."""
        ...

    async def do(self, task: Task) -> Said:
        """Answer.DONE with the proof as text; GO_ON: it cannot be done; NOBODY as above."""
        ...


class Watcher(Protocol):
    """Sees how it goes; must not raise or block."""

    def saw(self, event: Event, state: RunState) -> None: ...

    def note(self, step: str, text: str) -> None:
        """How a step stands that takes a while."""
        ...


@dataclass(slots=True)
class Stopping:
    """Set once this process has to leave: no more waiting."""

    why: str = ""
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, why: str) -> None:
        self.why = self.why or why
        self.event.set()


@dataclass(frozen=True, slots=True)
class Tools:
    adapters: Mapping[str, Adapter]
    alertmanagers: Mapping[str, Adapter]
    """By the name of their source."""
    sources: Mapping[str, Source]
    providers: Mapping[str, Provider]
    channels: Mapping[str, Channel]
    pagers: tuple[str, ...]
    """Channels that are told when a question is not answered."""
    clock: Clock
    commit: Callable[[Body], Awaitable[Event]]
    """Durable when it returns. Raises LeaseLost."""
    head: Callable[[], Awaitable[tuple[int, str]]]
    """(seq, hash) of the journal's newest event."""
    scrub: Callable[[str], str]
    random: Callable[[], float]
    people: People
    watcher: Watcher
    stopping: Stopping
    source: str = ""
    """Of steps that name none; empty: the only one there is."""

    async def pause(self, seconds: float) -> bool:
        """False: this process has to leave, and the time is not over."""
        if seconds <= 0:
            return not self.stopping.event.is_set()
        sleep = asyncio.ensure_future(self.clock.sleep(seconds))
        stop = asyncio.ensure_future(self.stopping.event.wait())
        try:
            await asyncio.wait({sleep, stop}, return_when=asyncio.FIRST_COMPLETED)
            return sleep.done() and not self.stopping.event.is_set()
        finally:
            sleep.cancel()
            stop.cancel()
            await asyncio.gather(sleep, stop, return_exceptions=True)


def named(things: Mapping[str, T], kind: str, name: str) -> T:
    """Raises InvalidInput naming what to declare."""
    if name not in things:
        raise InvalidInput(f'there is no {kind} "{name}" in the config.', remedy=f"Declare [{kind}s.{name}].")
    return things[name]


def only(things: Mapping[str, T], kind: str, name: str | None, step: str) -> T:
    """The named one; without a name the only one there is. Raises InvalidInput."""
    if name:
        return named(things, kind, name)
    if len(things) == 1:
        return next(iter(things.values()))
    there = ", ".join(things) or "none"
    raise InvalidInput(f'step "{step}" names no {kind}, and the config has {there}.', remedy=f'Write {kind} = "…" in the step.')
