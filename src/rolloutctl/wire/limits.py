"""How long a server asks us to wait, in whichever of its dialects it says so.

Sources: RFC 9110 (Retry-After: seconds or a date), the RateLimit header fields' drafts (RateLimit-Reset, RateLimit with
`reset=` or `t=`), and the X- spellings in use (seconds, epoch seconds, epoch milliseconds).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

UNTOLD_S = 30.0
"""When the server gives no usable hint."""
LONGEST_S = 3600.0
"""A longer wait is not believed: it is asked again after this."""

_RESETS = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")
_IN_FIELD = re.compile(r"(?:^|[;,\s])(?:reset|t)=(\d+)", re.ASCII)
_EPOCH_S = 1e9
_EPOCH_MS = 1e12


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds from `now`, between 0 and `LONGEST_S`; header names in lower case; `UNTOLD_S` where there is no usable hint."""
    hint = told_s(headers, now)
    return UNTOLD_S if hint is None else hint


def told_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """As `retry_after_s`, but None where there is no usable hint. The longest hint counts."""
    hints = [
        _after(headers.get("retry-after", ""), now),
        *(_reset(headers.get(name, ""), now) for name in _RESETS),
        _field(headers.get("ratelimit", "")),
    ]
    told = [hint for hint in hints if hint is not None]
    return min(max(told), LONGEST_S) if told else None


def _after(text: str, now: datetime) -> float | None:
    seconds = _number(text)
    if seconds is not None:
        return seconds
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _reset(text: str, now: datetime) -> float | None:
    value = _number(text)
    if value is None or value < _EPOCH_S:
        return value
    epoch_s = value / 1000 if value >= _EPOCH_MS else value
    return max(0.0, epoch_s - now.timestamp())


def _field(text: str) -> float | None:
    found = _IN_FIELD.search(text)
    return float(found[1]) if found and len(found[1]) <= 9 else None


def _number(text: str) -> float | None:
    plain = text.strip()
    return float(plain) if re.fullmatch(r"\d{1,15}(\.\d{1,6})?", plain, re.ASCII) else None
