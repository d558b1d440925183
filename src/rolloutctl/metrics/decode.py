"""The Prometheus HTTP API's JSON into samples; pure.

Contract: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rolloutctl.model.samples import Series


class NotTheApi(Exception):
    """The answer is not what the API promises; the message says in which way, to stand behind `the source`."""


class TooManySeries(Exception):
    """More series than the config allows."""


def matrix(result: Any, max_series: int) -> tuple[Series, ...]:
    """`data.result` of a range query, or of an instant query of a range selector. Times in Unix s, NaN and infinities kept.

    Raises NotTheApi, TooManySeries.
    """
    if not isinstance(result, list):
        raise NotTheApi("answered something other than a list of series")
    if len(result) > max_series:
        raise TooManySeries(f"it returns {len(result):,} series, more than the {max_series:,} that `max_series` allows")
    return tuple(series for one in result if (series := _series(one)).times)


def scalar(result: Any) -> float:
    """`data.result` of an instant query that gives one number. Raises NotTheApi."""
    try:
        _, value = result
        return float(value)
    except (TypeError, ValueError):
        raise NotTheApi("answered something other than one number") from None


def _series(one: Any) -> Series:
    if not isinstance(one, dict) or not isinstance(one.get("metric"), dict):
        raise NotTheApi("answered something other than series with labels")
    if "histograms" in one:
        raise NotTheApi("answered native histograms where numbers are needed")
    values = one.get("values")
    if not isinstance(values, list):
        raise NotTheApi("answered series without samples over time")
    try:
        times, numbers = _numbers(values)
    except (TypeError, ValueError, OverflowError):
        raise NotTheApi("answered samples that are no pairs of time and number") from None
    labels = tuple(sorted((str(name), str(value)) for name, value in one["metric"].items()))
    return Series(labels, times, numbers)


def _numbers(values: Sequence[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(float(time) for time, _ in values), tuple(float(value) for _, value in values)
