"""The field types of a runbook file: names, texts with placeholders, confirmations, paths into JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict, WithJsonSchema

from rolloutctl.constraints import Matching, shallow
from rolloutctl.runbook import placeholders
from rolloutctl.shown import shown

Name = Annotated[
    str,
    Matching(
        r"[a-z0-9][a-z0-9._-]{0,99}",
        "a name; use lower case letters, digits, dot, dash and underscore, at most 100, and begin with a letter or digit",
    ),
]
ParamName = Annotated[
    str,
    Matching(
        r"[a-z][a-z0-9_]{0,63}",
        "the name of a parameter; use lower case letters, digits and underscore, and begin with a letter",
    ),
]
Person = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(max_length=4000)]
Switch = Annotated[bool, Strict()]
"""true or false, and nothing that could be taken for one."""
Count = Annotated[int, Strict()]


def _placeholders(text: str) -> str:
    placeholders.parse(text)
    return text


Templated = Annotated[str, Field(max_length=4000), AfterValidator(_placeholders)]
"""Text that may hold `${name}`."""
Said = Annotated[Templated, Field(min_length=1)]
"""The same, and not empty."""
PromQL = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(shallow), AfterValidator(placeholders.check_promql)]
"""PromQL that may hold `${name}` inside quoted strings."""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, arbitrary_types_allowed=True)


class ConfirmKind(StrEnum):
    NONE = "none"
    """Nobody is asked."""
    ENTER = "enter"
    """A person presses Enter."""
    TYPE = "type"
    """A person types a text."""
    SECOND_PERSON = "second_person"
    """Somebody else than who started the run agrees."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """What is asked before a step when the run was started by hand."""

    kind: ConfirmKind = ConfirmKind.NONE
    text: str = ""
    """What has to be typed; may hold placeholders."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.text}" if self.kind is ConfirmKind.TYPE else self.kind.value


def _confirm(value: Any) -> Any:
    if isinstance(value, Confirm):
        return value
    kind, colon, text = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind == ConfirmKind.TYPE and text.strip() and len(text) <= 200:
        return Confirm(ConfirmKind.TYPE, _placeholders(text))
    if not colon and kind in {ConfirmKind.NONE, ConfirmKind.ENTER, ConfirmKind.SECOND_PERSON}:
        return Confirm(ConfirmKind(kind))
    raise ValueError(f'{shown(value)} is not a way to confirm; it must be "none", "enter", "second_person" or "type:TEXT"')


ConfirmOf = Annotated[
    Confirm,
    BeforeValidator(_confirm),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^(none|enter|second_person|type:.+)$", "examples": ["enter", "type:${flag}"]}),
]

_MOST_JSON_NODES = 1000


def _json(value: Any) -> Any:
    count = 0

    def plain(item: Any) -> Any:
        nonlocal count
        count += 1
        if count > _MOST_JSON_NODES:
            raise ValueError(f"this holds more than {_MOST_JSON_NODES} values")
        match item:
            case bool() | int() | Decimal():
                if isinstance(item, Decimal) and not item.is_finite():
                    raise ValueError(f"{shown(item)} is not a number that JSON knows")
                return item
            case str():
                return _placeholders(item)
            case Mapping():
                return {str(key): plain(inner) for key, inner in item.items()}
            case list() | tuple():
                return tuple(plain(inner) for inner in item)
            case date() | time():
                raise ValueError(f"{shown(item)} is a date, which JSON does not know; write it in quotes")
            case _:
                raise ValueError(f"{shown(item)} is not something that JSON knows")

    return plain(value)


def _dumped(value: Any) -> Any:
    """For JSON output and schemas: a number with a point as text, since no float may stand for it."""
    match value:
        case Decimal():
            return str(value)
        case Mapping():
            return {key: _dumped(item) for key, item in value.items()}
        case tuple():
            return [_dumped(item) for item in value]
        case _:
            return value


Json = Annotated[Any, BeforeValidator(_json), PlainSerializer(_dumped, when_used="json"), WithJsonSchema({})]
"""What JSON can say but null, since TOML cannot; numbers with a point as Decimal, lists as tuples."""

_STEP = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d{1,6})\]")
JsonPath = Annotated[
    str,
    Matching(
        r"(?:[^.\[\]\s]{1,100}|\[\d{1,6}\])(?:\.[^.\[\]\s]{1,100}|\[\d{1,6}\]){0,20}",
        'a path into JSON; write "generation", "items[0].name"',
    ),
]


def path_steps(path: str) -> tuple[str | int, ...]:
    """The keys and indexes of a JsonPath, outermost first."""
    return tuple(match[1] if match[1] is not None else int(match[2]) for match in _STEP.finditer(path))
