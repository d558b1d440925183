"""What test B is given and what it answers.

Amounts in `Settings` say how much *worse*: they are never negative, whichever direction is better. Cells are numbered from
the start of the judged part of the phase (after the warm-up); row i of an array is cell i.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

BLOCK_S = 60.0
"""Cells are judged in blocks of this length, or of one cell where a cell is longer."""


class Better(Enum):
    """The direction in which the value is good."""

    LOWER = auto()
    HIGHER = auto()


class Scale(Enum):
    """How the canary is compared."""

    RATIO = auto()
    """The logarithm of canary over baseline; both must be above zero."""
    DIFFERENCE = auto()
    """Canary minus baseline, in the value's unit."""
    LEVEL = auto()
    """Canary minus the declared bound; the baseline, if given, only tells a shared incident."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One criterion of one phase. Raises ValueError for amounts that make no sense."""

    scale: Scale
    better: Better
    alpha: float
    """Chance of ever calling a breach of something tolerated; this criterion's share of the rollout's."""
    beta: float
    """Chance of ever passing something that should be rejected."""
    tolerate: float = 0.0
    """RATIO: natural logarithm of the tolerated factor. DIFFERENCE: in the value's unit. LEVEL: not used."""
    reject: float = 0.0
    """As `tolerate`: the size that a pass excludes."""
    bound: float | None = None
    """LEVEL: the bound. Otherwise: the baseline beyond it is a shared incident."""
    hard_max: float | None = None
    hard_min: float | None = None
    """Two cells in a row beyond a hard bound are a breach at once."""
    min_cells: int = 0
    """No pass before so many cells."""
    horizon_cells: int = 240
    """Cells up to the phase's deadline."""
    hold_cells: int = 0
    """No pass unless every block of so many cells before it was inside."""

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 0.5 and 0 < self.beta < 0.5):
            raise ValueError(f"alpha {self.alpha} and beta {self.beta}: both must lie between 0 and 0.5")
        if self.scale is Scale.LEVEL and self.bound is None:
            raise ValueError("a level needs a bound to be judged against")
        if self.scale is not Scale.LEVEL and not 0 <= self.tolerate < self.reject:
            raise ValueError(f"tolerate {self.tolerate} and reject {self.reject}: tolerate must be less, and not below 0")

    @property
    def sign(self) -> float:
        """+1 where more is worse, else -1."""
        return 1.0 if self.better is Better.LOWER else -1.0


@dataclass(frozen=True, slots=True)
class BlockInputs:
    """Samples by cell and host; what is no finite number counts as missing. Raises ValueError for arms of unequal length."""

    canary: Floats
    """Shape (cells, canary hosts)."""
    baseline: Floats | None
    """Shape (cells, baseline hosts); None for a level without one."""
    cell_s: float
    history: Floats | None
    """Shape (blocks of 60 s, hosts), before the phase: the baseline's hosts in the order of `baseline`; for a level the
    canary side's."""
    settings: Settings

    def __post_init__(self) -> None:
        if self.baseline is not None and len(self.baseline) != len(self.canary):
            raise ValueError(f"{len(self.canary)} cells of the canary and {len(self.baseline)} of the baseline: they must agree")
        if self.baseline is None and self.settings.scale is not Scale.LEVEL:
            raise ValueError("only a level can be judged without a baseline")
        if not self.cell_s > 0:
            raise ValueError(f"cells of {self.cell_s} s: a cell must have a length")


@dataclass(frozen=True, slots=True)
class BlockTrack:
    """Everything is an array of one entry per cell, except the two last fields."""

    log_e: Floats
    """Evidence for "worse than tolerated", natural logarithm; a breach from log(1 / alpha)."""
    log_p: Floats
    """Evidence for "better than rejected"; a pass needs log(1 / beta)."""
    fail: Bools
    """It is a breach. Not latched: that is the caller's."""
    hold_host: Ints
    """The canary host that alone explains what would be a breach; -1 for none."""
    left_out: Ints
    """The baseline host that is not compared with, since it departed from its peers and its own past; -1 for none."""
    passed: Bools
    estimate: Floats
    """RATIO: canary over baseline as a factor. DIFFERENCE: canary minus baseline. LEVEL: the canary's value. Whole phase."""
    low: Floats
    high: Floats
    """95 % confidence sequence of `estimate`, true at all times together; infinite while there is too little to say."""
    spread: Floats
    """Standard deviation of the estimate that comes from unequal hosts, on the scale of `tolerate`; more time never
    lessens it."""
    alarm_from: Floats
    """The least size, on the scale of `tolerate`, that is compared with when calling a breach: tolerate, or more where
    hosts are unequal."""
    onset: Ints
    """The cell from which on the evidence for a breach is strongest; -1 before the first block."""
    blocks_needed: Floats
    """More blocks until a verdict if things stay as they are; 0 with one, infinite if none comes."""
    shared_incident: Bools
    """The baseline breaks the bound itself: nothing passes."""
    cannot_pass: str | None
    """Why it cannot pass however well the canary does; known before the first cell."""
    block_s: float
