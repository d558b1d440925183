"""Seconds to a verdict, of many tests at once: missing log evidence against its expected growth at the present rate.

Or at the best that can be hoped for: some more bad events than were seen, as bad as rejected for a breach, none worse than the
baseline for a pass. Infinite: never.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rolloutctl.judge.rates.counts import Floats
from rolloutctl.judge.rates.settings import HARM, HARMLESS, SAFE

_FEW = 6.0
_MANY = 3.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """One entry per test."""

    n: Floats
    """All events of the canary so far; `x` bad ones; `m` and `y` the baseline's."""
    x: Floats
    m: Floats
    y: Floats
    ratio: Floats
    phi: Floats
    tolerated: Floats
    spread: Floats
    log_e: Floats
    log_p: Floats
    elapsed_s: Floats
    alpha: Floats
    beta: Floats
    reject: Floats
    slack: Floats


def seconds(of: Outlook, *, hoping: bool) -> tuple[Floats, Floats]:
    """(to a breach, to a pass)."""
    events = of.x + of.y
    if hoping:
        events = events + _MANY * np.sqrt(events) + _FEW
    rate = events / of.elapsed_s
    rejected = np.maximum(of.reject * np.exp(-of.spread), 1.0 + 1e-6)
    missing_e, missing_p = -np.log(of.alpha) - of.log_e, -np.log(of.beta) - of.log_p
    worse = np.maximum(of.ratio, of.reject) if hoping else of.ratio
    better = np.minimum(of.ratio, 1.0) if hoping else of.ratio
    safe = np.broadcast_to(np.array(HARMLESS), (len(of.n), len(HARMLESS)))
    both = (of.n > 0) & (of.m > 0)
    n, m = np.where(both, of.n, 1.0), np.where(both, of.m, 1.0)
    harm = _growth(worse, of.tolerated, of.tolerated[:, None] * np.array(HARM), n, m).max(axis=1)
    gain = np.where(safe < rejected[:, None], _growth(better, rejected, safe, n, m), -np.inf).max(axis=1)
    to_breach, to_pass = _time(missing_e, of.phi, rate * harm), _time(missing_p, of.phi, rate * gain)
    share = np.zeros(len(n)) if hoping else (of.x + 0.5) / (of.n + 1.0)
    parts = np.array(SAFE)
    growth = (share[:, None] * np.log(parts) + of.slack[:, None] * (1.0 - parts)).max(axis=1)
    to_slack = np.where(of.slack > 0, _time(missing_p, of.phi, of.n / of.elapsed_s * growth), np.inf)
    return np.where(both, to_breach, np.inf), np.where(both, np.minimum(to_pass, to_slack), np.inf)


def _growth(true: Floats, tested: Floats, alternatives: Floats, n: Floats, m: Floats) -> Floats:
    """(tests, alternatives): expected log evidence per bad event."""
    p, q0 = _share(true, n, m)[:, None], _share(tested, n, m)[:, None]
    q = _share(alternatives, n[:, None], m[:, None])
    found: Floats = p * np.log(q / q0) + (1.0 - p) * np.log((1.0 - q) / (1.0 - q0))
    return found


def _share(ratio: Floats, n: Floats, m: Floats) -> Floats:
    weighted: Floats = ratio * n
    return weighted / (weighted + m)


def _time(missing: Floats, phi: Floats, gain: Floats) -> Floats:
    """`gain`: log evidence times phi per second."""
    found = np.divide(missing * phi, gain, out=np.full(len(gain), np.inf), where=gain > 0)
    return np.where(missing <= 0, 0.0, found)
