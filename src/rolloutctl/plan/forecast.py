"""How much it takes until a verdict by evidence: the information one bad event carries, against the evidence that is wanted.

With `rho` tested and `r` true, a bad event falls to the canary with probability q(r) instead of q(rho); the expected growth
of log evidence per event is the Kullback-Leibler divergence of the two, divided by phi (bad events per independent cause).
"""

from __future__ import annotations

import math

_LEAST = 1e-12
_PARTS = (0.5, 0.2, 0.05, 0.01)
"""Of the slack, for whose sake rare bad events pass."""
USUAL_PHI = 1.7
"""Bad events per cause that the judge expects at least, its margin included."""
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


def planned_requests(beta: float, phi: float, share_bad: float, slack: float) -> float:
    """Requests of the canary until bad events are certainly under the slack, if `share_bad` of them are bad."""
    growth = max(share_bad * math.log(c) + slack * (1.0 - c) for c in _PARTS)
    return -math.log(beta) * phi / growth if growth > _LEAST else math.inf
