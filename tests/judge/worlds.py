"""Samples as a source would give them: counters and gauges of hosts, and the answers to whatever the judge asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rolloutctl.judge.judge import judge_phase
from rolloutctl.judge.needs import needs
from rolloutctl.model.samples import Answer, Query, QueryKind, Samples, Series
from rolloutctl.model.verdict import Verdict
from rolloutctl.plan.model import Plan

START = 1_700_000_000.0
STEP = 15.0


def plan_of(
    criteria: Sequence[Mapping[str, Any]],
    *,
    metrics: Mapping[str, Any] | None = None,
    phase: Mapping[str, Any] | None = None,
    judge: Mapping[str, Any] | None = None,
) -> Plan:
    return Plan.model_validate(
        {
            "format": 1,
            "name": "p",
            "owner": "ana",
            "flag": {"provider": "unleash", "key": "k", "environment": "prod"},
            "metrics": {
                "source": "prometheus",
                "canary": 'version="2"',
                "baseline": 'version="1"',
                "host": "instance",
                **(metrics or {}),
            },
            "judge": judge or {},
            "criteria": list(criteria),
            "phases": [{"name": "five", "owner": "ana", "cohort": {"percent": 20}, "bake": "2h", **(phase or {})}],
        }
    )


def ratio(**more: Any) -> dict[str, Any]:
    return {"id": "errors", "type": "ratio", "test": "threshold", "bad": "bad{$arm}", "total": "req{$arm}", **more}


def value(**more: Any) -> dict[str, Any]:
    return {"id": "cost", "type": "value", "test": "threshold", "expr": "cost{$arm}", **more}


@dataclass
class World:
    """Series by name and labels; answers selectors by name and equality matchers."""

    series: list[Series] = field(default_factory=list)
    failures: dict[str, Answer] = field(default_factory=dict)
    """By a piece of the query's text."""

    def add(self, name: str, times: Iterable[float], values: Iterable[float], **labels: str) -> World:
        pairs = tuple(sorted({"__name__": name, **labels}.items()))
        self.series.append(Series(pairs, tuple(times), tuple(map(float, values))))
        return self

    def counter(
        self,
        name: str,
        per_step: float | Callable[[float], float],
        until: float,
        *,
        since: float = -600,
        every: float = STEP,
        offset: float = 3.0,
        begin: float = 1000.0,
        **labels: str,
    ) -> World:
        """A counter scraped `every` s; increments per scrape may depend on seconds into the phase."""
        times, values, shown = [], [], begin
        at = since + offset
        while at <= until:
            shown += per_step(at) if callable(per_step) else per_step
            times.append(START + at)
            values.append(shown)
            at += every
        return self.add(name, times, values, **labels)

    def gauge(
        self,
        name: str,
        of: float | Callable[[float], float],
        until: float,
        *,
        since: float = -600,
        every: float = STEP,
        offset: float = 3.0,
        **labels: str,
    ) -> World:
        times = [START + since + offset + i * every for i in range(int((until - since - offset) // every) + 1)]
        return self.add(name, times, [of(t - START) if callable(of) else of for t in times], **labels)

    def answer(self, query: Query) -> Answer:
        for piece, failure in self.failures.items():
            if piece in query.text:
                return failure
        if query.kind in {QueryKind.RULE, QueryKind.ANNOUNCED}:
            named = (query.kind.name, query.text)
            return Samples(tuple(s for s in self.series if (s.label("__name__"), s.label("alertname")) == named))
        chosen = [series for series in self.series if _matches(query.text, series)]
        if query.kind is QueryKind.RAW:
            return Samples(tuple(s for s in (_cut(one, query.start, query.end) for one in chosen) if s.times))
        count = round((query.end - query.start) / query.step) + 1
        grid = [query.start + i * query.step for i in range(count)]
        return Samples(tuple(s for s in (_on_grid(one, grid, query.kind) for one in chosen) if s.times))

    def answers(self, plan: Plan, at: float) -> dict[Query, Answer]:
        return {query: self.answer(query) for query in needs(plan, 0, START, START + at)}

    def judge(self, plan: Plan, at: float) -> dict[str, Verdict]:
        """Verdicts `at` seconds into the phase, by key."""
        return {v.key: v for v in judge_phase(plan, 0, START, START + at, self.answers(plan, at))}


def _matches(text: str, series: Series) -> bool:
    name = re.match(r"\w+", text)
    wanted = dict(re.findall(r'(\w+)="([^"]*)"', text))
    return bool(name) and series.label("__name__") == name[0] and all(series.label(k) == v for k, v in wanted.items())


def _cut(series: Series, start: float, end: float) -> Series:
    kept = [(t, v) for t, v in zip(series.times, series.values, strict=True) if start <= t <= end]
    return Series(series.labels, tuple(t for t, _ in kept), tuple(v for _, v in kept))


def _on_grid(series: Series, grid: Sequence[float], kind: QueryKind, lookback: float = 300.0) -> Series:
    """As an instant vector at every grid time; a series whose scrapes stop is gone after two of them."""
    times, values = [], []
    index = -1
    gap = 2 * max(STEP, series.times[1] - series.times[0] if len(series.times) > 1 else STEP)
    for at in grid:
        while index + 1 < len(series.times) and series.times[index + 1] <= at:
            index += 1
        if index >= 0 and at - series.times[index] < min(lookback, gap):
            times.append(at)
            values.append(series.times[index] if kind is QueryKind.TIMESTAMP else series.values[index])
    labels = tuple(pair for pair in series.labels if kind is QueryKind.GRID or pair[0] != "__name__")
    return Series(labels, tuple(times), tuple(values))
