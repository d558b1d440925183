"""Values as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import Any

from rolloutctl.units import show_time


def plain(value: object) -> Any:
    """Times RFC 3339 in UTC, spans in seconds, exact shares as numbers, NaN and infinities as null."""
    match value:
        case Enum():
            return value.value
        case datetime():
            return show_time(value)
        case timedelta():
            return value.total_seconds()
        case Fraction():
            return value.numerator if value.denominator == 1 else float(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _:
            return value
