"""From a look to the blobs that the journal keeps of it: evidence of the look, and now and then a checkpoint. Pure.

Invariants: evidence and the checkpoints before it hold exactly the answers that were judged. What a source may still correct
goes into no checkpoint, and a source that corrects its past all the same is believed: such a query is stored anew and whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rolloutctl.engine.evidence.checkpoint import Checkpoint, encode_checkpoint
from rolloutctl.engine.evidence.due import settled
from rolloutctl.engine.evidence.kept import Kept, Stored
from rolloutctl.engine.evidence.look import Look, encode_look, said_of
from rolloutctl.engine.evidence.packing import Asked, Packed, asked_of
from rolloutctl.engine.evidence.parts import beginnings, between, digest_until, joined, size
from rolloutctl.engine.evidence.text import digest_of
from rolloutctl.judge.needs import phase_needs, queries_of
from rolloutctl.model.samples import Answer, Labels, Query, Samples
from rolloutctl.model.state import PhaseRun, RolloutState
from rolloutctl.model.verdict import PhaseState, Verdict
from rolloutctl.plan.model import Plan

MOST_SAMPLES = 1_000_000
"""In one blob, which is then about 1 to 8 MB compressed. What would take more is not kept, and says so when it is replayed."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One look: everything that was judged, and what came of it."""

    plan: Plan
    state: RolloutState
    run: PhaseRun
    now: float
    answers: Mapping[Query, Answer]
    verdicts: tuple[Verdict, ...]
    phase: PhaseState

    @property
    def phase_name(self) -> str:
        return self.plan.phases[self.run.index].name

    def asked(self) -> tuple[Query, ...]:
        """What the criteria asked; exposure is no verdict."""
        needed = phase_needs(self.plan, self.run.index, self.run.started_at.timestamp(), self.now).criteria
        return tuple(dict.fromkeys(query for need in needed for query in queries_of(need)))


def evidence(judged: Judged, kept: Kept, scrub: Callable[[str], str]) -> bytes | None:
    """None: it is more than the journal takes."""
    packed = tuple(_packed(judged, kept))
    if size(each.answer for each in packed if isinstance(each.answer, Samples)) > MOST_SAMPLES:
        return None
    look = Look(
        rollout=judged.state.id,
        plan_digest=judged.state.plan_digest,
        plan_blob=judged.state.plan_blob,
        phase=judged.phase_name,
        attempt=judged.run.attempt,
        started_at=judged.run.started_at.timestamp(),
        now=judged.now,
        phase_state=judged.phase.value,
        said=tuple(said_of(verdict, scrub) for verdict in judged.verdicts),
        answers=packed,
    )
    return encode_look(look, scrub)


def _packed(judged: Judged, kept: Kept) -> Iterator[Packed]:
    for query in judged.asked():
        answer = judged.answers.get(query)
        if answer is None:
            continue
        asked = asked_of(query)
        stored = kept.stored.get(asked)
        if stored is None or not isinstance(answer, Samples) or digest_until(answer, stored.until) != stored.digest:
            yield Packed(asked, None, answer)
        else:
            yield Packed(asked, stored.until, between(answer, stored.until, math.inf))


@dataclass(frozen=True, slots=True)
class Checkpointed:
    content: bytes
    until: float
    samples: int
    kept: Kept
    """What is known once it is journalled."""


def checkpoint(judged: Judged, kept: Kept, scrub: Callable[[str], str]) -> Checkpointed | None:
    """None: there is nothing to keep, or it is more than the journal takes."""
    until, begun = settled(judged.plan, judged.now), judged.run.started_at.timestamp()
    known, fresh = dict(kept.stored), []
    for query in judged.asked():
        answer = judged.answers.get(query)
        if not _anchored(query, begun) or not isinstance(answer, Samples) or answer.warnings:
            continue
        asked = asked_of(query)
        stored = kept.stored.get(asked)
        if stored is not None and digest_until(answer, stored.until) != stored.digest:
            stored = None
        part = between(answer, -math.inf if stored is None else stored.until, until)
        if part.series:
            fresh.append(Packed(asked, None if stored is None else stored.until, part))
        if part.series or stored is not None:
            known[asked] = Stored(until, digest_until(answer, until))
        else:
            known.pop(asked, None)
    samples = size(each.answer for each in fresh if isinstance(each.answer, Samples))
    if not samples or samples > MOST_SAMPLES:
        return None
    made = Checkpoint(judged.state.id, judged.phase_name, judged.run.attempt, until, tuple(fresh), known)
    content = encode_checkpoint(made, scrub)
    return Checkpointed(content, until, samples, _after(made, digest_of(content), kept))


def _after(made: Checkpoint, digest: str, kept: Kept) -> Kept:
    begins = {**begins_of(made.answers), **kept.begins}
    return replace(
        kept,
        attempt=made.attempt,
        checkpoints=(*kept.checkpoints, digest),
        until=made.until,
        stored=made.known,
        begins=begins,
        samples=None if kept.samples is None else _grown(kept.samples, made.answers),
    )


def _grown(known: Mapping[Asked, Samples], fresh: Iterable[Packed]) -> dict[Asked, Samples]:
    found = dict(known)
    for asked, after, answer in fresh:
        if isinstance(answer, Samples):
            found[asked] = joined([found[asked], answer]) if after is not None and asked in found else answer
    return found


def begins_of(answers: Iterable[Packed]) -> dict[Asked, Mapping[Labels, float]]:
    """First sample of every series in them."""
    return {each.asked: beginnings(each.answer) for each in answers if isinstance(each.answer, Samples)}


def _anchored(query: Query, begun: float) -> bool:
    """Whether every look of the phase asks it from the same time on."""
    return query.kind.has_past and query.start <= begun
