"""The judge, loaded when it is first asked: numpy takes longer to load than a rollback takes altogether."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolloutctl.judge.exposure import ExposureReading
    from rolloutctl.model.samples import Answer, Query
    from rolloutctl.model.verdict import Verdict
    from rolloutctl.plan.model import Plan

# ruff: noqa: PLC0415 - that is what this module is for


def judge_phase(plan: Plan, index: int, start: float, now: float, answers: Mapping[Query, Answer]) -> tuple[Verdict, ...]:
    """`judge.judge.judge_phase`."""
    from rolloutctl.judge.judge import judge_phase as judged

    return judged(plan, index, start, now, answers)


def needs(plan: Plan, index: int, start: float, now: float) -> tuple[Query, ...]:
    """`judge.needs.needs`."""
    from rolloutctl.judge.needs import needs as needed

    return needed(plan, index, start, now)


def read_exposure(plan: Plan, index: int, start: float, now: float, answers: Mapping[Query, Answer]) -> ExposureReading:
    """`judge.exposure.read_exposure`."""
    from rolloutctl.judge.exposure import read_exposure as read

    return read(plan, index, start, now, answers)
