"""Judging again what was journalled, from the journal alone: the same verdicts, or what differs.

Pure but for reading the journal. Numbers agree when they are equal to nine digits: another version of the array library may
round the last ones differently. When missing evidence began is a fact of earlier looks, and taken from the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from rolloutctl.engine.evidence.look import Look, Said, decode_look, is_look, said_of
from rolloutctl.engine.evidence.packing import Asked, asked_of
from rolloutctl.engine.evidence.parts import between, joined
from rolloutctl.engine.evidence.reading import samples_of
from rolloutctl.errors import InvalidInput
from rolloutctl.judge.judge import judge_phase
from rolloutctl.judge.needs import needs
from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.fold import fold
from rolloutctl.model.samples import Answer, Query, Samples
from rolloutctl.model.state import PhaseRun, RolloutState
from rolloutctl.model.verdict import Verdict, key_of
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.policy.phase_verdict import phase_verdict, worst_first

_SAME = 1e-9


class Reads(Protocol):
    """What is needed of a journal, or of an export of one."""

    def read(self, stream: str | None = None, after: int = 0, limit: int | None = None) -> Sequence[Event]: ...

    def get_blob(self, digest: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Difference:
    what: str
    """`errors/voice state`, `phase`, and so on."""
    journalled: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replayed:
    event: Event
    rollout: str
    phase: str
    attempt: int
    at: datetime
    """Source's time of the look."""
    said: tuple[Said, ...]
    """The verdicts, judged again."""
    differences: tuple[Difference, ...]


def replay(journal: Reads, seq: int) -> Replayed:
    """Raises InvalidInput (no such event, or it holds no evidence) and JournalCorrupt."""
    event = _event(journal, seq)
    blob = getattr(event.body, "blob", "")
    before = [each for each in journal.read(event.stream) if each.seq < seq]
    if not isinstance(event.body, ev.VerdictChanged | ev.BreachLatched | ev.PhaseReady | ev.DecisionMade) or not blob:
        raise _nothing_to_replay(event, before)
    content = journal.get_blob(blob)
    if not is_look(content):
        raise InvalidInput(
            f"event {seq} was journalled by a version that kept cells and no samples: that is not enough to judge again.",
            remedy="Events of this version can be replayed.",
        )
    look, state = decode_look(content), fold(before)
    if state is None or state.run is None:
        raise InvalidInput(f"before event {seq} no phase of {event.stream} had begun.", remedy="Run `rolloutctl journal verify`.")
    plan = read_plan(journal.get_blob(look.plan_blob).decode(), f"plan of {look.rollout}")
    verdicts = worst_first(tuple(_dated(each, look) for each in _judged(plan, state.run, look, journal)))
    said = tuple(said_of(verdict, str) for verdict in verdicts)
    differences = (*_of_the_place(look, state, plan), *_of_the_event(event, look), *_of_the_verdicts(look, said))
    if isinstance(event.body, ev.PhaseReady | ev.DecisionMade):
        now = phase_verdict(plan, verdicts, state.run).state.value
        differences = (*differences, *_differing("phase", look.phase_state, now))
    return Replayed(event, look.rollout, look.phase, look.attempt, datetime.fromtimestamp(look.now, UTC), said, differences)


def _event(journal: Reads, seq: int) -> Event:
    found = journal.read(None, seq - 1, 1) if seq > 0 else ()
    if not found or found[0].seq != seq:
        raise InvalidInput(f"the journal has no event {seq}.", remedy="`rolloutctl journal show` lists them with their numbers.")
    return found[0]


def _nothing_to_replay(event: Event, before: Sequence[Event]) -> InvalidInput:
    with_evidence = (each.seq for each in reversed(before) if getattr(each.body, "blob", "") and _is_verdict(each))
    newest = next(with_evidence, None)
    if _is_verdict(event):
        why = f"event {event.seq} ({event.kind}) was journalled without its evidence: it was more than the journal takes, or"
        why += " an older version wrote it."
    else:
        why = f"event {event.seq} ({event.kind}) rests on no evidence of its own."
    hint = f"The newest verdict before it is event {newest}." if newest is not None else "No verdict comes before it."
    return InvalidInput(why, remedy=hint)


