"""What a rate test is asked: the two questions, their error rates, and what history says about noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rolloutctl.judge.rates.counts import Floats

HARM = (1.35, 1.9, 3.5, 10.0)
"""Alternatives of the breach question, as multiples of the tolerated ratio."""
HARMLESS = (0.4, 0.7, 0.9, 1.05)
"""Ratios for whose sake a pass is given."""
SAFE = (0.5, 0.2, 0.05, 0.01)
"""Shares of the slack for whose sake a rare error passes."""
QUIET = float(np.log(3.0))
"""Evidence of a breach under which a pass is given."""
PHI_GRID = np.array([1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0, 11.0, 16.0, 32.0, 64.0, 128.0])
"""Dispersions at which the breach process is kept; between them it is interpolated in 1 / phi."""
Z_SPREAD = 2.33
"""How far, in standard deviations of the spread between hosts, a canary of lucky hosts may be off."""
LATE_ONSET = 0.3
"""Caches, batches and steps of traffic: a good part of regressions begins after the phase."""
LATE_MOST_PER_S, FIRST_MOST_PER_S = 10.0 / 60.0, 20.0 / 60.0
"""Log evidence that a second of data adds at most: to a regression that began late, and to one that began with the phase.

A pause of one host or a burst of some seconds looks like a glaring regression that has just begun, and what is known about
dispersion is an average that does not tell how large such bursts get. Less evidence is always allowed."""
EARLY_LOOKS = 4
EARLY_FACTOR = 100.0
"""The first looks need this much more evidence: the dispersion is not known yet."""
EARLY_S = 120.0
"""Over this long that caution goes down to nothing."""


def early_caution(cells: int, cell_s: float) -> Floats:
    """Per cell, how much more log evidence a breach needs than later on."""
    after_s = np.maximum(0.0, (np.arange(cells) + 1 - EARLY_LOOKS) * cell_s)
    caution: Floats = np.log(EARLY_FACTOR) * np.maximum(0.0, 1.0 - after_s / EARLY_S)
    return caution


@dataclass(frozen=True, slots=True)
class Prior:
    """What baseline history says: dispersion, how many blocks that is worth, and each baseline host's totals."""

    phi: float = 1.5
    weight: float = 10.0
    hosts_all: Floats = field(default_factory=lambda: np.zeros(0))
    """Events per baseline host in the order of the counts; empty: no history."""
    hosts_bad: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class RateSettings:
    cell_s: float
    horizon: int
    """Cells planned until the deadline: over them the onset of a regression is spread."""
    alpha: float
    """Chance that a canary at most `tolerate` worse is ever called a breach, for this one test."""
    beta: float
    """Chance that a canary `reject` worse passes."""
    tolerate: float = 1.1
    """Ratio of canary to baseline, 1 or more."""
    reject: float = 1.5
    slack: float = 0.0
    """Share of bad events under which the ratio does not matter; 0: none."""
    onset: float = LATE_ONSET
    """Weight of a regression that begins later than the first cell."""
    prior: Prior = field(default_factory=Prior)
