"""Queries and their answers as plain values for canonical JSON, and back, exactly. Pure.

    {"kind", "text", "start", "step", "by", "after", "axes": [column], "series": [[labels, axis, column, histograms?]],
     "warnings"?, "approximate"?}  or, of a query that failed,  {…, "failure": [kind, why]}

`after`: the samples are those later than that; the earlier ones are in checkpoints; null: these are all. Times of scrapes are
kept once for all series that share them (`axes`). Decimals are text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rolloutctl.engine.evidence.columns import Floats, column, numbers
from rolloutctl.model.histogram import Histogram
from rolloutctl.model.samples import Answer, FailureKind, Query, QueryKind, Samples, Series, SourceFailure


class Asked(NamedTuple):
    """A query without its end, which moves on from look to look."""

    kind: QueryKind
    text: str
    start: float
    step: float
    by: tuple[str, ...] | None


class Packed(NamedTuple):
    asked: Asked
    after: float | None
    answer: Answer


def asked_of(query: Query) -> Asked:
    return Asked(query.kind, query.text, query.start, query.step, query.by)


def pack_asked(asked: Asked) -> dict[str, Any]:
    by = None if asked.by is None else list(asked.by)
    return {"kind": asked.kind.value, "text": asked.text, "start": repr(asked.start), "step": repr(asked.step), "by": by}


def unpack_asked(stored: Mapping[str, Any]) -> Asked:
    by = stored["by"]
    kind, text = QueryKind(stored["kind"]), str(stored["text"])
    return Asked(kind, text, float(stored["start"]), float(stored["step"]), None if by is None else tuple(by))


def pack(packed: Packed, scrub: Callable[[str], str]) -> dict[str, Any]:
    """`scrub` takes secrets out of what a source said."""
    found = pack_asked(packed.asked)
    found["after"] = None if packed.after is None else repr(packed.after)
    match packed.answer:
        case SourceFailure(kind, why):
            found["failure"] = [kind.value, scrub(why)]
        case Samples(series, warnings, approximate):
            axes: dict[bytes, int] = {}
            columns: list[dict[str, Any]] = []
            found["series"] = [_series(one, axes, columns) for one in series]
            found["axes"] = columns
            if warnings:
                found["warnings"] = [scrub(warning) for warning in warnings]
            if approximate:
                found["approximate"] = True
    return found


def _series(one: Series, axes: dict[bytes, int], columns: list[dict[str, Any]]) -> list[Any]:
    times, values = one.arrays()
    key = times.tobytes()
    if key not in axes:
        axes[key] = len(columns)
        columns.append(column(times))
    stored: list[Any] = [[list(pair) for pair in one.labels], axes[key], column(values)]
    if one.histograms:
        stored.append([_histogram(each) for each in one.histograms])
    return stored


def _histogram(one: Histogram) -> list[Any]:
    return [repr(one.time), repr(one.count), repr(one.sum), [[repr(number) for number in bucket] for bucket in one.buckets]]


def unpack(stored: Mapping[str, Any]) -> Packed:
    """Raises KeyError, TypeError, ValueError, IndexError or OverflowError for what `pack` did not make."""
    after = stored["after"]
    return Packed(unpack_asked(stored), None if after is None else float(after), _answer(stored))


def _answer(stored: Mapping[str, Any]) -> Answer:
    if "failure" in stored:
        kind, why = stored["failure"]
        return SourceFailure(FailureKind(kind), str(why))
    axes = [numbers(each) for each in stored["axes"]]
    series = tuple(_unpacked(each, axes) for each in stored["series"])
    return Samples(series, tuple(map(str, stored.get("warnings", ()))), bool(stored.get("approximate")))


def _unpacked(stored: Sequence[Any], axes: Sequence[Floats]) -> Series:
    labels, axis, values, *more = stored
    histograms = tuple(_histogram_of(each) for each in (more[0] if more else ()))
    pairs = tuple((str(name), str(value)) for name, value in labels)
    times, found = axes[axis], numbers(values)
    if len(times) != len(found):
        msg = "a series has another number of times than of values"
        raise ValueError(msg)
    return Series.of_arrays(pairs, times, found, histograms)


def _histogram_of(stored: Sequence[Any]) -> Histogram:
    time, count, total, buckets = stored
    borders = tuple((float(lower), float(upper), float(number)) for lower, upper, number in buckets)
    return Histogram(float(time), float(count), float(total), borders)
