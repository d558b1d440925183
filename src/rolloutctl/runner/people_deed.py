"""Steps that people do or are told of, and steps that only wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never
from urllib.parse import urlsplit

from rolloutctl.model.events import Notified
from rolloutctl.model.message import Ending, Message
from rolloutctl.model.run_words import step_key
from rolloutctl.runbook.placeholders import Landing, render
from rolloutctl.runbook.steps import ManualStep, NotifyStep, Proof, ProofKind, WaitStep
from rolloutctl.runner.action import Answer, Said
from rolloutctl.runner.deed import Failed, Interrupted, Look, Ok, Prepared, Result, Unknown, Unseen
from rolloutctl.runner.tools import Task, Tools, named
from rolloutctl.units import show_clock

_UNREADABLE = "nothing tells but people"


class NotifyDeed:
    def __init__(self, step: NotifyStep, run: str, title: str, values: Mapping[str, str], tools: Tools) -> None:
        self._step = step
        self._run = run
        self._title = title
        self._tools = tools
        self._text = render(step.text, values, Landing.TEXT)

    async def prepare(self) -> Prepared:
        return Prepared((f"{self._step.channel}: {self._text}",))

    async def carry(self, prepared: Prepared) -> Result:  # noqa: ARG002 - there is nothing to prepare
        channel, now = named(self._tools.channels, "channel", self._step.channel), self._tools.clock.now()
        message = Message(
            title=self._title,
            text=self._text,
            at=now,
            urgency=self._step.urgency,
            matter=self._step.matter,
            about=self._run,
            key=step_key(self._run, self._step.id),
        )
        delivery = await channel.notify(message)
        why = self._tools.scrub(delivery.why)
        await self._tools.commit(
            Notified(
                channel=self._step.channel,
                step=self._step.id,
                text=self._tools.scrub(self._text),
                delivered=delivery.ok,
                why="" if delivery.ok else why,
                at=self._tools.clock.now(),
            )
        )
        evidence = {"attempts": str(delivery.attempts)}
        match delivery.ending:
            case Ending.TAKEN:
                return Ok(evidence, why=why)
            case Ending.UNKNOWN:
                return Unknown(why, evidence)
            case Ending.REFUSED | Ending.NOT_SENT:
                return Failed(why, evidence)
            case _:
                assert_never(delivery.ending)

    async def look(self) -> Look:
        return Unseen(_UNREADABLE)


class ManualDeed:
    def __init__(self, step: ManualStep, title: str, values: Mapping[str, str], tools: Tools) -> None:
        self._tools = tools
        prompt = render(step.proof.prompt, values, Landing.TEXT) if step.proof is not None else ""
        instructions = render(step.instructions, values, Landing.TEXT)
        self._task = Task(step.id, title, instructions, prompt, step.within, lambda text: _wrong(step.proof, text))

    async def prepare(self) -> Prepared:
        return Prepared((f"a person: {self._task.instructions}",))

    async def carry(self, prepared: Prepared) -> Result:  # noqa: ARG002 - there is nothing to prepare
        said = await self._tools.people.do(self._task)
        match said:
            case Said(answer=Answer.DONE):
                return Ok({"proof": self._tools.scrub(said.text)} if said.text else {}, waited=said.waited)
            case Said(answer=Answer.STOP):
                return Interrupted()
            case Said(answer=Answer.NOBODY):
                within = show_clock(self._task.within.total_seconds())
                return Failed(f"nobody said within {within} that it is done", waited=said.waited)
            case _:
                return Failed(said.text or "a person said that it cannot be done", waited=said.waited)

    async def look(self) -> Look:
        return Unseen(_UNREADABLE)


class WaitDeed:
    def __init__(self, step: WaitStep, tools: Tools) -> None:
        self._step = step
        self._tools = tools

    async def prepare(self) -> Prepared:
        return Prepared((f"wait for {show_clock(self._step.length.total_seconds())}",))

    async def carry(self, prepared: Prepared) -> Result:  # noqa: ARG002 - there is nothing to prepare
        over = await self._tools.pause(self._step.length.total_seconds())
        return Ok() if over else Interrupted()

    async def look(self) -> Look:
        return Unseen("waiting changes nothing")


def _wrong(proof: Proof | None, text: str) -> str:
    if proof is None:
        return ""
    if len(text.strip()) < proof.min_length:
        return f"At least {proof.min_length} characters are needed."
    if proof.kind is ProofKind.URL and not (urlsplit(text.strip()).scheme in {"http", "https"} and urlsplit(text.strip()).netloc):
        return "A link is needed that begins with https:// or http://."
    return ""
