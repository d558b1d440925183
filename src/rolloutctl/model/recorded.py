"""Numbers that no metrics source keeps: the driver asks an adapter for them and the journal holds them.

Immutable and cheap to grow: a long phase records tens of thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Taken:
    """One look at an endpoint; NaN stands for an answer that holds no number there."""

    at: float
    """Unix s, by the source's clock."""
    canary: float
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of one criterion in one attempt of a phase, in the order of the journal."""

    chunks: tuple[tuple[Taken, ...], ...] = ()

    def with_(self, taken: Taken) -> Recorded:
        if not self.chunks or len(self.chunks[-1]) >= _CHUNK:
            return Recorded((*self.chunks, (taken,)))
        return Recorded((*self.chunks[:-1], (*self.chunks[-1], taken)))

    @property
    def newest(self) -> Taken | None:
        return self.chunks[-1][-1] if self.chunks else None

    def __iter__(self) -> Iterator[Taken]:
        return (taken for chunk in self.chunks for taken in chunk)
