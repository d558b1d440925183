"""Asking at a terminal: what is typed is understood, a signal and the end of the time are heard."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from rolloutctl.cli.running.people import AtTerminal, Nobody
from rolloutctl.engine.world.clock import SystemClock
from rolloutctl.runner.action import ANSWERS, Answer, Question, Said, Topic
from rolloutctl.runner.tools import Asked, Stopping, Task


class Desk:
    def __init__(self, descriptor: int, typing: int) -> None:
        self.stopping = Stopping()
        self.said: list[str] = []
        self.people = AtTerminal(self.said.append, SystemClock(), self.stopping, "ana", descriptor)
        self._typing = typing

    def type(self, text: str) -> None:
        os.write(self._typing, text.encode())


@pytest.fixture
def desk() -> Iterator[Desk]:
    reading, typing = os.pipe()
    yield Desk(reading, typing)
    os.close(reading)
    os.close(typing)


def question(topic: Topic, *, type_this: str = "", not_by: str = "", within_s: float | None = 30.0) -> Asked:
    within = timedelta(seconds=within_s) if within_s is not None else None
    return Asked(Question("off", topic), "Turn it off", "Turn it off?", ANSWERS[topic], type_this, not_by, within)


@pytest.mark.parametrize(
    ("asked", "typed", "answer"),
    [
        (question(Topic.CONFIRM), "\n", Answer.YES),
        (question(Topic.CONFIRM, type_this="ranker"), "yes\nranke\nranker\n", Answer.YES),
        (question(Topic.CONFIRM, type_this="ranker"), "stop\n", Answer.STOP),
        (question(Topic.CONFIRM, not_by="ana"), "Ana\n\nbea\n", Answer.YES),
        (question(Topic.FAILED), "what\nagain\n", Answer.AGAIN),
        (question(Topic.FAILED), "done\ng\n", Answer.GO_ON),
        (question(Topic.UNKNOWN), "\nyes\nn\n", Answer.NOT_DONE),
        (question(Topic.UNKNOWN), "D\n", Answer.DONE),
        (question(Topic.PREFLIGHT), "e\n", Answer.END),
    ],
)
async def test_what_is_typed_is_understood(desk: Desk, asked: Asked, typed: str, answer: Answer) -> None:
    desk.type(typed)
    said = await desk.people.ask(asked)
    assert said.answer is answer
    assert said.text.startswith("ana: ")
    assert said.waited >= timedelta()


async def test_nobody_answers_in_time(desk: Desk) -> None:
    said = await desk.people.ask(question(Topic.FAILED, within_s=0.05))
    assert said.answer is Answer.NOBODY


async def test_a_signal_is_heard_while_it_waits(desk: Desk) -> None:
    asking = asyncio.ensure_future(desk.people.ask(question(Topic.CONFIRM, within_s=None)))
    await asyncio.sleep(0)
    desk.stopping.ask("SIGTERM")
    assert (await asking).answer is Answer.STOP


async def test_a_proof_is_asked_until_it_is_one(desk: Desk) -> None:
    task = Task("call", "Call", "Call them.", "Whom?", timedelta(seconds=30), lambda text: "" if len(text) > 2 else "Longer.")
    desk.type("x\nbea\n")
    said = await desk.people.do(task)
    assert (said.answer, said.text) == (Answer.DONE, "bea")
    assert "Longer." in desk.said
    desk.type("cannot the phone is dead\n")
    said = await desk.people.do(task)
    assert (said.answer, said.text) == (Answer.GO_ON, "the phone is dead")


async def test_without_a_terminal_nobody_is_asked() -> None:
    assert await Nobody().ask(question(Topic.FAILED)) == Said(Answer.NOBODY)
