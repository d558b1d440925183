"""Raw counters into arrays of increments per cell, segment and host: the rules of `counters`, for the tests by evidence.

A counter that falls was reset, and what it shows then is its increment; the first sample of a series only says where it
begins; a missing scrape's events come with the next one; an interval that began before `origin` is not counted. Samples that
are no numbers are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rolloutctl.judge.presence import Presence, presence
from rolloutctl.judge.rates.counts import Floats
from rolloutctl.model.samples import Samples, Series

EDGE = 1e-4
"""Of a cell: a sample this close behind a border belongs to the cell before it."""
TICK_S = 0.002
_SAMPLED, _FEWEST = 21, 3


@dataclass(frozen=True, slots=True)
class Labels:
    """Which labels tell replicas and segments apart; None where the plan names none."""

    host: str | None
    segment: str | None

    def place(self, series: Series) -> tuple[str, str]:
        """(segment, host); empty where there is no such label."""
        return series.label(self.segment) if self.segment else "", series.label(self.host) if self.host else ""


@dataclass(frozen=True, slots=True)
class Span:
    """Cells of equal length from `start` on; what happened before `origin` does not count."""

    start: float
    length: float
    cells: int
    origin: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What one selector counted in one arm."""

    segments: tuple[str, ...]
    hosts: tuple[str, ...]
    increments: Floats
    """(cells, segments, hosts)."""
    broken: Floats
    """Samples that were no numbers, per cell."""
    scrapes: Floats
    """Samples per cell, broken ones included."""
    seen: Presence
    """Of each host."""
    by_segment: dict[str, Presence] = field(default_factory=dict)
    series: int = 0

    def on(self, segments: Sequence[str], hosts: Sequence[str]) -> Floats:
        """The increments on these axes; zero where this selector had nothing, and nothing of what is not on them."""
        shape = len(self.increments), len(segments), len(hosts)
        placed = np.zeros(shape)
        theirs = {name: at for at, name in enumerate(self.segments)}, {name: at for at, name in enumerate(self.hosts)}
        for s, segment in enumerate(segments):
            for h, host in enumerate(hosts):
                if segment in theirs[0] and host in theirs[1]:
                    placed[:, s, h] = self.increments[:, theirs[0][segment], theirs[1][host]]
        return placed


def ordered(samples: Samples, until: float) -> tuple[Series, ...]:
    """One series per set of labels, its samples in order of time, each time once (the last given), none after `until`."""
    by_labels: dict[tuple[tuple[str, str], ...], list[Series]] = {}
    for one in samples.series:
        by_labels.setdefault(one.labels, []).append(one)
    found = []
    for labels, parts in sorted(by_labels.items()):
        at, values = (
            np.concatenate([part.arrays()[i] for part in parts]) if len(parts) > 1 else parts[0].arrays()[i] for i in (0, 1)
        )
        if not (at[1:] > at[:-1]).all():
            order = np.argsort(at, kind="stable")
            at, values = at[order], values[order]
            last = np.append(at[1:] > at[:-1], True)
            at, values = at[last], values[last]
        known = int(np.searchsorted(at, until, side="right"))
        if known:
            whole = known == len(at) and len(parts) == 1
            found.append(
                parts[0] if whole and at is parts[0].arrays()[0] else Series.of_arrays(labels, at[:known], values[:known])
            )
    return tuple(found)


def sampling(series: Iterable[Series], start: float) -> list[list[float]]:
    """Sample times that tell how often each series is scraped in a phase: its first ones, else the last before it."""
    found = []
    for one in series:
        at = one.arrays()[0]
        first = int(np.searchsorted(at, start - TICK_S))
        few = at[first : first + _SAMPLED] if len(at) - first > _FEWEST else at[-_SAMPLED:]
        found.append(few.tolist())
    return found


def tally(series: Iterable[Series], span: Span, labels: Labels) -> Tally:
    """`series` are tidy: sorted by labels, each in order of time."""
    known = list(series)
    places = [labels.place(one) for one in known]
    segments = tuple(sorted({segment for segment, _ in places}))
    hosts = tuple(sorted({host for _, host in places}))
    increments = np.zeros((span.cells, len(segments), len(hosts)))
    broken, scrapes = np.zeros(span.cells), np.zeros(span.cells)
    times: dict[str, list[Floats]] = {}
    in_segment: dict[str, dict[str, list[Floats]]] = {}
    for one, (segment, host) in zip(known, places, strict=True):
        at, values = one.arrays()
        times.setdefault(host, []).append(at)
        in_segment.setdefault(segment, {}).setdefault(host, []).append(at)
        _add(increments[:, segments.index(segment), hosts.index(host)], at, values, span, broken, scrapes)
    seen = presence(times)
    return Tally(
        segments=segments,
        hosts=hosts,
        increments=increments,
        broken=broken,
        scrapes=scrapes,
        seen=seen,
        by_segment={segment: presence(parts) for segment, parts in in_segment.items()}
        if len(segments) > 1
        else dict.fromkeys(segments, seen),
        series=len(known),
    )


def _add(into: Floats, at: Floats, values: Floats, span: Span, broken: Floats, scrapes: Floats) -> None:
    cell = np.ceil((at - span.start) / span.length - EDGE).astype(np.int64) - 1
    judged = (cell >= 0) & (cell < span.cells)
    finite = np.isfinite(values)
    np.add.at(scrapes, cell[judged], 1.0)
    np.add.at(broken, cell[judged & ~finite], 1.0)
    at, values, cell = at[finite], values[finite], cell[finite]
    if len(at) < 2:
        return
    grown = values[1:] - values[:-1]
    grown = np.where(grown >= 0, grown, values[1:])
    counts = (at[:-1] >= span.origin - TICK_S) & (cell[1:] >= 0) & (cell[1:] < span.cells)
    np.add.at(into, cell[1:][counts], grown[counts])
