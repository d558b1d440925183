"""What a metrics source is asked and what it answers: queries and samples, no verdicts.

Times are Unix seconds by the source's clock. A query is a value, so that equal queries of many criteria are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rolloutctl.model.histogram import Histogram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

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
    RULE = "rule"
    """`text` is the name of an alerting rule; the answer holds the rules of that name, as `model/alerts.py` says."""
    ANNOUNCED = "announced"
    """`text` is an alert's name; the answer holds the alerts of that name that the source's Alertmanager has now, where the
    source has one."""

    RECORDED = "recorded"
    """No source is asked: `text` names a criterion, and the journal holds its numbers; the answer is like that of GRID."""
    RECORDED_AT = "recorded_at"
    """The same; the answer is like that of TIMESTAMP."""

    @property
    def of_source(self) -> bool:
        """Whether a metrics source can answer it."""
        return self not in {QueryKind.RECORDED, QueryKind.RECORDED_AT}

    @property
    def has_past(self) -> bool:
        """Whether the answer holds samples over time; otherwise it says how things are now, however often it is asked."""
        return self not in {QueryKind.RULE, QueryKind.ANNOUNCED}


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
    by: tuple[str, ...] | None = None
    """RAW: labels that must survive where a source has too many series and sums them itself; None: it must not."""

    def __hash__(self) -> int:
        # Thousands of queries are looked up at every poll; the text's hash is kept by the text itself.
        return hash((self.text, self.start, self.end))


class Series:
    """Samples of one set of labels, in order of time. Immutable; equal when labels and samples are.

    Held as tuples or as arrays, whichever it was made of; the other form is made when first asked for. `arrays()` is what
    to compute with: a day of raw scrapes is thousands of numbers.
    """

    __slots__ = ("_arrays", "_times", "_values", "histograms", "labels")

    def __init__(
        self,
        labels: Labels,
        times: Sequence[float],
        values: Sequence[float],
        histograms: tuple[Histogram, ...] = (),
    ) -> None:
        self.labels = labels
        self.histograms = histograms
        """Native histograms in order of time; a series has these or numbers, hardly ever both."""
        self._times: tuple[float, ...] | None = tuple(times)
        self._values: tuple[float, ...] | None = tuple(values)
        self._arrays: tuple[Floats, Floats] | None = None

    @classmethod
    def of_arrays(cls, labels: Labels, times: Floats, values: Floats, histograms: tuple[Histogram, ...] = ()) -> Series:
        """Of float64 arrays that nobody writes to any more; they are not copied."""
        made = cls.__new__(cls)
        made.labels, made.histograms, made._arrays = labels, histograms, (times, values)  # noqa: SLF001  its own class
        made._times = made._values = None  # noqa: SLF001
        return made

    def relabelled(self, labels: Labels) -> Series:
        """The same samples under other labels."""
        return Series.of_arrays(labels, *self.arrays(), self.histograms)

    @property
    def times(self) -> tuple[float, ...]:
        if self._times is None:
            assert self._arrays is not None
            self._times = tuple(self._arrays[0].tolist())
        return self._times

    @property
    def values(self) -> tuple[float, ...]:
        """NaN and infinities as they came; staleness markers are absent."""
        if self._values is None:
            assert self._arrays is not None
            self._values = tuple(self._arrays[1].tolist())
        return self._values

    def arrays(self) -> tuple[Floats, Floats]:
        """(times, values) as float64 arrays, Unix s; views that must not be written to, without a copy where it is possible."""
        if self._arrays is None:
            # Loaded where samples are computed with, never at start-up.
            import numpy as np  # noqa: PLC0415

            assert self._times is not None
            assert self._values is not None
            self._arrays = np.array(self._times, dtype=np.float64), np.array(self._values, dtype=np.float64)
        return self._arrays

    def label(self, name: str) -> str:
        return next((value for key, value in self.labels if key == name), "")

    def __len__(self) -> int:
        """Number of samples that are numbers."""
        return len(self._times) if self._times is not None else len(self.arrays()[0])

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        mine = self.labels, self.times, self.values, self.histograms
        return mine == (other.labels, other.times, other.values, other.histograms)

    def __hash__(self) -> int:
        return hash((self.labels, len(self)))

    def __repr__(self) -> str:
        more = f", {self.histograms!r}" if self.histograms else ""
        return f"Series({self.labels!r}, {self.times!r}, {self.values!r}{more})"


@dataclass(frozen=True, slots=True)
class Samples:
    """A usable answer; no series at all is an answer too."""

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    """What the source said about partial data."""
    approximate: bool = False
    """The source has summed too many series itself: counters are made of estimated increments, not of real scrapes."""


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
