"""The field types of files and events: what a duration, a share or an instant may be written as, and how it is written.

Apart from `units.py`, which needs no pydantic: what only shows a value loads none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from rolloutctl.shown import shown
from rolloutctl.units import (
    Margin,
    parse_duration,
    parse_number,
    parse_percentage,
    parse_size,
    show_duration,
    show_number,
    show_share,
    show_size,
    show_time,
)


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        msg = f'{shown(value)} is not a duration; write it in quotes with a unit, for example "15s"'
        raise ValueError(msg)
    return parse_duration(value)


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        msg = f'{shown(value)} is not a size; write it in quotes with a unit, for example "16KiB"'
        raise ValueError(msg)
    return parse_size(value)


def _share(value: Any) -> Any:
    if isinstance(value, Fraction):
        return value
    if not isinstance(value, str):
        msg = f'{shown(value)} is not a percentage; write it in quotes, for example "10%"'
        raise ValueError(msg)
    return parse_percentage(value)


def _fraction(text: str) -> Fraction:
    match = re.fullmatch(r"(\d{1,100})/(\d{1,100})", text, re.ASCII)
    if match is None or not int(match[2]):
        raise ValueError(f"{shown(text)} is not a number")
    return Fraction(int(match[1]), int(match[2]))


def _percent(value: Any) -> Any:
    if isinstance(value, Fraction):
        return value
    number = _fraction(value) if isinstance(value, str) and "/" in value else Fraction(parse_number(value))
    if not 0 <= number <= 100:
        msg = f"{shown(value)} is not a percentage of users; it must be from 0 to 100"
        raise ValueError(msg)
    return number


def _margin(value: Any) -> Any:
    if isinstance(value, Margin):
        return value
    if isinstance(value, str) and value.endswith(_ABSOLUTE):
        margin = Margin(Fraction(parse_number(value.removesuffix(_ABSOLUTE))), relative=False)
    elif isinstance(value, str):
        margin = Margin(parse_percentage(value), relative=True)
    else:
        margin = Margin(Fraction(parse_number(value)), relative=False)
    if margin.amount < 0:
        msg = f"{shown(value)} is below zero; say how much worse is tolerated as a positive amount"
        raise ValueError(msg)
    return margin


_ABSOLUTE = " absolute"
"""Behind an absolute margin where numbers travel as text, so that it is told from one that lacks its `%`."""


def _utc(value: Any) -> Any:
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(when, datetime) or when.tzinfo is None:
        msg = f"{shown(value)} is not a time with a zone"
        raise ValueError(msg)
    return when.astimezone(UTC)


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(show_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$", "examples": ["15s", "5m", "1h30m"]}),
]
Size = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(show_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,9}(B|KiB|MiB)$", "examples": ["16KiB", "1MiB"]}),
]
"""Bytes."""
Share = Annotated[
    Fraction,
    BeforeValidator(_share),
    PlainSerializer(show_share, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?%$", "examples": ["10%", "0.05%"]}),
]
Percent = Annotated[
    Fraction,
    BeforeValidator(_percent),
    PlainSerializer(show_number, return_type=str),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100}),
]
MarginOf = Annotated[
    Margin,
    BeforeValidator(_margin),
    PlainSerializer(lambda margin: f"{margin}" if margin.relative else f"{margin}{_ABSOLUTE}", return_type=str),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?%$"}, {"type": "number", "minimum": 0}]}),
]
Number = Annotated[
    Decimal,
    BeforeValidator(parse_number),
    PlainSerializer(lambda number: show_number(Fraction(number)), return_type=str),
    WithJsonSchema({"type": "number"}),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_utc),
    PlainSerializer(show_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
