"""What `wait` can wait for: a closed list, apart so that help and completion name it and load nothing else."""

from __future__ import annotations

from enum import StrEnum


class Goal(StrEnum):
    BAKING = "baking"
    """A phase's clock runs."""
    READY = "ready"
    """The present phase may be left."""
    DONE = "done"
    ROLLED_BACK = "rolled-back"
    ENDED = "ended"
    """In whichever way."""
