"""From the times of alarms to shares and delays, each with a 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.judge_simulation.games import BEFORE_S, NEVER

_Z = 1.959964
_RESAMPLES = 1000

Times = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, with Wilson's interval; all 0 to 1, unknown where `whole` is 0."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        return self.part / self.whole if self.whole else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """0 to 1 where nothing is known."""
        n, p = self.whole, self.value
        if not n:
            return 0.0, 1.0
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Delay:
    """Median in seconds and its bootstrap interval; no number where nothing was detected."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Detection:
    early: Share
    """Rolled back before there was anything to find, of all rollouts."""
    found: Share
    """Of the others."""
    delay: Delay
    """Of those found."""


def alarmed_within(alarms: Times, seconds: float) -> Share:
    return Share(int((alarms <= seconds).sum()), len(alarms))


def detection(alarms: Times, rng: np.random.Generator) -> Detection:
    """Of rollouts whose regression sets in at BEFORE_S."""
    still = alarms[alarms > BEFORE_S]
    delays = still[still < NEVER] - BEFORE_S
    return Detection(Share(len(alarms) - len(still), len(alarms)), Share(len(delays), len(still)), _median(delays, rng))


def _median(delays: Times, rng: np.random.Generator) -> Delay:
    if not len(delays):
        return Delay(math.nan, math.nan, math.nan)
    again = np.median(rng.choice(delays, (_RESAMPLES, len(delays))), axis=1)
    low, high = np.quantile(again, (0.025, 0.975))
    return Delay(float(np.median(delays)), float(low), float(high))
