"""How long until a verdict: the information one bad event carries, against the evidence that is missing.

With `rho` tested and `r` true, a bad event falls to the canary with probability q(r) instead of q(rho); the expected growth
of log evidence per event is the Kullback-Leibler divergence of the two, divided by phi. The linter plans with the same.
"""

from __future__ import annotations

import math

_LEAST = 1e-12
_MIXING = 1.15
"""Nats it costs not to know the size of the regression beforehand."""


def share(ratio: float, canary: float, baseline: float) -> float:
    """Of bad events that fall to the canary, if its ratio is `ratio` times the baseline's; traffic in any unit."""
    weighted = ratio * canary
    return weighted / (weighted + baseline) if weighted + baseline > 0 else 0.0


def information(true: float, tested: float) -> float:
    """Kullback-Leibler divergence of two shares, in nats per event."""
    total = 0.0
    for p, q in ((true, tested), (1.0 - true, 1.0 - tested)):
        if p > 0:
            total += p * math.log(p / max(q, _LEAST))
    return max(0.0, total)


def events_needed(missing: float, phi: float, true: float, tested: float) -> float:
    """Bad events of both arms until `missing` nats of evidence are there; infinite where there is nothing to learn."""
    gain = information(true, tested)
    if missing <= 0:
        return 0.0
    return missing * phi / gain if gain > _LEAST else math.inf


def planned_events(alpha: float, phi: float, ratio: float, tested: float, baseline_per_canary: float) -> float:
    """Bad events of the canary until a verdict can be expected, before anything is known."""
    true, against = share(ratio, 1.0, baseline_per_canary), share(tested, 1.0, baseline_per_canary)
    return events_needed(-math.log(alpha) + _MIXING, phi, true, against) * true
