"""From samples per cell and host to one comparison per block.

A host's block is the mean of its samples in it, an arm's the mean of its hosts. A host that misses a block is stood in for by
what it usually is next to the others, so that the mean does not jump with who answered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.blocks.inputs import BLOCK_S, Bools, Floats, Ints, Scale, Settings

LEAST_RATIO = 1e-3
"""A value at or below zero next to one above it counts as a thousandth of it: far off, but finite."""


@dataclass(frozen=True, slots=True)
class Arm:
    """`hosts`: shape (blocks, hosts), NaN = missing. `mean`: (blocks,). `count`: hosts seen up to each block."""

    hosts: Floats
    mean: Floats
    count: Floats

    def without(self, host: int) -> Arm:
        return arm_of(np.delete(self.hosts, host, axis=1))


@dataclass(frozen=True, slots=True)
class Compared:
    """The N blocks in which there was something to compare, oldest first."""

    worse: Floats
    """(N,) the difference on the criterion's scale, upwards is worse."""
    block: Ints
    """(N,) which block each is."""
    canary_hosts: Floats
    baseline_hosts: Floats
    """(N,) hosts seen up to then; a level has infinitely many baseline hosts, since a bound has no noise."""
    size: Floats
    """(N,) running mean of the values' magnitude: what a rounding error is relative to."""


def cells_per_block(cell_s: float) -> int:
    return max(1, round(BLOCK_S / cell_s))


def block_means(cells: Floats, per_block: int) -> Floats:
    """(cells, hosts) to (complete blocks, hosts)."""
    blocks = len(cells) // per_block
    shaped = cells[: blocks * per_block].reshape(blocks, per_block, cells.shape[1])
    finite = np.isfinite(shaped)
    count = finite.sum(axis=1)
    total = np.where(finite, shaped, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def arm_of(hosts: Floats) -> Arm:
    there = np.isfinite(hosts)
    seen = np.logical_or.accumulate(there, axis=0)
    number = there.sum(axis=1)
    values = np.where(there, hosts, 0.0)
    mean = np.where(number > 0, values.sum(axis=1) / np.maximum(number, 1), np.nan)
    count = seen.sum(axis=1).astype(np.float64)
    if np.any(number < count):
        mean = mean + _stood_in(values, there, seen)
    return Arm(hosts, mean, count)


def _stood_in(values: Floats, there: Bools, seen: Bools) -> Floats:
    """What to add to each block's mean for the hosts missing in it, by the hosts' usual difference from the arm's mean.

    Learned from earlier blocks in which every host seen until then answered; relative where all values are above zero.
    """
    whole = (there == seen).all(axis=1) & there.any(axis=1)
    learned = np.zeros_like(values)
    learned[1:] = np.cumsum(np.where(whole[:, None], values, 0.0), axis=0)[:-1]
    blocks = np.zeros_like(values)
    blocks[1:] = np.cumsum(whole[:, None] & there, axis=0)[:-1]
    usual = learned / np.maximum(blocks, 1.0)
    known = seen & (blocks > 0)
    answered = known & there
    complete, present = _mean_of(usual, known), _mean_of(usual, answered)
    now = _mean_of(values, answered)
    positive = (np.where(known, usual, 1.0) > 0).all(axis=1) & (now > 0) & (present > 0)
    by_factor = now * (complete / np.where(positive, present, 1.0) - 1.0)
    shift = np.where(positive, by_factor, complete - present)
    fits = (answered == there).all(axis=1) & answered.any(axis=1) & ~whole
    return np.where(fits, shift, 0.0)


def _mean_of(values: Floats, chosen: Bools) -> Floats:
    total: Floats = np.where(chosen, values, 0.0).sum(axis=1)
    number: Ints = np.maximum(chosen.sum(axis=1), 1)
    return total / number


def compare(canary: Arm, baseline: Arm | None, settings: Settings) -> Compared:
    mine = canary.mean
    theirs = np.full(len(mine), np.nan) if baseline is None else baseline.mean
    if settings.scale is Scale.LEVEL:
        theirs = np.full(len(mine), 0.0 if settings.bound is None else settings.bound)
    usable = np.isfinite(mine) & np.isfinite(theirs)
    if settings.scale is Scale.RATIO:
        usable &= (theirs > 0) | ((theirs == 0) & (mine == 0))
    block = np.flatnonzero(usable)
    mine, theirs = mine[block], theirs[block]
    worse = settings.sign * on_scale(mine, theirs, settings.scale)
    size = np.cumsum(np.abs(mine) + np.abs(theirs)) / np.arange(2, 2 * len(block) + 2, 2)
    others = np.full(len(block), np.inf) if baseline is None or settings.scale is Scale.LEVEL else baseline.count[block]
    return Compared(worse, block, canary.count[block], others, size)


def on_scale(mine: Floats, theirs: Floats, scale: Scale) -> Floats:
    """How much `mine` is above `theirs`; nothing for a ratio to what is not above zero."""
    if scale is not Scale.RATIO:
        return mine - theirs
    whole = np.where(theirs > 0, theirs, 1.0)
    return np.where(theirs > 0, np.log(np.maximum(mine / whole, LEAST_RATIO)), 0.0)
