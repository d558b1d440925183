"""The judge, loaded when it is first asked: numpy takes longer to load than a rollback takes altogether."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolloutctl.judge.exposure import ExposureReading
    from rolloutctl.judge.live.memory import Asked, Memory
    from rolloutctl.model.recorded import Recorded
    from rolloutctl.model.samples import Answer, Query
    from rolloutctl.model.verdict import Verdict
    from rolloutctl.plan.model import Plan

# ruff: noqa: PLC0415 - that is what this module is for


def judge_phase(plan: Plan, index: int, start: float, now: float, answers: Mapping[Query, Answer]) -> tuple[Verdict, ...]:
    """`judge.judge.judge_phase`."""
    from rolloutctl.judge.judge import judge_phase as judged

    return judged(plan, index, start, now, answers)


def new_memory() -> Memory:
    """An empty `judge.live.memory.Memory`."""
    from rolloutctl.judge.live.memory import Memory

    return Memory()


def look(
    memory: Memory, asked: Sequence[Asked], now: float, answers: Mapping[Query, Answer]
) -> list[tuple[Verdict, ...] | Exception]:
    """`judge.live.memory.look`."""
    from rolloutctl.judge.live.memory import look as looked

    return looked(memory, asked, now, answers)


def asked_for(rollout: str, attempt: int, plan: Plan, phase: int, start: float) -> Asked:
    """`judge.live.memory.Asked`."""
    from rolloutctl.judge.live.memory import Asked

    return Asked(rollout, attempt, plan, phase, start)


def needs(plan: Plan, index: int, start: float, now: float) -> tuple[Query, ...]:
    """`judge.needs.needs`."""
    from rolloutctl.judge.needs import needs as needed

    return needed(plan, index, start, now)


def recorded_answers(plan: Plan, index: int, start: float, now: float, recorded: Mapping[str, Recorded]) -> dict[Query, Answer]:
    """`judge.recorded.recorded_answers`."""
    from rolloutctl.judge.needs import phase_needs
    from rolloutctl.judge.recorded import recorded_answers as answered

    return answered(phase_needs(plan, index, start, now), recorded)


def read_exposure(plan: Plan, index: int, start: float, now: float, answers: Mapping[Query, Answer]) -> ExposureReading:
    """`judge.exposure.read_exposure`."""
    from rolloutctl.judge.exposure import read_exposure as read

    return read(plan, index, start, now, answers)
