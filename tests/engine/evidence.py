"""A phase that is looked at again and again, with a real journal that keeps what the looks rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from judge.worlds import START
from rolloutctl.engine.evidence import due
from rolloutctl.engine.evidence.completing import all_of, completed, lacks
from rolloutctl.engine.evidence.kept import Kept
from rolloutctl.engine.evidence.look import said_of
from rolloutctl.engine.evidence.parts import between
from rolloutctl.engine.evidence.reading import learnt, with_samples
from rolloutctl.engine.evidence.recording import Judged, checkpoint, evidence
from rolloutctl.engine.evidence.text import digest_of
from rolloutctl.engine.looking.judging import judge
from rolloutctl.engine.world.observations import Judgement
from rolloutctl.journal.sqlite import SqliteJournal
from rolloutctl.judge.needs import needs
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.events import Event
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import Purpose
from rolloutctl.model.samples import Answer, Query, Samples
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Author, Lease

ANA = Author("ana", "here")
STREAM = "rollout/p#1"
NOBODY = CohortState(enabled=False, cohort=Cohort(), native="{}", token="1")


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


class Answers(Protocol):
    def answer(self, query: Query) -> Answer: ...


@dataclass
class Phase:
    """`begin` journals a rollout in its first phase; `look` judges and journals as a driver does."""

    journal: SqliteJournal
    text: str
    world: Answers
    kept: Kept = field(default_factory=Kept)
    forgets_before: float = 0.0
    """Unix time before which the source has nothing any more."""
    start: float = START
    lease: Lease | None = None

    @property
    def plan(self) -> Plan:
        return read_plan(self.text, "plan")

    @property
    def state(self) -> RolloutState:
        found = fold(self.journal.read(STREAM))
        assert found is not None
        return found

    def at(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(self.start + seconds, UTC)

    def begin(self) -> None:
        self.journal.append(
            STREAM,
            ev.RolloutSealed(
                plan="p",
                attempt=1,
                title="p",
                owner="ana",
                target=Target(provider="flags", key="k", environment="production", project="default"),
                plan_digest="0" * 64,
                plan_blob=self.journal.put_blob(self.text.encode()),
                snapshot=NOBODY,
                source="metrics",
            ),
            ANA,
        )
        self.lease = self.journal.take_lease(STREAM, "driver", 3600, ANA, force=False)
        self.effect(ev.FlagIntent(purpose=Purpose.ADVANCE, phase="five", index=0, want=Cohort(percent=5), before="off"))
        seq = self.journal.head()[0]
        self.effect(ev.FlagApplied(intent=seq, state=NOBODY, at=self.at(0), settle_until=self.at(0)))
        self.effect(ev.PhaseBaking(phase="five", attempt=1, started_at=self.at(0)))

    def effect(self, body: ev.Body, *contents: bytes) -> Event:
        assert self.lease is not None
        return self.journal.append_held(self.lease, body, ANA, contents)

    def answers(self, seconds: float) -> Mapping[Query, Answer]:
        """What the source says at that time, completed as a driver completes it."""
        live = {query: self._live(query) for query in needs(self.plan, 0, self.start, self.start + seconds)}
        run = self.state.run
        assert run is not None
        self.kept = learnt(self.kept, run.attempt, run.checkpoints, self.journal.get_blob)
        short = lacks(self.kept, live)
        if short:
            self.kept = with_samples(self.kept, self.journal.get_blob)
        known = {query: all_of(self.kept, query) for query in short}
        return live | {query: completed(live[query], query, *found) for query, found in known.items() if found}

    def _live(self, query: Query) -> Answer:
        answer = self.world.answer(query)
        return between(answer, self.forgets_before, query.end + 1) if isinstance(answer, Samples) else answer

    def judgement(self, seconds: float, before: Judgement | None = None) -> Judgement:
        run = self.state.run
        assert run is not None
        return judge(self.plan, run, self.at(seconds), self.answers(seconds), before)

    def look(self, seconds: float, before: Judgement | None = None) -> tuple[Judgement, list[Event]]:
        """The judgement, and the event of every verdict."""
        found = self.judgement(seconds, before)
        judged = self.judged(found)
        content = evidence(judged, self.kept, str)
        assert content is not None
        written = [self.effect(self.changed(found, said.key, digest_of(content)), content) for said in map(_said, found.verdicts)]
        if due.is_due(judged.plan, judged.run, judged.now, self.kept, due.EVERY_S):
            made = checkpoint(judged, self.kept, str)
            assert made is not None
            until = datetime.fromtimestamp(made.until, UTC)
            blob = made.kept.checkpoints[-1]
            self.effect(ev.JudgeCheckpoint(phase="five", attempt=1, until=until, samples=made.samples, blob=blob), made.content)
            self.kept = made.kept
        return found, written

    def judged(self, found: Judgement) -> Judged:
        assert found.answers is not None
        state = self.state
        assert state.run is not None
        return Judged(self.plan, state, state.run, found.at.timestamp(), found.answers, found.verdicts, found.phase.state)

    def changed(self, found: Judgement, key: str, blob: str) -> ev.VerdictChanged:
        verdict = next(each for each in found.verdicts if each.key == key)
        said = _said(verdict)
        return ev.VerdictChanged(
            phase="five",
            attempt=1,
            criterion=said.criterion,
            segment=said.segment,
            state=said.state,
            why=said.why,
            at=found.at,
            evidence=dict(said.numbers),
            blob=blob,
        )

    def another_process(self) -> Phase:
        return replace(self, kept=Kept())


def _said(verdict):
    return said_of(verdict, str)
