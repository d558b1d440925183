"""A small Prometheus in memory, by the text of what is asked: enough of PromQL for what merging makes of queries."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import promql_parser as ast

from rolloutctl.metrics.failure import TooLarge, invalid
from rolloutctl.metrics.fetching import Fetching
from rolloutctl.metrics.limits import Limits
from rolloutctl.metrics.planning import Planner
from rolloutctl.metrics.question import Instant, Range
from rolloutctl.metrics.window import WindowCache
from rolloutctl.model.samples import FailureKind, QueryKind, Samples, Series

LOOKBACK_S = 300.0
Vector = dict[tuple[tuple[str, str], ...], float]


@dataclass
class Model:
    """`series`: labels with their samples (time, value) in order."""

    series: list[tuple[dict[str, str], list[tuple[float, float]]]]
    refuses: tuple[str, ...] = ()
    """Parts of texts that are answered with an error."""
    longest: int = 10**9
    """Characters of a query."""
    warns: tuple[str, ...] = ()
    asked: list[Instant | Range] = field(default_factory=list)

    async def ask(self, question: Instant | Range, most: int):
        self.asked.append(question)
        if len(question.text) > self.longest:
            return invalid("the query is too long.")
        if any(text in question.text for text in self.refuses):
            return invalid("no.")
        found = self.raw(question) if isinstance(question, Instant) else self.grid(question)
        if len(found) > most:
            return TooLarge(FailureKind.INVALID, "too many series.")
        return Samples(found, self.warns)

    def raw(self, question: Instant) -> tuple[Series, ...]:
        tree = ast.parse(question.text)
        begin = question.at - tree.range.total_seconds()
        return self.cut(tree.vector_selector, begin, question.at)

    def cut(self, selector, begin: float, end: float) -> tuple[Series, ...]:
        found = []
        for labels, samples in self.series:
            inside = [(t, v) for t, v in samples if begin <= t <= end]
            if inside and _fits(selector, labels):
                found.append(series_of(tuple(sorted(labels.items())), inside))
        return tuple(found)

    def grid(self, question: Range) -> tuple[Series, ...]:
        tree, rows = ast.parse(question.text), defaultdict(list)
        for number in range(round((question.end - question.start) / question.step) + 1):
            at = round(question.start + number * question.step, 3)
            for labels, value in self.value(tree, at).items():
                rows[labels].append((at, value))
        return tuple(series_of(labels, samples) for labels, samples in rows.items())

    def value(self, node, at: float) -> Vector:
        match node:
            case ast.ParenExpr():
                return self.value(node.expr, at)
            case ast.VectorSelector():
                return {labels: value for labels, (_, value) in self.newest(node, at).items()}
            case ast.Call() if node.func.name == "timestamp":
                return {_without_name(labels): time for labels, (time, _) in self.newest(node.args[0], at).items()}
            case ast.Call() if node.func.name == "label_replace":
                inner, name, replacement = self.value(node.args[0], at), node.args[1].val, node.args[2].val
                return {tuple(sorted((*labels, (name, replacement)))): value for labels, value in inner.items()}
            case ast.BinaryExpr() if str(node.op) == "or":
                left, right = self.value(node.lhs, at), self.value(node.rhs, at)
                known = {_without_name(labels) for labels in left}
                return left | {labels: value for labels, value in right.items() if _without_name(labels) not in known}
            case ast.AggregateExpr():
                groups: Vector = defaultdict(float)
                by = node.modifier.labels if node.modifier else []
                for labels, value in self.value(node.expr, at).items():
                    groups[tuple(pair for pair in labels if pair[0] in by)] += value if str(node.op) == "sum" else 1.0
                return dict(groups)
            case _:
                raise AssertionError(f"not in the model: {node}")

    def newest(self, selector, at: float) -> dict[tuple[tuple[str, str], ...], tuple[float, float]]:
        at -= selector.offset.total_seconds() if selector.offset else 0.0
        found = {}
        for labels, samples in self.series:
            place = bisect_right([t for t, _ in samples], at + 1e-6)
            if place and at - samples[place - 1][0] < LOOKBACK_S and _fits(selector, labels):
                found[tuple(sorted(labels.items()))] = samples[place - 1]
        return found

    def whole(self, query) -> tuple[Series, ...]:
        """What the answer has to be."""
        if query.kind is QueryKind.RAW:
            return self.cut(ast.parse(query.text), query.start, query.end)
        text = f"timestamp({query.text})" if query.kind is QueryKind.TIMESTAMP else query.text
        return self.grid(Range(text, query.start, query.end, query.step))


class Asker:
    """What `PrometheusSource` does with a model in place of HTTP."""

    def __init__(self, model: Model, *, ingest_delay: float = 15.0, max_series: int = 2000) -> None:
        self.model = model
        self.limits = Limits()
        self.planner = Planner(self.limits)
        self.cache = WindowCache(ingest_delay=ingest_delay)
        self.max_series = max_series
        self.clock = 0.0
        self.give_up_at = float("inf")

    async def fetch(self, queries):
        self.limits.tick()
        fetching = Fetching(
            self.model.ask,
            self.cache,
            self.limits,
            self.planner,
            max_series=self.max_series,
            monotonic=lambda: self.clock,
            give_up_at=self.give_up_at,
        )
        return await fetching.answers(list(dict.fromkeys(queries)))


def series_of(labels, samples) -> Series:
    times, values = np.array([t for t, _ in samples]), np.array([v for _, v in samples])
    return Series.of_arrays(labels, times, values)


def same(found, wanted) -> bool:
    """Whatever the order of series; times to the millisecond, in which grids are asked."""
    return _plain(found) == _plain(wanted)


def _plain(series):
    return sorted((one.labels, tuple(round(t, 3) for t in one.times), one.values) for one in series)


def _without_name(labels):
    return tuple(pair for pair in labels if pair[0] != "__name__")


def _fits(selector, labels: dict[str, str]) -> bool:
    if selector.name and labels.get("__name__") != selector.name:
        return False
    for matcher in selector.matchers.matchers:
        value = labels.get(matcher.name, "")
        kinds = ast.MatchOp.Equal, ast.MatchOp.NotEqual, ast.MatchOp.Re, ast.MatchOp.NotRe
        equal, unequal, fits, _ = (matcher.op == kind for kind in kinds)
        if equal or unequal:
            right = (value == matcher.value) is equal
        else:
            right = (re.fullmatch(matcher.value, value, re.DOTALL) is not None) is fits
        if not right:
            return False
    return True
