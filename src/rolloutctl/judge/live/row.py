"""One test of a criterion that goes on: the whole or a segment, with what its verdict needs of the cells before."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.live.flock import Flock, Levels
from rolloutctl.judge.parts import Against
from rolloutctl.judge.rate_stand import RateStand
from rolloutctl.judge.rates.interval import POINTS, events_of, group_of, levels_of
from rolloutctl.judge.rates.looks import asked
from rolloutctl.judge.rates.resume import resumed
from rolloutctl.judge.rates.settings import RateSettings
from rolloutctl.model.verdict import Cell

Sums = tuple[float, float, float, float]
"""All and bad events of the canary, then of the baseline."""


@dataclass(slots=True)
class Course:
    """Of the whole or a segment, cell by cell."""

    passing: bool
    since: int
    """The phase's cell in which it began to pass, or not to."""
    lasting: int
    """Cells in a row in which the tests allow a pass and nothing is in the way."""
    low: int
    """Cells in a row in which no verdict can come in time."""


@dataclass(slots=True)
class Row:
    segment: str
    at: int | None
    """Of its segment in a cell's rows; None: all of them."""
    settings: RateSettings
    shape: tuple[int, int, int, int]
    """Segments, hosts of both arms, block lengths: tests of one shape are advanced together."""
    flock: Flock
    place: int
    """In it."""
    stand: RateStand
    bounds: tuple[float, float]
    window: deque[Sums]
    """Of the last cells that the criterion's window covers."""
    sums: Sums
    """Of the window."""
    cells: tuple[Cell, ...]
    clipped: int
    needed_s: float
    """To a verdict at the present rate, and at the best that can be hoped for."""
    at_best_s: float
    course: Course
    own: bool = False
    """Its own evidence allows a pass."""
    passed: bool = False
    """That, or that of the whole does."""
    blocked: str = ""

    def add(self, cell: Sums) -> None:
        """To the window."""
        (n, x, m, y), window = self.sums, self.window
        gone = window[0] if len(window) == window.maxlen else (0.0, 0.0, 0.0, 0.0)
        window.append(cell)
        self.sums = (n + cell[0] - gone[0], x + cell[1] - gone[1], m + cell[2] - gone[2], y + cell[3] - gone[3])


def row_of(part: Against, segment: str, at: int | None, judged: int, width: int, cells: tuple[Cell, ...], clipped: int) -> Row:
    """After `judged` cells, from what went through all of them; `course` is for the caller to fill in."""
    counts, settings = part.counts.until(judged), part.settings
    strata = counts.strata()
    group = group_of(settings.horizon)
    whole = judged // group * group
    parts = [strata.n, strata.x, strata.m, strata.y]
    starts = np.arange(0, whole, group)
    done = [np.add.reduceat(each[:whole], starts) for each in parts] if whole else []
    sums = np.stack([each.sum(axis=1) for each in parts], axis=1)
    window: Sequence[Sums] = [(n, x, m, y) for n, x, m, y in sums[max(0, judged - width) :].tolist()]
    hosts = counts.canary_all.shape[2], counts.baseline_all.shape[2]
    of = asked([settings], [hosts[0]], [hosts[1]])
    stand = part.stand(judged - 1)
    n, x, m, y = np.sum(np.array(window), axis=0).tolist()
    levels = Levels(
        group=np.array([group]),
        begun=np.array([judged - whole]),
        levels=levels_of(*done).sum(axis=0, keepdims=True) if done else np.zeros((1, POINTS)),
        events=np.array([events_of(*done).sum() if done else 0.0]),
        open=np.stack([each[whole:].sum(axis=0) for each in parts])[None],
    )
    return Row(
        segment=segment,
        at=at,
        settings=settings,
        shape=(strata.n.shape[1], *hosts, of.lengths.shape[1]),
        flock=Flock(of, resumed(counts, settings, part.track.until(judged)), levels),
        place=0,
        stand=stand,
        bounds=part.interval_at(judged - 1),
        window=deque(window, maxlen=width),
        sums=(n, x, m, y),
        cells=cells,
        clipped=clipped,
        needed_s=min(stand.seconds(settings, hoping=False)),
        at_best_s=min(stand.seconds(settings, hoping=True)),
        course=Course(passing=False, since=0, lasting=0, low=0),
    )
