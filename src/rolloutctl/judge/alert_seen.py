"""In which cells of a phase an alert was seen, from the samples of a source; where it comes from does not matter.

A source writes a sample at every evaluation in which an alert is pending or firing. Between two evaluations it goes on as it
was; behind the last one for as long as one evaluation takes to come.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rolloutctl.model.alerts import ALERT_STATE, OURS
from rolloutctl.model.samples import Labels, Series

_TICK_S = 0.002
_LABELS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Ended:
    """The cells of a phase that have ended: cell i is from `start + i * step` to one step later."""

    start: float
    step: float
    count: int
    now: float

    @classmethod
    def by(cls, now: float, start: float, step: float) -> Ended:
        return cls(start, step, max(0, int((now - start + _TICK_S) // step)), now)

    def end(self, cell: int) -> float:
        return self.start + (cell + 1) * self.step

    def cell_of(self, time: float) -> int:
        """The cell whose end is the first at or after that time."""
        return math.ceil((time - self.start - _TICK_S) / self.step) - 1


@dataclass(frozen=True, slots=True)
class Seen:
    """One alert, told from others by its labels."""

    labels: Labels
    """Its own, sorted."""
    cells: frozenset[int]
    """Ended cells at whose end it was there."""
    before: bool
    """It was there before the phase began already."""


def by_source(alerts: Iterable[Series], state: str, every_s: float, ended: Ended) -> tuple[Seen, ...]:
    """From the `ALERTS` series in that state, by labels; what is later than now is not looked at."""
    found = []
    for series in alerts:
        if series.label(ALERT_STATE) != state:
            continue
        pairs = zip(series.times, series.values, strict=True)
        times = sorted(time for time, value in pairs if value > 0 and time <= ended.now + _TICK_S)
        if times:
            before = times[0] <= ended.start
            found.append(Seen(_own(series.labels), frozenset(_cells(times, every_s, ended)), before))
    return tuple(sorted(found, key=lambda seen: seen.labels))


def by_alertmanager(alerts: Iterable[Series], wanted: Mapping[str, str], ended: Ended) -> tuple[Seen, ...]:
    """From what fires at an Alertmanager now: since its sample's time without a break."""
    found = []
    for series in alerts:
        own = _own(series.labels)
        if any(dict(own).get(name) != value for name, value in wanted.items()) or not series.times:
            continue
        since = max(series.times[0], ended.start + 2 * _TICK_S)
        cells = frozenset(range(max(0, ended.cell_of(since)), ended.count))
        found.append(Seen(own, cells, before=series.times[0] <= ended.start))
    return tuple(sorted(found, key=lambda seen: seen.labels))


def together(ours: Sequence[Seen], theirs: Sequence[Seen]) -> tuple[Seen, ...]:
    """Alerts of both, once each: on its way to an Alertmanager an alert is given labels more, and loses none."""
    known = [set(seen.labels) for seen in ours]
    return (*ours, *(seen for seen in theirs if not any(labels <= set(seen.labels) for labels in known)))


def usual_gap(alerts: Iterable[Series]) -> float:
    """Seconds between evaluations as samples show it; 0 where there are too few to say."""
    gaps = [later - earlier for series in alerts for earlier, later in pairwise(sorted(series.times)) if later > earlier]
    return median(gaps) if gaps else 0.0


def shown(instances: Sequence[Seen]) -> str:
    """` (severity="page", service="checkout")`; of several the first, and how many more."""
    if not instances:
        return ""
    labels = ", ".join(f'{name}="{value}"' for name, value in instances[0].labels[:_LABELS_SHOWN])
    more = f" and {len(instances) - 1} more" if len(instances) > 1 else ""
    return f" ({labels}){more}" if labels else more


def _own(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in OURS)


def _cells(times: Sequence[float], every_s: float, ended: Ended) -> set[int]:
    found: set[int] = set()
    for time, later in pairwise((*times, math.inf)):
        if time > ended.start:
            first = ended.cell_of(time)
            last = max(first, ended.cell_of(min(time + every_s, later)))
            found.update(range(first, min(ended.count, last + 1)))
    return found
