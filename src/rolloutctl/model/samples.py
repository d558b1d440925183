"""What a metrics source is asked and what it answers: queries and samples, no verdicts.

Times are Unix seconds by the source's clock. A query is a value, so that equal queries of many criteria are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Labels = tuple[tuple[str, str], ...]
"""Sorted (name, value) pairs, `__name__` included where the source gives it."""


class Arm(StrEnum):
    """Who is looked at: `$arm` in a query stands for its label matchers."""

    CANARY = "canary"
    BASELINE = "baseline"


class QueryKind(StrEnum):
    RAW = "raw"
    """`text` is a selector; the answer holds its real scrapes with their real times."""
    GRID = "grid"
    """`text` is any expression; the answer holds its value at every grid time."""
    TIMESTAMP = "timestamp"
    """`text` is a selector; the answer holds, at every grid time, the time of its newest sample (Unix s) as value."""


@dataclass(frozen=True, slots=True)
class Query:
    kind: QueryKind
    text: str
    start: float
    """First time wanted, inclusive."""
    end: float
    """Last time wanted, inclusive; on the grid for GRID and TIMESTAMP."""
    step: float = 0.0
    """Grid step; 0 for RAW."""


@dataclass(frozen=True, slots=True)
class Series:
    labels: Labels
    times: tuple[float, ...]
    values: tuple[float, ...]
    """NaN and infinities as they came; staleness markers are absent."""

    def label(self, name: str) -> str:
        return next((value for key, value in self.labels if key == name), "")


@dataclass(frozen=True, slots=True)
class Samples:
    """A usable answer; no series at all is an answer too."""

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    """What the source said about partial data."""


class FailureKind(StrEnum):
    DOWN = "down"
    """No usable answer: unreachable, timed out, refused us, or not speaking the API."""
    INVALID = "invalid"
    """The source refused the query."""


@dataclass(frozen=True, slots=True)
class SourceFailure:
    kind: FailureKind
    why: str


Answer = Samples | SourceFailure
