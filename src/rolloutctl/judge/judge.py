"""Verdicts of a phase: one per criterion and segment, from the sealed plan, the phase's start, samples and "now".

Pure: the same input gives the same verdicts. Everything is computed from the phase's start each time; nothing is
remembered between calls. What a state of missing evidence does (`on_no_data` and the like) is policy's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rolloutctl.judge.answers import problem, texts
from rolloutctl.judge.bounds import limits_of
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.needs import Need, RatioNeed, Unaskable, ValueNeed, compares, phase_needs, queries_of
from rolloutctl.judge.ratio import ratio_tracks
from rolloutctl.judge.threshold import Missing, Track, conclude
from rolloutctl.judge.value import value_tracks
from rolloutctl.judge.words import span_long
from rolloutctl.model.samples import Answer, Query
from rolloutctl.model.verdict import Evidence, State, Verdict
from rolloutctl.plan.model import Criterion, Plan, ValueCriterion


def judge_phase(
    plan: Plan, phase_index: int, phase_start: float, now: float, answers: Mapping[Query, Answer]
) -> tuple[Verdict, ...]:
    """Verdicts in the plan's order, the whole before its segments.

    `phase_start` and `now` are Unix s by the source's clock; `answers` are those to `needs(plan, phase_index, phase_start,
    now)` with the same `now`. A query without an answer counts as a source that did not answer.
    """
    frame = Frame(plan, plan.phases[phase_index], phase_start, now)
    if now < phase_start:
        return tuple(_not_begun(criterion, frame) for criterion in plan.criteria_of(phase_index))
    found: list[Verdict] = []
    for need in phase_needs(plan, phase_index, phase_start, now).criteria:
        found += _judge(need, frame, answers)
    return tuple(found)


def _judge(need: Need, frame: Frame, answers: Mapping[Query, Answer]) -> list[Verdict]:
    criterion = need.criterion
    if isinstance(need, Unaskable):
        invalid = Missing(State.INVALID, need.why, "An amended plan.")
        return [_stopped(criterion, name, invalid, ()) for name in _known_segments(criterion, frame)]
    trouble = problem(answers, _needed(need))
    if trouble is not None:
        queries = texts(queries_of(need))
        return [_stopped(criterion, name, trouble, queries) for name in _known_segments(criterion, frame)]
    tracks: tuple[Track, ...]
    match need:
        case RatioNeed():
            tracks = ratio_tracks(need, frame, answers)
        case ValueNeed():
            tracks = value_tracks(need, frame, answers)
    limits = limits_of(criterion)
    return [conclude(criterion, frame, limits, track) for track in tracks] or [_nothing_seen(criterion, frame)]


def _needed(need: RatioNeed | ValueNeed) -> tuple[Query, ...]:
    """Queries without whose answer there is no verdict: a baseline that is only drawn is none of them."""
    return queries_of(need if compares(need.criterion) else replace(need, baseline=None))


def _known_segments(criterion: Criterion, frame: Frame) -> tuple[str, ...]:
    """What gets a verdict even where no answer tells which segments there are."""
    if isinstance(criterion, ValueCriterion):
        return (frame.required or ("",)) if criterion.by_segment else ("",)
    return ("", *frame.required)


def _stopped(criterion: Criterion, segment: str, missing: Missing, queries: tuple[str, ...]) -> Verdict:
    return Verdict(
        criterion=criterion.id,
        segment=segment,
        state=missing.state,
        why=missing.why,
        would_change=missing.would_change,
        evidence=Evidence(queries=queries),
    )


def _nothing_seen(criterion: Criterion, frame: Frame) -> Verdict:
    why = f'the canary has no series with the label "{frame.segment}", by which the criterion is judged.'
    missing = Missing(State.NO_DATA, why, "A series with that label, or `by_segment = false`.")
    first = frame.start + frame.step
    ended = int((frame.now - frame.start) / frame.step + 1e-6)
    verdict = _stopped(criterion, "", missing, ())
    return replace(verdict, since=min(first, frame.now), missing_since=min(first, frame.now), grace_over=ended >= frame.grace)


def _not_begun(criterion: Criterion, frame: Frame) -> Verdict:
    left = span_long(frame.start - frame.now)
    return Verdict(criterion.id, "", State.PENDING, f"the phase begins in {left}.", "The beginning of the phase.")
