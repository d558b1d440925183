"""What many tests of one shape remember of the cells before, as arrays with one row per test.

A flock is never changed: advancing its tests makes a new one. Each test knows its flock and its place in it, so those that are
looked at together again need not be gathered again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol, TypeVar

import numpy as np

from rolloutctl.judge.rates.counts import Floats, Whole
from rolloutctl.judge.rates.interval import bounds, events_of, levels_of
from rolloutctl.judge.rates.looks import Asked, Standing

T = TypeVar("T", Asked, Standing)


@dataclass(frozen=True, slots=True)
class Levels:
    """Confidence sequences so far: sums over whole groups of cells, and the group that is not whole yet."""

    group: Whole
    begun: Whole
    """Cells of the group that is not whole."""
    levels: Floats
    """(tests, candidates)."""
    events: Floats
    open: Floats
    """(tests, 4, segments)."""

    def with_cell(self, cell: Floats, phi: Floats) -> tuple[Levels, Floats, Floats]:
        """After a cell, (tests, 4, segments); and both ends of the interval then."""
        opened = self.open + cell
        parts = [opened[:, part] for part in range(4)]
        levels, events = self.levels + levels_of(*parts), self.events + events_of(*parts)
        whole = self.begun + 1 == self.group
        after = Levels(
            group=self.group,
            begun=np.where(whole, 0, self.begun + 1),
            levels=np.where(whole[:, None], levels, self.levels),
            events=np.where(whole, events, self.events),
            open=np.where(whole[:, None, None], 0.0, opened),
        )
        return after, *bounds(levels, events, phi)


@dataclass(frozen=True, slots=True, eq=False)
class Flock:
    of: Asked
    standing: Standing
    levels: Levels

    def __len__(self) -> int:
        return len(self.levels.group)


class Member(Protocol):
    flock: Flock
    place: int


def gathered(members: Sequence[Member]) -> Flock:
    first = members[0].flock
    known = len(first) == len(members)
    if known and all(one.flock is first and one.place == place for place, one in enumerate(members)):
        return first
    levels = (
        np.concatenate([getattr(one.flock.levels, field.name)[one.place : one.place + 1] for one in members])
        for field in fields(Levels)
    )
    return Flock(
        _joined(Asked, [(one.flock.of, one.place) for one in members]),
        _joined(Standing, [(one.flock.standing, one.place) for one in members]),
        Levels(*levels),
    )


def _joined(kind: type[T], parts: Sequence[tuple[T, int]]) -> T:
    found: list[object] = []
    for field in fields(kind):
        mine = [(getattr(part, field.name), place) for part, place in parts]
        if isinstance(mine[0][0], tuple):
            several = zip(*([each[place : place + 1] for each in part] for part, place in mine), strict=True)
            found.append(tuple(np.concatenate(each) for each in several))
        else:
            found.append(np.concatenate([part[place : place + 1] for part, place in mine]))
    return kind(*found)  # type: ignore[arg-type]  # as its own fields are
