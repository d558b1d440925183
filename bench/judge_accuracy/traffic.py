"""What a phase looks like to the judge: counts and gauges by cell and host of both arms, and the baseline's hour before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELL_S = 15.0
MINUTE_S = 60.0
HISTORY_MINUTES = 60
EDGES_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0)
"""Finite edges of the histogram."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Cells along the first axis, hosts along the last."""

    requests: Floats
    errors: Floats
    slower: Floats
    """(cells, edges, hosts): requests slower than each edge."""
    gauge: Floats
    """CPU time of a request, or what it costs; a missing sample is NaN."""

    def on(self, hosts: slice) -> Arm:
        return Arm(self.requests[:, hosts], self.errors[:, hosts], self.slower[:, :, hosts], self.gauge[:, hosts])

    def during(self, cells: slice) -> Arm:
        return Arm(self.requests[cells], self.errors[cells], self.slower[cells], self.gauge[cells])

    def by_minute(self) -> Arm:
        """Counts are summed, the gauge is its mean."""
        per = round(MINUTE_S / CELL_S)

        def grouped(values: Floats) -> Floats:
            found: Floats = values[: len(values) // per * per].reshape(-1, per, *values.shape[1:])
            return found

        return Arm(
            grouped(self.requests).sum(axis=1),
            grouped(self.errors).sum(axis=1),
            grouped(self.slower).sum(axis=1),
            grouped(self.gauge).mean(axis=1),
        )


@dataclass(frozen=True, slots=True)
class Traffic:
    canary: Arm
    baseline: Arm
    past: Arm
    """Minutes and baseline hosts of the hour before the start."""


@dataclass(frozen=True, slots=True)
class Worse:
    """What the canary does worse, as factors, from `onset` (a cell) on."""

    errors: float = 1.0
    latency: float = 1.0
    gauge: float = 1.0
    onset: int = 0


HARMLESS = Worse()


@dataclass(frozen=True, slots=True)
class Asked:
    """A phase to be made."""

    cells: int
    canary_hosts: int
    share: float
    """The cohort: the canary's share of the requests."""
    worse: Worse = HARMLESS


class Service(Protocol):
    """Something that runs for as long as a rollout does; its hosts stay what they are from phase to phase."""

    @property
    def most_canary_hosts(self) -> int: ...

    @property
    def marks(self) -> Sequence[str]:
        """What is awkward about it."""
        ...

    def phase(self, asked: Asked, rng: np.random.Generator) -> Traffic: ...


def cut(everything: Arm, canary_hosts: int, before: int) -> Traffic:
    """Canary hosts come first; cells before `before` are the time before the start."""
    live, ours, theirs = slice(before, None), slice(0, canary_hosts), slice(canary_hosts, None)
    past = everything.during(slice(0, before)).on(theirs).by_minute()
    return Traffic(everything.during(live).on(ours), everything.during(live).on(theirs), past)


def clustered(rng: np.random.Generator, trials: Floats, chance: Floats, size: float) -> Floats:
    """Events that come in clusters of geometric size with the mean `size`, never more than trials."""
    if size <= 1.0:
        return rng.binomial(trials.astype(np.int64), np.minimum(chance, 1.0)).astype(np.float64)
    clusters = rng.poisson(trials * chance / size)
    extra = rng.negative_binomial(np.maximum(clusters, 1), 1.0 / size)
    found: Floats = np.minimum(np.where(clusters > 0, clusters + extra, 0), trials).astype(np.float64)
    return found


def wander(rng: np.random.Generator, shape: tuple[int, ...], sd: float, lasts: float) -> Floats:
    """Noise that forgets itself over `lasts` cells (an autoregressive process), stationary, along the first axis."""
    keep = float(np.exp(-1.0 / max(lasts, 1e-9)))
    fresh = rng.normal(0.0, sd * np.sqrt(1.0 - keep * keep), shape)
    fresh[0] = rng.normal(0.0, sd, shape[1:])
    found = np.empty(shape)
    level = np.zeros(shape[1:])
    for cell in range(shape[0]):
        level = keep * level + fresh[cell]
        found[cell] = level
    return found


def spells(rng: np.random.Generator, cells: int, apart: float, long: float) -> NDArray[np.bool_]:
    """On for about `long` cells, off for about `apart`, at random."""
    on = np.zeros(cells, dtype=np.bool_)
    cell = int(rng.geometric(1.0 / apart))
    while cell < cells:
        end = cell + int(rng.geometric(1.0 / long))
        on[cell:end] = True
        cell = end + int(rng.geometric(1.0 / apart))
    return on
