"""Durations, percentages, amounts and sizes: parsed from what people write, shown as people read them.

Percentages are exact (`Fraction` of 1), decimals are `Decimal`: nothing that is compared with a flag server or
goes into a digest passes through a binary float. Their types for files and events are in `model/fields.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction

from rolloutctl.shown import shown

_UNIT_S = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
    "w": Decimal(604800),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_MAX = timedelta(days=3650)
_MAX_DIGITS = 100


def parse_duration(text: str) -> timedelta:
    """Read `15s`, `1h30m`, `28d`, `500ms`; raises ValueError with a sentence."""
    compact = text.strip()
    if not _DURATION.fullmatch(compact):
        msg = f'{shown(text)} is not a duration; write for example "15s", "5m", "1h30m" or "28d"'
        raise ValueError(msg)
    seconds = sum((Decimal(number) * _UNIT_S[unit] for number, unit in _PART.findall(compact)), Decimal(0))
    if seconds > Decimal(_MAX.total_seconds()):
        msg = f"{shown(text)} is longer than ten years"
        raise ValueError(msg)
    return timedelta(microseconds=int(seconds * 1_000_000))


def show_duration(span: timedelta) -> str:
    """Exact and readable back by `parse_duration`: `1h30m`, `15s`, `0s`."""
    micros = span // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    parts: list[str] = []
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000)):
        count, micros = divmod(micros, size)
        if count:
            parts.append(f"{count}{unit}")
    if micros:
        parts.append(f"{Decimal(micros) / 1000:f}ms".replace(".000ms", "ms"))
    return sign + ("".join(parts) or "0s")


def show_age(seconds: float) -> str:
    """Round for reading: `4s`, `12m`, `2h05m`, `18d`."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    if whole < 7200:
        return f"{whole // 60}m"
    if whole < 172_800:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d"


def show_clock(seconds: float) -> str:
    """A countdown: `42s`, `2m41s`, `1h02m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def parse_percentage(text: str) -> Fraction:
    """Read `10%`, `0.05%` as an exact share of one; raises ValueError with a sentence."""
    stripped = text.strip()
    number = stripped.removesuffix("%").strip()
    try:
        if not stripped.endswith("%"):
            raise InvalidOperation
        value = Decimal(number)
        if not value.is_finite() or abs(value.adjusted()) > 12 or len(value.as_tuple().digits) > _MAX_DIGITS:
            raise InvalidOperation
    except InvalidOperation:
        msg = f'{shown(text)} is not a percentage; write for example "10%"'
        raise ValueError(msg) from None
    return Fraction(value) / 100


def show_share(share: Fraction) -> str:
    """A share of one as `5%`, `12.5%`; exact where a decimal can be."""
    return f"{show_number(share * 100)}%"


def show_number(value: Fraction) -> str:
    """A Fraction as a plain decimal: exact where it has one, `1/3` where it has not."""
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    with localcontext(prec=700):
        return format(Decimal(value.numerator) / Decimal(value.denominator), "f")


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse is meant: relative to baseline (`"10%"`), or an absolute difference (a bare number)."""

    amount: Fraction
    relative: bool

    def __str__(self) -> str:
        return show_share(self.amount) if self.relative else show_number(self.amount)


def parse_number(value: object) -> Decimal:
    """Read a finite TOML or JSON number exactly; raises ValueError with a sentence."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        msg = f"{shown(value)} is not a number"
        raise ValueError(msg)
    try:
        number = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 300 or len(number.as_tuple().digits) > _MAX_DIGITS:
        msg = f"{shown(value)} is not a finite number"
        raise ValueError(msg)
    return number


_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}
_SIZE = re.compile(r"(\d{1,9})(B|KiB|MiB)", re.ASCII)
LARGEST_SIZE = 64 << 20
"""Bytes: more than this is never read into memory at once."""


def parse_size(text: str) -> int:
    """Read `512B`, `16KiB`, `1MiB` as bytes; raises ValueError with a sentence."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        msg = f'{shown(text)} is not a size; write for example "16KiB" or "1MiB"'
        raise ValueError(msg)
    size = int(match[1]) * _SIZES[match[2]]
    if not 0 < size <= LARGEST_SIZE:
        msg = f"{shown(text)} is not a size between 1B and {show_size(LARGEST_SIZE)}"
        raise ValueError(msg)
    return size


def show_size(size: int) -> str:
    """Exact and readable back by `parse_size`: `1MiB`, `16KiB`, `1000B`."""
    unit = next((unit for unit in ("MiB", "KiB") if size and size % _SIZES[unit] == 0), "B")
    return f"{size // _SIZES[unit]}{unit}"


def show_time(when: datetime) -> str:
    """RFC 3339 in UTC with microseconds: `2026-01-05T10:00:00.000000Z`."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
