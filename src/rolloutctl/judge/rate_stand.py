"""What test A knows of one criterion or segment as of a cell, in plain numbers, and what is said and forecast from them.

The same whether a phase was gone through from its start or only the newest cell was added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.rates.outlook import Outlook, seconds
from rolloutctl.judge.rates.settings import RateSettings
from rolloutctl.judge.words import count, number, percent


@dataclass(frozen=True, slots=True)
class RateStand:
    n: float
    """All events of the canary so far; `x` bad ones; `m` and `y` the baseline's."""
    x: float
    m: float
    y: float
    ratio: float
    phi: float
    tolerated: float
    spread: float
    log_e: float
    log_p: float
    by_ratio: bool
    elapsed_s: float
    """Judged time."""

    def bare(self, events: str) -> str:
        """Why there is nothing to compare; empty: there is."""
        if self.n <= 0:
            return "no canary traffic; check flag and routing"
        if self.m <= 0:
            return "no traffic of the baseline to compare with"
        if self.x + self.y == 0:
            return f"no {events} in either arm, in {count(self.n)} of the canary and {count(self.m)} of the baseline"
        return ""

    def range(self, events: str, low: float, high: float) -> str:
        if low <= 0 and math.isinf(high):
            return f"on {count(self.x + self.y)} {events} so far"
        return times(self.ratio, low, high)

    def passes(self, stands: str, settings: RateSettings) -> str:
        """What is excluded: the rejected ratio, or bad events over the slack."""
        if settings.slack > 0 and not self.by_ratio:
            return f"{stands}; under the slack of {percent(settings.slack)}"
        return f"{stands}; {number(settings.reject)} times is excluded"

    def seconds(self, settings: RateSettings, *, hoping: bool) -> tuple[float, float]:
        """(to a breach, to a pass), at the present rate or at the best that can be hoped for; infinite: never."""
        numbers = (self.n, self.x, self.m, self.y, self.ratio, self.phi, self.tolerated, self.spread, self.log_e, self.log_p)
        asked = (self.elapsed_s, settings.alpha, settings.beta, settings.reject, settings.slack)
        to_breach, to_pass = seconds(Outlook(*(np.array([value]) for value in (*numbers, *asked))), hoping=hoping)
        return float(to_breach[0]), float(to_pass[0])


def times(estimate: float, low: float, high: float) -> str:
    if math.isinf(high):
        return f"at least {number(low)} times the baseline's"
    return f"{number(min(max(estimate, low), high))} times the baseline's (95 %: {number(low)} to {number(high)})"


def time_to(missing: float, phi: float, rate: float, growth: float) -> float:
    """Seconds until the missing log evidence is there."""
    if missing <= 0:
        return 0.0
    return missing * phi / (rate * growth) if growth > 0 and rate > 0 else math.inf


def decide(settings: RateSettings) -> str:
    """What would bring a verdict where the present rate does not."""
    if settings.slack > 0:
        return "More traffic of the canary, or a later deadline."
    return "More exposure, a later deadline, or `slack`: the share of bad events under which a difference does not matter."
