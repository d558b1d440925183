"""When real samples of an arm were seen: what freshness, closing of cells and missing evidence rest on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from rolloutctl.judge.grid import Grid

NEVER = -math.inf


@dataclass(frozen=True, slots=True)
class Sightings:
    """Of one arm, whole or one segment. Times are Unix s; NEVER where there is none."""

    by_cell: Sequence[float]
    """Newest sample seen by the end of each ended cell."""
    hosts: Mapping[str, float]
    """Newest sample of each host, by now."""
    newest: float
    """Newest sample by now."""


def sightings(grid: Grid, in_cells: Mapping[int, float], before: float, hosts: Mapping[str, float]) -> Sightings:
    """From the newest sample of each cell (the cell after the last ended one included) and of the time before the phase."""
    ended = grid.ended
    latest = [in_cells.get(cell, NEVER) for cell in range(ended)]
    newest = max((before, *in_cells.values()), default=before)
    return Sightings(list(accumulate([before, *latest], max))[1:], hosts, newest)


def joined(parts: Iterable[Sightings]) -> Sightings | None:
    """As if it were one arm: the newest of all. None where there is no part."""
    known = list(parts)
    if not known:
        return None
    hosts: dict[str, float] = {}
    for part in known:
        for host, time in part.hosts.items():
            hosts[host] = max(time, hosts.get(host, NEVER))
    by_cell = [max(times) for times in zip(*(part.by_cell for part in known), strict=True)]
    return Sightings(by_cell, hosts, max(part.newest for part in known))
