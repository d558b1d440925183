"""PromQL functions of the embedded evaluator: over ranges of samples, and over numbers.

The rules are those of Prometheus 2.42: `rate`, `increase` and `delta` extrapolate to the ends of the window by at most
half an average gap (all of it when the gap is under 1.1 of the average), and a counter never below zero.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rolloutctl.demo.promql_values import Sample, without
from rolloutctl.demo.tsdb import Window
from rolloutctl.model.samples import Labels

_NEAR: Final = 1.1


@dataclass(frozen=True, slots=True)
class Span:
    """The window a range selector was asked for, in milliseconds."""

    start_ms: int
    end_ms: int

    @property
    def seconds(self) -> float:
        return (self.end_ms - self.start_ms) / 1000


RangeFunction = Callable[[Window, Span], float | None]


def _rate(window: Window, span: Span) -> float | None:
    grown = _increase(window, span)
    return None if grown is None else grown / span.seconds


def _increase(window: Window, span: Span) -> float | None:
    if len(window.values) < 2:
        return None
    grown = window.values[-1] - window.values[0]
    for before, after in zip(window.values[:-1], window.values[1:], strict=True):
        if after < before:
            grown += before
    # A counter that would have been below zero at the window's start began inside it.
    return grown * _stretch(window, span, to_zero=window.values[0] / grown if grown > 0 <= window.values[0] else None)


def _delta(window: Window, span: Span) -> float | None:
    if len(window.values) < 2:
        return None
    return (window.values[-1] - window.values[0]) * _stretch(window, span, to_zero=None)


def _stretch(window: Window, span: Span, *, to_zero: float | None) -> float:
    """Return by what factor the sampled change is extrapolated; `to_zero` is first value over growth."""
    sampled = (window.times_ms[-1] - window.times_ms[0]) / 1000
    gap = sampled / (len(window.times_ms) - 1)
    before = (window.times_ms[0] - span.start_ms) / 1000
    after = (span.end_ms - window.times_ms[-1]) / 1000
    if to_zero is not None:
        before = min(before, sampled * to_zero)
    stretched = sampled
    for side in (before, after):
        stretched += side if side < gap * _NEAR else gap / 2
    return stretched / sampled


RANGE_FUNCTIONS: Final[Mapping[str, RangeFunction]] = {
    "rate": _rate,
    "increase": _increase,
    "delta": _delta,
    "avg_over_time": lambda window, _: _mean(window.values),
    "sum_over_time": lambda window, _: _sum(window.values),
    "min_over_time": lambda window, _: least(window.values),
    "max_over_time": lambda window, _: greatest(window.values),
    "count_over_time": lambda window, _: float(len(window.values)),
    "last_over_time": lambda window, _: window.values[-1],
}
KEEPS_NAME: Final = frozenset({"last_over_time"})


def _sum(values: Sequence[float]) -> float:
    return math.fsum(values) if all(map(math.isfinite, values)) else sum(values)


def _mean(values: Sequence[float]) -> float:
    return _sum(values) / len(values)


def least(values: Sequence[float]) -> float:
    """Return the smallest; NaN only when there is nothing else."""
    return min((value for value in values if not math.isnan(value)), default=math.nan)


def greatest(values: Sequence[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


AGGREGATIONS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "sum": _sum,
    "avg": _mean,
    "min": least,
    "max": greatest,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
}


def clamp(value: float, low: float, high: float) -> float:
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return math.nan
    return max(low, min(high, value))


def histogram_quantile(quantile: float, samples: Sequence[Sample]) -> list[Sample]:
    """Interpolate within classic buckets; samples without a readable `le` are left out."""
    groups: dict[Labels, dict[float, float]] = {}
    for sample in samples:
        try:
            edge = float(dict(sample.labels)["le"])
        except (KeyError, ValueError):
            continue
        buckets = groups.setdefault(without(sample.labels, ["le"]), {})
        buckets[edge] = buckets.get(edge, 0.0) + sample.value
    return [Sample(labels, _quantile(quantile, sorted(buckets.items()))) for labels, buckets in groups.items()]


def _quantile(quantile: float, buckets: Sequence[tuple[float, float]]) -> float:
    if math.isnan(quantile) or quantile < 0 or quantile > 1:
        return math.nan if math.isnan(quantile) else math.copysign(math.inf, quantile)
    edges = [edge for edge, _ in buckets]
    if len(edges) < 2 or edges[-1] != math.inf:
        return math.nan
    counts: list[float] = []
    for _, count in buckets:
        counts.append(max(count, counts[-1]) if counts else count)
    if counts[-1] == 0 or math.isnan(counts[-1]):
        return math.nan
    rank = quantile * counts[-1]
    place = next((n for n, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if place == len(counts) - 1:
        return edges[-2]
    if place == 0:
        return edges[0] if edges[0] <= 0 else edges[0] * (rank / counts[0])
    inside = counts[place] - counts[place - 1]
    return edges[place - 1] + (edges[place] - edges[place - 1]) * ((rank - counts[place - 1]) / inside)
