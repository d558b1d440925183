"""Answers to what no metrics source is asked: numbers that the journal holds, as if a source had scraped them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rolloutctl.judge.needs import Gauge, PhaseNeeds, ValueNeed
from rolloutctl.model.recorded import Recorded, Taken
from rolloutctl.model.samples import Answer, Query, QueryKind, Samples, Series

_TICK_S = 0.002


def recorded_answers(needs: PhaseNeeds, recorded: Mapping[str, Recorded]) -> dict[Query, Answer]:
    """To every RECORDED and RECORDED_AT query of a phase; without samples where nothing was recorded."""
    found: dict[Query, Answer] = {}
    for need in needs.criteria:
        if isinstance(need, ValueNeed) and need.canary.value.kind is QueryKind.RECORDED:
            taken = tuple(recorded.get(need.criterion.id, ()))
            lasts = 2 * (need.max_age_s or 0.0)
            found |= _answered(need.canary, [(each.at, each.canary) for each in taken], lasts)
            if need.baseline is not None:
                found |= _answered(need.baseline, _baseline(taken), lasts)
    return found


def _baseline(taken: Iterable[Taken]) -> list[tuple[float, float]]:
    return [(each.at, each.baseline) for each in taken if each.baseline is not None]


def _answered(gauge: Gauge, pairs: Sequence[tuple[float, float]], lasts: float) -> dict[Query, Answer]:
    times, values, dates = _on_grid(gauge.value, sorted(pairs, key=lambda pair: pair[0]), lasts)
    found: dict[Query, Answer] = {gauge.value: Samples((Series((), times, values),) if times else ())}
    for query in gauge.dated_by:
        found[query] = Samples((Series((), times, dates),) if times else ())
    return found


def _on_grid(query: Query, pairs: Sequence[tuple[float, float]], lasts: float) -> tuple[list[float], list[float], list[float]]:
    """Grid times, and the newest number at each of them with its own time; none where it is older than `lasts`."""
    times: list[float] = []
    values: list[float] = []
    dates: list[float] = []
    newest = -1
    for point in range(round((query.end - query.start) / query.step) + 1):
        at = query.start + point * query.step
        while newest + 1 < len(pairs) and pairs[newest + 1][0] <= at + _TICK_S:
            newest += 1
        if newest >= 0 and at - pairs[newest][0] <= lasts:
            times.append(at)
            values.append(pairs[newest][1])
            dates.append(pairs[newest][0])
    return times, values, dates
