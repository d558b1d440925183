"""Whether one canary host explains a breach: it stands out, and without it the others look clean."""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.rates.counts import Floats, Whole
from rolloutctl.judge.rates.spread import ArmHosts

WINDOWS_S = (60.0, 180.0, 600.0, 1800.0)
"""Besides all data: faults of a host often begin late, and pauses are short."""
Z_OUTLIER = 2.0
_WINDOW_PENALTY = 0.5


def outlier(canary: ArmHosts, phi: Floats, cell_s: float) -> tuple[Whole, Floats]:
    """Per cell: the canary host with the largest z against its arm, over all data or a late window, and that z."""
    found = _z(canary, phi)
    cells = len(phi)
    for seconds in WINDOWS_S:
        width = max(1, round(seconds / cell_s))
        if width >= cells:
            continue
        late = _z(ArmHosts(_window(canary.all, width), _window(canary.bad, width)), phi) - _WINDOW_PENALTY
        late[:width] = -np.inf
        found = np.maximum(found, late)
    host = np.argmax(found, axis=1)
    return host, found[np.arange(cells), host]


def _window(running: Floats, width: int) -> Floats:
    late = running.copy()
    late[width:] -= running[:-width]
    return late


def _z(canary: ArmHosts, phi: Floats) -> Floats:
    expected, seen = canary.expected()
    total = expected.sum(axis=1, keepdims=True)
    share = np.divide(expected, total, out=np.zeros_like(expected), where=total > 0)
    variance = np.maximum(phi[:, None] * expected * (1.0 - share), 1e-9)
    return np.where((total > 0) & (expected > 0), (seen - expected) / np.sqrt(variance), -np.inf)
