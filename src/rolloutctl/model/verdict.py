"""The closed list of verdict states (`judge.md`), and what a verdict carries.

A verdict is a value computed from the sealed plan, the phase's start, samples and "now"; the same input gives the same
verdict everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


def shown_as(criterion: str, segment: str) -> str:
    """What a verdict is about, for people: `errors`, or `errors · voice` for one segment."""
    return f"{criterion} · {segment}" if segment else criterion


def key_of(criterion: str, segment: str) -> str:
    """The same for programs: `errors/voice`."""
    return f"{criterion}/{segment}" if segment else criterion


APPROXIMATE = "approximate counts: too many series, so the source summed them"
"""Said wherever numbers of such evidence are shown."""


class State(StrEnum):
    PASS = "PASS"
    """Inside the bound for as long as the plan asks."""
    BREACH = "BREACH"
    """Beyond the bound; it stays for the attempt of the phase."""
    PENDING = "PENDING"
    """Nothing speaks against it; more time or traffic is needed."""
    ONE_HOST = "ONE_HOST"
    """One host alone is beyond the bound; it holds the phase."""
    LOW_TRAFFIC = "LOW_TRAFFIC"
    """Too few events to say anything."""
    NO_DATA = "NO_DATA"
    """The query gives nothing for the arm or the segment."""
    STALE = "STALE"
    """The newest sample is older than `max_sample_age`."""
    NOT_A_NUMBER = "NOT_A_NUMBER"
    """The query gives NaN or an infinite value."""
    AMBIGUOUS = "AMBIGUOUS"
    """Several series where one is meant, or more than `max_series`."""
    PARTIAL = "PARTIAL"
    """The source says that its answer is not complete."""
    SOURCE_DOWN = "SOURCE_DOWN"
    """The source does not answer."""
    INVALID = "INVALID"
    """The source refuses the query, or its answer cannot be judged."""

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
    log_e: float | None = None
    """Evidence for a breach by this cell, natural logarithm; None: the test keeps none."""


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
    estimate: float | None = None
    """Canary against baseline over the whole phase: a factor, or a difference; against a bound: the canary's value."""
    low: float | None = None
    high: float | None = None
    """95 % confidence sequence of `estimate`: true at all looks together; None: no end on that side, or nothing known."""
    log_e: float | None = None
    """Evidence for a breach, natural logarithm; a breach from `log_e_needed` on."""
    log_e_needed: float | None = None
    log_p: float | None = None
    """Evidence for a pass."""
    log_p_needed: float | None = None
    phi: float | None = None
    """Bad events per independent cause; None where nothing is counted."""
    tolerated: float | None = None
    """What was tested against: the tolerated factor or difference (wider where hosts are unequal), or the bound."""
    needed_s: float | None = None
    """Seconds to a verdict at the present rate; None: none comes."""
    host: str = ""
    """ONE_HOST: which."""
    left_out: str = ""
    """A baseline host that is sick and was not compared with."""
    dominated_by: str = ""
    """The one segment that explains a breach of the whole."""
    approximate: bool = False
    """Counts come from aggregated queries, not from raw samples."""


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
        return key_of(self.criterion, self.segment)

    @property
    def shown(self) -> str:
        return shown_as(self.criterion, self.segment)


class PhaseState(StrEnum):
    """Verdict of a phase, from its criteria (`states.md`)."""

    BREACH = "BREACH"
    """A guardrail is in BREACH."""
    HOLD = "HOLD"
    """A signal is in BREACH, or evidence is missing past its grace, or nothing passes."""
    PENDING = "PENDING"
    """A criterion is PENDING."""
    READY = "READY"
    """Every criterion that counts is at PASS."""


@dataclass(frozen=True, slots=True)
class PhaseVerdict:
    state: PhaseState
    why: str
    """The worst reason, one sentence."""
    worst: Verdict | None = None
