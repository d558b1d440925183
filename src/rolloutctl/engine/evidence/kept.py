"""What a process knows of the checkpoints of one rollout; only a memory, the journal has it all.

Loads no numpy: every rollout has one of these, also in a process that judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rolloutctl.engine.evidence.packing import Asked
    from rolloutctl.model.samples import Labels, Samples


class Stored(NamedTuple):
    """How far the checkpoints of a query go, Unix s, and the digest of its samples until then."""

    until: float
    digest: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one phase attempt."""

    attempt: int = 0
    checkpoints: tuple[str, ...] = ()
    """Digests of the blobs that all this is from."""
    until: float | None = None
    """Where the newest one ends, Unix s; None: there is none."""
    stored: Mapping[Asked, Stored] = field(default_factory=dict)
    begins: Mapping[Asked, Mapping[Labels, float]] = field(default_factory=dict)
    """When every series begins that was there when its query was first kept."""
    samples: Mapping[Asked, Samples] | None = None
    """All of them; read when the source no longer has some of it."""
