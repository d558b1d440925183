"""The closed list of verdict states (`judge.md`), and what a verdict carries.

A verdict is a value computed from the sealed plan, the phase's start, samples and "now"; the same input gives the same
verdict everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    PASS = "PASS"
    BREACH = "BREACH"
    PENDING = "PENDING"
    ONE_HOST = "ONE_HOST"
    LOW_TRAFFIC = "LOW_TRAFFIC"
    NO_DATA = "NO_DATA"
    STALE = "STALE"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    AMBIGUOUS = "AMBIGUOUS"
    PARTIAL = "PARTIAL"
    SOURCE_DOWN = "SOURCE_DOWN"
    INVALID = "INVALID"

    @property
    def words(self) -> str:
        """As screens show it: `NO DATA`."""
        return self.value.replace("_", " ")

    @property
    def missing_evidence(self) -> bool:
        return self in MISSING_EVIDENCE


MISSING_EVIDENCE = frozenset(
    {
        State.SOURCE_DOWN,
        State.INVALID,
        State.AMBIGUOUS,
        State.NOT_A_NUMBER,
        State.PARTIAL,
        State.NO_DATA,
        State.STALE,
        State.LOW_TRAFFIC,
    }
)

WORST_FIRST = (
    State.BREACH,
    State.ONE_HOST,
    State.SOURCE_DOWN,
    State.INVALID,
    State.AMBIGUOUS,
    State.NOT_A_NUMBER,
    State.PARTIAL,
    State.NO_DATA,
    State.STALE,
    State.LOW_TRAFFIC,
    State.PENDING,
    State.PASS,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One look at the evidence: the grid cell that ends at `end` (Unix s)."""

    end: float
    canary: float | None
    """The value over the window; None: no usable value."""
    baseline: float | None
    bound: float | None
    """The bound that held in this cell; None where it depends on a baseline that was not there."""
    beyond: bool
    """The canary was beyond the bound."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on, for screens, explain and replay; numbers in the criterion's unit."""

    canary: float | None = None
    baseline: float | None = None
    bound: float | None = None
    events_canary: int | None = None
    """Events counted in the newest window (ratio criteria)."""
    events_baseline: int | None = None
    newest: float | None = None
    """Unix time of the newest real sample of the canary."""
    age_s: float | None = None
    series: int = 0
    cells: tuple[Cell, ...] = ()
    """Closed cells since the phase's start, oldest first."""
    queries: tuple[str, ...] = ()
    """As sent."""


@dataclass(frozen=True, slots=True)
class Verdict:
    criterion: str
    """Criterion id."""
    segment: str
    """Segment value, or empty for the whole."""
    state: State
    why: str
    """One sentence: why this state."""
    would_change: str = ""
    """One sentence: what would change it."""
    since: float | None = None
    """Unix time of the cell in which this state began."""
    missing_since: float | None = None
    """First cell of the present run of missing evidence."""
    grace_over: bool = False
    """The state of missing evidence has lasted past its grace."""
    breach_at: float | None = None
    """End of the first cell on the grid at which this criterion was in BREACH, ever in this phase."""
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def key(self) -> str:
        return f"{self.criterion}/{self.segment}" if self.segment else self.criterion

    @property
    def shown(self) -> str:
        return f"{self.criterion} · {self.segment}" if self.segment else self.criterion


class PhaseState(StrEnum):
    """Verdict of a phase, from its criteria (`states.md`)."""

    BREACH = "BREACH"
    HOLD = "HOLD"
    PENDING = "PENDING"
    READY = "READY"


@dataclass(frozen=True, slots=True)
class PhaseVerdict:
    state: PhaseState
    why: str
    """The worst reason, one sentence."""
    worst: Verdict | None = None