def _is_verdict(event: Event) -> bool:
    return isinstance(event.body, ev.VerdictChanged | ev.BreachLatched)


def _judged(plan: Plan, run: PhaseRun, look: Look, journal: Reads) -> tuple[Verdict, ...]:
    kept: Mapping[Asked, Samples] = {}
    if any(each.after is not None for each in look.answers):
        kept = samples_of(run.checkpoints, journal.get_blob)
    answers = dict(_answers(plan, run.index, look, kept))
    return judge_phase(plan, run.index, look.started_at, look.now, answers)


def _answers(plan: Plan, index: int, look: Look, kept: Mapping[Asked, Samples]) -> Iterator[tuple[Query, Answer]]:
    stored = {each.asked: each for each in look.answers}
    for query in needs(plan, index, look.started_at, look.now):
        found = stored.get(asked_of(query))
        if found is None:
            continue
        if found.after is None or not isinstance(found.answer, Samples):
            yield query, found.answer
            continue
        older = between(kept.get(found.asked, Samples(())), -math.inf, found.after)
        yield query, replace(joined([older, found.answer]), warnings=found.answer.warnings)


def _dated(verdict: Verdict, look: Look) -> Verdict:
    if not verdict.state.missing_evidence or verdict.missing_since is not None:
        return verdict
    then = next((each for each in look.said if each.key == verdict.key), None)
    if then is None or then.missing_since is None:
        return verdict
    return replace(verdict, missing_since=then.missing_since, since=then.missing_since, grace_over=then.grace_over)


def _of_the_place(look: Look, state: RolloutState, plan: Plan) -> Iterator[Difference]:
    """The evidence has to be of the very attempt and plan that the journal says."""
    assert state.run is not None
    begun = repr(state.run.started_at.timestamp())
    yield from _differing("rollout", state.id, look.rollout)
    yield from _differing("attempt", str(state.run.attempt), str(look.attempt))
    yield from _differing("phase name", plan.phases[state.run.index].name, look.phase)
    yield from _differing("phase start", begun, repr(look.started_at))
    yield from _differing("plan", state.plan_blob, look.plan_blob)


def _of_the_event(event: Event, look: Look) -> Iterator[Difference]:
    """The event says what its evidence says."""
    body = event.body
    if isinstance(body, ev.VerdictChanged | ev.BreachLatched):
        key = key_of(body.criterion, body.segment)
        said = next((each for each in look.said if each.key == key), None)
        if said is None:
            yield Difference(f"{key} in the evidence", "there", "missing")
            return
        yield from _differing(f"{key} why in the evidence", body.why, said.why)
        yield from _numbers(f"{key} in the evidence", body.evidence, said.numbers)
        if isinstance(body, ev.VerdictChanged):
            yield from _differing(f"{key} state in the evidence", body.state, said.state)


def _of_the_verdicts(look: Look, said: Sequence[Said]) -> Iterator[Difference]:
    now = {each.key: each for each in said}
    for then in look.said:
        found = now.pop(then.key, None)
        if found is None:
            yield Difference(then.key, then.state, "no verdict")
            continue
        yield from _differing(f"{then.key} state", then.state, found.state)
        yield from _differing(f"{then.key} why", then.why, found.why)
        yield from _numbers(then.key, then.numbers, found.numbers)
        yield from _differing(f"{then.key} grace over", str(then.grace_over), str(found.grace_over))
    for key, more in now.items():
        yield Difference(key, "no verdict", more.state)


def _numbers(key: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*then, *now}):
        yield from _differing(f"{key} {name}", then.get(name, "none"), now.get(name, "none"), _close)


def _close(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=_SAME)
    except ValueError:
        return False


def _differing(
    what: str, then: str, now: str, same: Callable[[str, str], bool] = lambda _one, _other: False
) -> Iterator[Difference]:
    if then != now and not same(then, now):
        yield Difference(what, then, now)
