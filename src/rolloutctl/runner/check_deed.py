"""A `check` step: asks until it holds for long enough, or the time is over. The clock is the source's.

Invariant: it never passes on an answer that is empty, NaN, infinite, partial, stale or of several series, nor on an expression
that looks at no series at all; a look without an answer breaks what had held.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rolloutctl.errors import RolloutctlError
from rolloutctl.judge.promql import selectors
from rolloutctl.model.samples import Answer, Query, QueryKind, Samples, SourceFailure
from rolloutctl.ports import Source
from rolloutctl.runbook.placeholders import Landing, render
from rolloutctl.runbook.steps import Bound, CheckStep, Sets
from rolloutctl.runner.deed import Failed, Interrupted, Look, Ok, Prepared, Result, Unseen
from rolloutctl.runner.tools import Tools, only
from rolloutctl.runner.until import Sight, until_it_holds
from rolloutctl.units import show_clock

_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class _Asked:
    shown: str
    text: str
    bound: Bound


class CheckDeed:
    def __init__(self, step: CheckStep, values: Mapping[str, str], tools: Tools) -> None:
        self._step = step
        self._tools = tools
        guard = step.guard
        self._asked = [_Asked("value", render(step.promql, values, Landing.PROMQL), step.passes)]
        if guard is not None:
            self._asked.append(_Asked("guard", render(guard.promql, values, Landing.PROMQL), guard))

    async def prepare(self) -> Prepared:
        return Prepared(tuple(f"{each.text} {each.bound.op} {each.bound.value}" for each in self._asked))

    async def carry(self, prepared: Prepared) -> Result:  # noqa: ARG002 - reads need no preparation
        step = self._step
        sight = await until_it_holds(self._look_once, step.id, step.hold, step.every, step.within, self._tools)
        match sight:
            case None:
                return Interrupted()
            case Sight(holds=True):
                return Ok(sight.evidence, recovered=step.sets is Sets.RECOVERED, why=sight.why)
            case _:
                return Failed(f"it did not hold within {show_clock(step.within.total_seconds())}: {sight.why}", sight.evidence)

    async def look(self) -> Look:
        return Unseen("a check changes nothing")

    async def _look_once(self) -> Sight:
        try:
            source = only(self._tools.sources, "source", self._step.source or self._tools.source, self._step.id)
            now = await source.now()
            return await self._sight(source, now)
        except (RolloutctlError, ValueError) as error:
            return Sight(False, str(error))

    async def _sight(self, source: Source, now: datetime) -> Sight:
        at = now.timestamp()
        values = [Query(QueryKind.GRID, each.text, at, at, _STEP_S) for each in self._asked]
        ages = [Query(QueryKind.TIMESTAMP, text, at, at, _STEP_S) for text in self._selectors()]
        answers = await source.fetch(tuple(dict.fromkeys((*values, *ages))))
        wrong = self._wrong_age([answers[query] for query in ages], at)
        evidence, holds, words = {"at": now.isoformat(timespec="milliseconds")}, not wrong, []
        for each, query in zip(self._asked, values, strict=True):
            number = _number(answers[query])
            if isinstance(number, str):
                holds = False
                words.append(f"{each.shown}: {number}")
                continue
            evidence[each.shown] = str(number)
            inside = each.bound.op.holds(number, Decimal(each.bound.value))
            holds = holds and inside
            wanted = f"{each.bound.op} {each.bound.value}"
            words.append(f"{each.shown} {number:.6g}" + ("" if inside else f", wanted {wanted}"))
        return Sight(holds, "; ".join([*words, *([wrong] if wrong else [])]), evidence)

    def _selectors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(selector for each in self._asked for selector in selectors(each.text)))

    def _wrong_age(self, answers: list[Answer], at: float) -> str:
        """Every selector that has series must have a fresh one, and one of them must have some."""
        if not answers:
            return "the expression looks at no series, so nothing says how old its value is"
        newest: list[float] = []
        for answer in answers:
            if isinstance(answer, SourceFailure):
                return answer.why
            if answer.warnings:
                return f"the answer is partial: {answer.warnings[0]}"
            seen = [value for series in answer.series for value in series.values if math.isfinite(value)]
            newest += [max(seen)] if seen else []
        if not newest:
            return "no series"
        age_s = at - min(newest)
        if age_s > self._step.max_sample_age.total_seconds():
            return (
                f"the newest sample is {show_clock(age_s)} old, {show_clock(self._step.max_sample_age.total_seconds())} allowed"
            )
        return ""


def _number(answer: Answer) -> Decimal | str:
    """The one finite number of an answer, or what is wrong with it."""
    match answer:
        case SourceFailure(why=why):
            return why
        case Samples(warnings=warnings) if warnings:
            return f"the answer is partial: {warnings[0]}"
        case Samples(approximate=True):
            return "the source gave estimates"
        case Samples(series=series):
            if len(series) > 1:
                return f"{len(series)} series where one number was meant"
            if not series or not series[0].values:
                return "no data"
            value = series[0].values[-1]
            return Decimal(repr(value)) if math.isfinite(value) else f"the value is {value}"
        case _:
            return "no answer"
