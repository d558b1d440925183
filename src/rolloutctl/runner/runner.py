"""Carries a run through: asks `next_action`, does it, commits what came of it, folds it, asks again.

Invariants: an intent is durable before anything of it is sent, its outcome before anything else is begun; the fold of what was
committed is all that is known of the run, so another process can go on from it at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from rolloutctl.errors import ExitCode, InvalidInput, RolloutctlError
from rolloutctl.model import run_events as body_of
from rolloutctl.model.events import Body, Event
from rolloutctl.model.kinds import Reality
from rolloutctl.model.run import Doing, Place, RunState, StepRun, apply_run
from rolloutctl.model.run_words import CleanUp, Part, RunMode, Section, step_key
from rolloutctl.runbook.fields import ConfirmKind
from rolloutctl.runbook.placeholders import RunFact
from rolloutctl.runbook.steps import AnyStep
from rolloutctl.runner.action import (
    Answer,
    Ask,
    Begin,
    Carry,
    End,
    Half,
    Leave,
    Page,
    Prove,
    Question,
    ReadBack,
    Said,
    TakeWord,
    Topic,
)
from rolloutctl.runner.deed import Deed, Failed, Interrupted, Look, Prepared, Result, Seen, Unknown, Unseen
from rolloutctl.runner.deeds import Workshop, title
from rolloutctl.runner.facts import LOOKS, TRIES, Crew, Facts
from rolloutctl.runner.nature import Told, sent_twice, told
from rolloutctl.runner.next import next_action, result_of
from rolloutctl.runner.outcomes import code_of, outcome
from rolloutctl.runner.questions import asked, page
from rolloutctl.units import show_duration

_BETWEEN_LOOKS_S = 0.5
_AFTER = frozenset({Section.AFTER_RECOVERED, Section.AFTER_NOT_RECOVERED})


@dataclass(frozen=True, slots=True)
class Left:
    """How this process left the run."""

    state: RunState
    code: ExitCode
    why: str


@dataclass(frozen=True, slots=True)
class _Made:
    """A half that this process has begun: what does it, or why it must not be done."""

    deed: Deed | None
    prepared: Prepared
    refused: str = ""


@dataclass(slots=True)
class Runner:
    """`state`: the fold of the run so far. `values`: of all placeholders but those of the run itself."""

    workshop: Workshop
    state: RunState
    values: dict[str, str]
    crew: Crew
    assume_yes: bool = False
    undoing: bool = False
    giving_up: str = ""
    _append: Callable[[Body], Awaitable[Event]] = field(init=False)
    _facts: Facts = field(init=False)
    _made: dict[Half, _Made] = field(init=False, default_factory=dict)
    _answers: dict[str, Said] = field(init=False, default_factory=dict)
    """Of the step that is begun next: its intent keeps them."""

    def __post_init__(self) -> None:
        self._append = self.workshop.tools.commit
        # What a step writes besides its outcome is folded too.
        self.workshop = replace(self.workshop, tools=replace(self.workshop.tools, commit=self._commit))
        self._facts = Facts(self.crew, yes=self.assume_yes, since=self.state.seq, undoing=self.undoing, giving_up=self.giving_up)

    async def run(self) -> Left:
        """Until the run is over, or this process has to leave it. Raises LeaseLost, JournalUnreachable."""
        while True:
            self._facts = replace(self._facts, stopping=self.workshop.tools.stopping.why)
            match next_action(self.workshop.runbook, self.state, self._facts):
                case Begin() as begin:
                    await self._begin(begin)
                case Carry(halves):
                    await self._carry(halves)
                case ReadBack(halves):
                    await self._read_back(halves)
                case Ask(question):
                    await self._ask(question)
                case TakeWord(half, happened):
                    await self._take_word(half, Reality.APPLIED if happened else Reality.NOT_APPLIED)
                case Page(question):
                    await self._page(question)
                case Prove(halves):
                    await self._prove(halves)
                case End() as end:
                    return await self._end(end)
                case Leave(code, why):
                    return Left(self.state, code, why)
                case never:
                    assert_never(never)

    # --- forward

    async def _begin(self, begin: Begin) -> None:
        skips = begin.skips
        for half in begin.halves:
            made, run = await self._prepare(half), self._run(half)
            said = self._answers.pop(half.step, Said(Answer.YES, self._beforehand(half)))
            event = await self._commit(
                body_of.StepIntent(
                    step=half.step,
                    part=half.part,
                    attempt=run.doing(half.part).attempts + 1,
                    requests=tuple(self._scrub(line) for line in made.prepared.requests),
                    key=step_key(self.state.id, half.step, half.part) if run.effect else "",
                    before=made.prepared.before,
                    answer=self._scrub(said.text),
                    waited=said.waited,
                    skips=skips,
                    at=self._now(),
                )
            )
            skips = ()
            self._made[half] = made
            self._facts = replace(self._facts, fresh=self._facts.fresh | {event.seq})

    def _beforehand(self, half: Half) -> str:
        """What the record says of a confirmation that was not asked for at this step."""
        if half.part is Part.UNDO or self._step(half).confirm.kind is ConfirmKind.NONE:
            return ""
        if self.state.confirmed:
            return "confirmed with the decision to roll back"
        return "confirmed beforehand" if self.assume_yes else ""

    async def _prepare(self, half: Half) -> _Made:
        """A step that cannot even be prepared has an intent and fails: the record tells it."""
        try:
            deed = await self._deed(half)
            prepared = await deed.prepare()
        except (ValueError, RolloutctlError) as error:
            return _Made(None, Prepared(), f"nothing was sent: {error}")
        # What is rehearsed has to be cleaned up, so nothing is sent over what could not be read. Live, it must be sent.
        refused = prepared.refusal if self.state.mode is RunMode.REHEARSE and half.part is Part.FORWARD else ""
        return _Made(deed, prepared, refused)

    async def _carry(self, halves: tuple[Half, ...]) -> None:
        if len(halves) == 1:
            await self._carry_one(halves[0])
            return
        ended = await asyncio.gather(*(self._carry_one(half) for half in halves), return_exceptions=True)
        for each in ended:
            if isinstance(each, BaseException):
                raise each

    async def _carry_one(self, half: Half) -> None:
        made, intent = self._made.pop(half), self._doing(half).intent
        try:
            result = await self._result(made)
        except asyncio.CancelledError:
            await self._commit_outcome(half, intent, Unknown("this process had to leave while it was under way"))
            raise
        self._facts = replace(self._facts, fresh=self._facts.fresh - {intent})
        if isinstance(result, Interrupted):
            self.workshop.tools.stopping.ask("it was asked to leave")
        elif isinstance(result, Unknown) and not self._run(half).effect:
            # A step that changes nothing cannot be in doubt.
            await self._commit_outcome(half, intent, Failed(result.why, result.evidence))
        else:
            await self._commit_outcome(half, intent, result)

    async def _result(self, made: _Made) -> Result:
        if made.deed is None or made.refused:
            return Failed(made.refused)
        try:
            return await made.deed.carry(made.prepared)
        except InvalidInput as error:
            return Failed(f"nothing was sent: {error}")
        except ValueError as error:
            return Unknown(f"it stopped on the way: {error}")

    # --- what nobody could tell of

    async def _read_back(self, halves: tuple[Half, ...]) -> None:
        if any(self._facts.looked.get(self._doing(half).intent, 0) for half in halves):
            await self.workshop.tools.pause(_BETWEEN_LOOKS_S)
        for half in halves:
            await self._look(half)

    async def _look(self, half: Half) -> None:
        doing = self._doing(half)
        readable = told(self._step(half), half.part) is Told.BY_READING
        look = await self._seen(half) if readable else Unseen("it cannot be read back")
        match look:
            case Seen(found=Reality.NOT_APPLIED, why=why) if not self._may_again(half, doing):
                await self._not_again(half, doing, why)
            case Seen(found=found, why=why):
                await self._reconcile(half, doing.intent, found, f"read back: {why}")
            case Unseen(why):
                self._looked(doing.intent)
                if doing.place is Place.RUNNING:
                    await self._commit_outcome(half, doing.intent, Unknown(why))

    def _may_again(self, half: Half, doing: Doing) -> bool:
        if half.part is Part.FORWARD and not sent_twice(self._step(half)):
            return False
        return doing.attempts < TRIES or doing.intent <= self._facts.since

    async def _not_again(self, half: Half, doing: Doing, why: str) -> None:
        if half.part is Part.FORWARD and not sent_twice(self._step(half)):
            self._looked(doing.intent, LOOKS)
            await self._commit_outcome(half, doing.intent, Unknown(f"it may be on its way still; read back: {why}"))
            return
        text = f"after {doing.attempts} tries it has not happened; read back: {why}"
        await self._commit_outcome(half, doing.intent, Failed(text))

    def _looked(self, intent: int, times: int = 1) -> None:
        self._facts = replace(self._facts, looked={**self._facts.looked, intent: self._facts.looked.get(intent, 0) + times})

    async def _seen(self, half: Half) -> Look:
        try:
            deed = await self._deed(half)
            return await deed.look()
        except (ValueError, RolloutctlError) as error:
            return Unseen(str(error))

    async def _prove(self, halves: tuple[Half, ...]) -> None:
        looks = await asyncio.gather(*(self._seen(half) for half in halves))
        wrong = tuple(
            self._scrub(f'"{half.step}" is not as the run left it: {look.why}')
            for half, look in zip(halves, looks, strict=True)
            if isinstance(look, Seen) and look.found is not Reality.APPLIED
        )
        proved = all(isinstance(look, Seen) and look.found is Reality.APPLIED for look in looks)
        self._facts = replace(self._facts, proved=proved, wrong=wrong)

    # --- people

    async def _ask(self, question: Question) -> None:
        said = await self._answer(question)
        before = self._answers.get(question.step, Said(Answer.YES))
        kept = replace(said, text=said.text or said.answer.value, waited=before.waited + said.waited)
        if said.answer not in {Answer.DONE, Answer.NOT_DONE}:
            self._answers[question.step] = kept
        self._facts = replace(self._facts, said={**self._facts.said, question: said})

    async def _answer(self, question: Question) -> Said:
        step = self._step(Half(question.step))
        if self.crew is not Crew.PERSON:
            return Said(Answer.NOBODY)
        return await self.workshop.tools.people.ask(asked(question, step, self.workshop.runbook, self.state, self.values))

    async def _take_word(self, half: Half, found: Reality) -> None:
        intent = self._doing(half).intent
        said = self._facts.said[Question(half.step, Topic.UNKNOWN, intent)]
        await self._reconcile(half, intent, found, said.text or said.answer.value, waited=said.waited, by_person=True)

    async def _page(self, question: Question) -> None:
        """Everybody who can be paged is told; that nobody could be is journalled too."""
        tools = self.workshop.tools
        message = page(question, title(self._step(Half(question.step)), self.values), self.state, self._now())
        for name in tools.pagers or ("",):
            channel = tools.channels.get(name)
            if channel is None:
                why = f'the config has no channel "{name}"' if name else "neither the runbook nor the config names a channel"
                await self._commit_told(name, message.text, why)
                continue
            delivery = await channel.notify(message)
            await self._commit_told(name, message.text, "" if delivery.ok else delivery.why)
        self._facts = replace(self._facts, paged=self._facts.paged | {question})

    # --- committing

    async def _end(self, end: End) -> Left:
        at = self._now()
        await self._commit(
            body_of.RunEnded(
                result=end.result,
                clean_up=end.clean_up,
                skipped=end.skipped,
                why=self._scrub(end.why),
                proved_at=at if self._facts.proved or end.clean_up is CleanUp.PROVED else None,
                at=at,
            )
        )
        return Left(self.state, code_of(self.state), end.why)

    async def _commit_outcome(self, half: Half, intent: int, result: Result) -> None:
        assert not isinstance(result, Interrupted), "what was interrupted has no outcome"
        await self._commit(outcome(half, intent, result, self._scrub, self._now()))

    async def _commit_told(self, channel: str, text: str, why: str) -> None:
        body = body_of.Notified(channel=channel, text=self._scrub(text), delivered=not why, why=self._scrub(why), at=self._now())
        await self._commit(body)

    async def _reconcile(
        self,
        half: Half,
        intent: int,
        found: Reality,
        why: str,
        *,
        waited: timedelta = timedelta(),
        by_person: bool = False,
    ) -> None:
        await self._commit(
            body_of.StepReconciled(
                intent=intent,
                step=half.step,
                part=half.part,
                found=found,
                by_person=by_person,
                why=self._scrub(why),
                waited=waited,
                at=self._now(),
            )
        )

    async def _commit(self, body: Body) -> Event:
        event = await self._append(body)
        folded = apply_run(self.state, event)
        assert folded is not None
        self.state = folded
        self.workshop.tools.watcher.saw(event, self.state)
        return event

    # --- looking things up

    async def _deed(self, half: Half) -> Deed:
        """Raises InvalidInput or ValueError for what can never be done."""
        values: Mapping[str, str] = self.values
        if self._run(half).section in _AFTER:
            values = {**values, **await self._run_facts()}
        return self.workshop.deed(self._step(half), half.part, self.state, values)

    async def _run_facts(self) -> dict[str, str]:
        """Steps that follow the others may speak of how the run went."""
        seq, digest = await self.workshop.tools.head()
        took = self.state.took
        facts = {
            RunFact.ID: self.state.id,
            RunFact.MODE: self.state.mode.value,
            RunFact.RESULT: result_of(self.workshop.runbook, self.state).value,
            RunFact.TIME_TO_ROLLBACK: show_duration(_whole_s(took)) if took is not None else "",
            RunFact.JOURNAL_SEQ: str(seq),
            RunFact.JOURNAL_HEAD: digest,
        }
        return {fact.value: value for fact, value in facts.items()}

    def under_way(self) -> dict[str, bool]:
        """Ids of the steps that are carried out just now, and whether each has an effect."""
        running = [run for run in self.state.steps for part in Part if run.doing(part).intent in self._facts.fresh]
        return {run.id: run.effect for run in running}

    def _run(self, half: Half) -> StepRun:
        run = self.state.step(half.step)
        assert run is not None, "actions name steps of the run"
        return run

    def _doing(self, half: Half) -> Doing:
        return self._run(half).doing(half.part)

    def _step(self, half: Half) -> AnyStep:
        found = self.workshop.runbook.step(half.step)
        assert found is not None, "the digest of the runbook is that of the run"
        return found

    def _scrub(self, text: str) -> str:
        return self.workshop.tools.scrub(text)

    def _now(self) -> datetime:
        return self.workshop.tools.clock.now()


def _whole_s(span: timedelta) -> timedelta:
    return timedelta(seconds=round(span.total_seconds()))
