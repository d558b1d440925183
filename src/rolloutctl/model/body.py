"""What every event's body has in common."""

from __future__ import annotations

from typing import Literal

from rolloutctl.model.cohort import Value


class Body(Value):
    v: Literal[1] = 1
