"""Verdicts of a phase: one per criterion and segment, from the sealed plan, the phase's start, samples and "now".

Pure: the same input gives the same verdicts. Everything is computed from the phase's start each time; nothing is
remembered between calls. What a state of missing evidence does (`on_no_data` and the like) is policy's business.
Looks that follow each other are equal and cheaper through `judge.live.memory`; both begin with `hear`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rolloutctl.judge.alert import judge_alert
from rolloutctl.judge.answers import problem, texts
from rolloutctl.judge.bounds import limits_of
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.needs import (
    AlertNeed,
    LatencyNeed,
    Need,
    RatioNeed,
    Unaskable,
    ValueNeed,
    compares,
    phase_needs,
    queries_of,
)
from rolloutctl.judge.ratio import ratio_tracks
from rolloutctl.judge.threshold import Missing, Track, conclude
from rolloutctl.judge.value import value_tracks
from rolloutctl.judge.words import span_long
from rolloutctl.model.samples import Answer, Query
from rolloutctl.model.verdict import Evidence, State, Verdict
from rolloutctl.plan.model import AlertCriterion, AnyCriterion, HttpCriterion, LatencyCriterion, Plan, ValueCriterion

if TYPE_CHECKING:
    from rolloutctl.judge.blocks import BlockMemory
    from rolloutctl.judge.ruling import Course


def judge_phase(
    plan: Plan, phase_index: int, phase_start: float, now: float, answers: Mapping[Query, Answer]
) -> tuple[Verdict, ...]:
    """Verdicts in the plan's order, the whole before its segments.

    `phase_start` and `now` are Unix s by the source's clock; `answers` are those to `needs(plan, phase_index, phase_start,
    now)` with the same `now`. A query without an answer counts as a source that did not answer.
    """
    return heard(plan, phase_index, phase_start, now, answers).verdicts(now)


def heard(plan: Plan, phase_index: int, phase_start: float, until: float, answers: Mapping[Query, Answer]) -> Heard:
    """Everything that answers up to `until` say, to be asked for verdicts at any time up to then."""
    frame = Frame(plan, plan.phases[phase_index], phase_start, until)
    found = tuple(hear(need, frame, answers, phase_index) for need in phase_needs(plan, phase_index, phase_start, until).criteria)
    return Heard(plan, phase_index, frame, answers, found)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A criterion about which nothing can be told, whenever it is asked."""

    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class ByEvidence:
    courses: tuple[Course, ...]


@dataclass(frozen=True, slots=True)
class ByAlert:
    """Gone through anew for every look."""

    need: AlertNeed


@dataclass(frozen=True, slots=True)
class ByThreshold:
    """Gone through anew for every look."""

    criterion: AnyCriterion


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a phase; `verdicts` gives them as they were at a time, from what was known then."""

    plan: Plan
    phase_index: int
    frame: Frame
    answers: Mapping[Query, Answer]
    criteria: tuple[Stopped | ByEvidence | ByThreshold | ByAlert, ...]

    def verdicts(self, now: float, *, detailed: bool = True) -> tuple[Verdict, ...]:
        """`detailed`: with numbers and cells in the evidence."""
        frame = replace(self.frame, now=now)
        if now < frame.start:
            return tuple(_not_begun(criterion, frame) for criterion in self.plan.judged_of(self.phase_index))
        found: list[Verdict] = []
        known: tuple[Mapping[Query, Answer], Mapping[str, Need]] | None = None
        for each in self.criteria:
            match each:
                case Stopped(verdicts):
                    found += verdicts
                case ByEvidence(courses):
                    found += [course.verdict(now) if detailed else course.state(now) for course in courses]
                case ByAlert(need):
                    found.append(judge_alert(need, frame, self.answers))
                case ByThreshold(criterion):
                    known = self._as_of(now) if known is None else known
                    found += _by_threshold(known[1][criterion.id], frame, known[0])
        return tuple(found)

    def _as_of(self, now: float) -> tuple[Mapping[Query, Answer], Mapping[str, Need]]:
        """The same answers under the queries of an earlier look; what is later in them is not looked at."""
        asked = phase_needs(self.plan, self.phase_index, self.frame.start, self.frame.now)
        earlier = phase_needs(self.plan, self.phase_index, self.frame.start, now)
        pairs = zip(earlier.queries(), asked.queries(), strict=True)
        answers = {then: self.answers[later] for then, later in pairs if later in self.answers}
        return answers, {need.criterion.id: need for need in earlier.criteria}


def hear(
    need: Need, frame: Frame, answers: Mapping[Query, Answer], phase_index: int, memory: BlockMemory | None = None
) -> Stopped | ByEvidence | ByThreshold | ByAlert:
    criterion, frame = need.criterion, _fitted(frame, need)
    if isinstance(need, AlertNeed):
        return ByAlert(need)
    if isinstance(need, Unaskable):
        invalid = Missing(State.INVALID, need.why, "An amended plan.")
        return Stopped(tuple(_stopped(criterion, name, invalid, ()) for name in _known_segments(criterion, frame)))
    trouble = problem(answers, _needed(need))
    if trouble is not None:
        queries = texts(queries_of(need))
        return Stopped(tuple(_stopped(criterion, name, trouble, queries) for name in _known_segments(criterion, frame)))
    if not need.criterion.by_evidence:
        return ByThreshold(need.criterion)
    courses = _courses(need, frame, answers, phase_index, memory)
    return ByEvidence(courses) if courses else Stopped((_nothing_seen(criterion, frame),))


def _fitted(frame: Frame, need: Need) -> Frame:
    """With the age that the evidence of this criterion may have."""
    return replace(frame, max_age_s=need.max_age_s) if isinstance(need, ValueNeed) else frame


def _courses(
    need: RatioNeed | ValueNeed | LatencyNeed,
    frame: Frame,
    answers: Mapping[Query, Answer],
    phase_index: int,
    memory: BlockMemory | None,
) -> tuple[Course, ...]:
    # numpy costs a tenth of a second: it is loaded with the first criterion that is judged by evidence.
    from rolloutctl.judge.latency_tests import latency_courses  # noqa: PLC0415
    from rolloutctl.judge.rate_tests import ratio_courses  # noqa: PLC0415
    from rolloutctl.judge.value_tests import value_courses  # noqa: PLC0415

    match need:
        case RatioNeed():
            return ratio_courses(need, frame, answers, phase_index)
        case ValueNeed():
            return value_courses(need, frame, answers, phase_index, memory)
        case LatencyNeed():
            return latency_courses(need, frame, answers, phase_index)


def _by_threshold(need: Need, frame: Frame, answers: Mapping[Query, Answer]) -> list[Verdict]:
    tracks: tuple[Track, ...] = ()
    criterion, frame = need.criterion, _fitted(frame, need)
    match need:
        case RatioNeed():
            tracks = ratio_tracks(need, frame, answers)
        case ValueNeed():
            tracks = value_tracks(need, frame, answers)
        case LatencyNeed() | AlertNeed() | Unaskable():
            pass
    if isinstance(criterion, LatencyCriterion | HttpCriterion | AlertCriterion) or not tracks:
        return [_nothing_seen(criterion, frame)]
    limits = limits_of(criterion)
    return [conclude(criterion, frame, limits, track) for track in tracks]


def _needed(need: RatioNeed | ValueNeed | LatencyNeed) -> tuple[Query, ...]:
    """Queries without whose answer there is no verdict: a baseline that is only drawn is none of them."""
    return queries_of(need if compares(need.criterion) else replace(need, baseline=None))


def _known_segments(criterion: AnyCriterion, frame: Frame) -> tuple[str, ...]:
    """What gets a verdict even where no answer tells which segments there are."""
    if isinstance(criterion, ValueCriterion):
        return (frame.required or ("",)) if criterion.by_segment else ("",)
    if isinstance(criterion, LatencyCriterion | HttpCriterion | AlertCriterion):
        return ("",)
    return ("", *frame.required)


def _stopped(criterion: AnyCriterion, segment: str, missing: Missing, queries: tuple[str, ...]) -> Verdict:
    return Verdict(
        criterion=criterion.id,
        segment=segment,
        state=missing.state,
        why=missing.why,
        would_change=missing.would_change,
        evidence=Evidence(queries=queries),
    )


def _nothing_seen(criterion: AnyCriterion, frame: Frame) -> Verdict:
    why = f'the canary has no series with the label "{frame.segment}", by which the criterion is judged.'
    missing = Missing(State.NO_DATA, why, "A series with that label, or `by_segment = false`.")
    first = frame.start + frame.step
    ended = int((frame.now - frame.start) / frame.step + 1e-6)
    verdict = _stopped(criterion, "", missing, ())
    return replace(verdict, since=min(first, frame.now), missing_since=min(first, frame.now), grace_over=ended >= frame.grace)


def _not_begun(criterion: AnyCriterion, frame: Frame) -> Verdict:
    left = span_long(frame.start - frame.now)
    return Verdict(criterion.id, "", State.PENDING, f"the phase begins in {left}.", "The beginning of the phase.")
