"""When real samples of an arm were seen, as of any time: what freshness and the closing of cells rest on.

A cell closes when every live host has a sample at its end or later, or when samples have become too old to wait for. The
time at which that is known depends on samples up to that time only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.rates.counts import Floats
from rolloutctl.judge.sightings import NEVER

_TICK_S = 0.002
"""Sources answer in milliseconds; a sample this close to a border is on it."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Sample times of each host, in order; Unix s."""

    hosts: Mapping[str, Floats]

    def newest(self, at: float) -> float:
        """Of any host; NEVER where there is none yet."""
        found = NEVER
        for times in self.hosts.values():
            index = int(np.searchsorted(times, at + _TICK_S, side="right"))
            found = max(found, float(times[index - 1])) if index else found
        return found

    def newest_by(self, ends: Floats) -> Floats:
        """The same for many times."""
        found = np.full(len(ends), NEVER)
        for times in self.hosts.values():
            index = np.searchsorted(times, ends + _TICK_S, side="right")
            known = np.concatenate([[NEVER], times])[index]
            found = np.maximum(found, known)
        return found


def presence(parts: Mapping[str, Sequence[Floats]]) -> Presence:
    return Presence({host: _once(times) for host, times in sorted(parts.items())})


def _once(times: Sequence[Floats]) -> Floats:
    """In order, each time once. numpy's own `unique` imports its masked arrays, which takes longer than all of this."""
    ordered = times[0] if len(times) == 1 else np.sort(np.concatenate(times))
    if (ordered[1:] > ordered[:-1]).all():
        return ordered
    ordered = np.sort(ordered)
    new = np.ones(len(ordered), dtype=np.bool_)
    new[1:] = ordered[1:] > ordered[:-1]
    found: Floats = ordered[new]
    return found


def together(parts: Iterable[Presence | None]) -> Presence:
    """Every host of every part; hosts of different arms keep apart."""
    found: dict[str, Floats] = {}
    for index, part in enumerate(parts):
        for host, times in (part.hosts if part is not None else {}).items():
            found[f"{index} {host}"] = times
    return Presence(found)


def closing_times(seen: Presence, ends: Floats, max_age: float) -> Floats:
    """When each cell is known to be complete, by its end; never before the cell before it."""
    latest = ends + max_age
    waited = np.full(len(ends), -np.inf)
    earliest = np.full(len(ends), np.inf)
    alive = np.zeros(len(ends), dtype=np.bool_)
    for times in seen.hosts.values():
        index = np.searchsorted(times, ends - _TICK_S, side="left")
        after = np.concatenate([times, [np.inf]])[index]
        before = np.concatenate([[NEVER], times])[index]
        live = before > ends - max_age
        alive |= live
        waited = np.where(live, np.maximum(waited, after), waited)
        earliest = np.minimum(earliest, after)
    known = np.where(alive, waited, earliest)
    closes: Floats = np.maximum.accumulate(np.clip(known, ends, latest)) if len(ends) else ends
    return closes
