"""The Prometheus HTTP API's JSON into samples; pure.

Contract: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from operator import ge
from typing import Any

import numpy as np

from rolloutctl.model.histogram import Histogram
from rolloutctl.model.samples import Labels, Series


class NotTheApi(Exception):
    """The answer is not what the API promises; the message says in which way, to stand behind `the source`."""


class TooManySeries(Exception):
    """More series than is allowed."""


def matrix(result: Any, most: int) -> tuple[Series, ...]:
    """`data.result` of a range query, or of an instant query of a range selector. Times in Unix s, NaN and infinities kept.

    Raises NotTheApi, TooManySeries.
    """
    if not isinstance(result, list):
        raise NotTheApi("answered something other than a list of series")
    if len(result) > most:
        raise TooManySeries(f"it returns {len(result):,} series, more than the {most:,} that `max_series` allows")
    return tuple(series for one in result if len(series := _series(one)) or series.histograms)


def scalar(result: Any) -> float:
    """`data.result` of an instant query that gives one number: a scalar, or a vector of one, as VictoriaMetrics has it.

    Raises NotTheApi.
    """
    try:
        _, value = result[0]["value"] if len(result) == 1 else result
        return float(value)
    except (TypeError, ValueError, KeyError):
        raise NotTheApi("answered something other than one number") from None


def _series(one: Any) -> Series:
    if not isinstance(one, dict) or not isinstance(one.get("metric"), dict):
        raise NotTheApi("answered something other than series with labels")
    pairs, histograms = one.get("values"), one.get("histograms")
    if not isinstance(pairs, list) and not isinstance(histograms, list):
        raise NotTheApi("answered series without samples over time")
    try:
        times, values = _numbers(pairs or [])
        buckets = tuple(_histogram(*pair) for pair in histograms or ())
        labels = _labels(tuple(one["metric"].items()))
    except (TypeError, ValueError, OverflowError, KeyError, AttributeError):
        raise NotTheApi("answered samples that are no pairs of time and number") from None
    if any(map(ge, times, islice(times, 1, None))):
        raise NotTheApi("answered samples that are not in order of time")
    return Series.of_arrays(labels, np.array(times, dtype=np.float64), np.array(values, dtype=np.float64), buckets)


@lru_cache(maxsize=50_000)
def _labels(pairs: tuple[tuple[str, Any], ...]) -> Labels:
    """One value for the same labels, poll for poll."""
    return tuple(sorted((str(name), str(value)) for name, value in pairs))


def _numbers(pairs: Sequence[Any]) -> tuple[list[float], list[float]]:
    return [float(time) for time, _ in pairs], [float(value) for _, value in pairs]


def _histogram(time: Any, found: Any) -> Histogram:
    """Buckets come as [which borders belong to it, lower, upper, count]; a bucket without observations does not come."""
    buckets = sorted((float(lower), float(upper), float(count)) for _, lower, upper, count in found.get("buckets") or ())
    return Histogram(float(time), float(found["count"]), float(found["sum"]), tuple(buckets))
