"""`${name}` in a runbook's texts: found, and filled in with values escaped for where they land.

Braces alone belong to PromQL; `$${` stands for `${` itself. There is no expression language: a placeholder is a name, a value is
text, and a value is never read for placeholders again. Everything here raises ValueError with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never
from urllib.parse import quote

from rolloutctl.shown import shown

_NAME = r"[a-z][a-z0-9_]{0,63}(?:\.[a-z][a-z0-9_]{0,63})?"
_PIECE = re.compile(rf"(?P<plain>\$\$\{{)|\$\{{(?P<name>{_NAME})\}}|(?P<broken>\$\{{[^}}]{{0,40}}\}}?)", re.ASCII)


class Fact(StrEnum):
    """What a run knows without a parameter; empty where it does not apply. A parameter of the same name comes first."""

    FLAG = "flag"
    """Key of the flag."""
    PROVIDER = "provider"
    """Its provider in the config."""
    PROJECT = "project"
    """Its project at the provider."""
    ENVIRONMENT = "environment"
    """Environment the run is in."""
    ROLLOUT = "rollout"
    """Id of the rollout: `checkout#2`; empty for a run by hand."""
    PLAN = "plan"
    """Name of its plan."""
    PHASE = "phase"
    """Phase it was in when it was rolled back."""
    INCIDENT = "incident"
    """What `--incident` said."""
    OPERATOR = "operator"
    """Who started the run."""


class RunFact(StrEnum):
    """What is known of the run once its steps are over: in `after` steps alone."""

    ID = "run.id"
    """Id of the run."""
    MODE = "run.mode"
    """`rehearse` or `live`."""
    RESULT = "run.result"
    """`recovered`, `not_recovered`, `failed`, …"""
    TIME_TO_ROLLBACK = "run.time_to_rollback"
    """By the objective's clock: `2m41s`; empty where it did not come to its end."""
    JOURNAL_SEQ = "run.journal_seq"
    """Number of the journal's newest event."""
    JOURNAL_HEAD = "run.journal_head"
    """Its hash: whoever reads the message is a witness."""


class Landing(StrEnum):
    """Where a text ends up: what a value must be escaped for."""

    URL_PATH = "url_path"
    """Percent-encoded, so that a value is never more than one segment of the path."""
    HEADER = "header"
    """A header's or query parameter's value; the client encodes parameters. Control characters are refused."""
    JSON = "json"
    """A string inside a structure that is encoded afterwards; see `render_json`."""
    PROMQL = "promql"
    """Inside a quoted string of PromQL; behind `=~` and `!~` escaped as a regular expression too."""
    TEXT = "text"
    """For people: control characters other than line breaks are shown as their code."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    name: str


Part = str | Placeholder


def parse(text: str) -> tuple[Part, ...]:
    """The text as pieces, `$${` already turned into `${`."""
    parts: list[Part] = []
    end = 0
    for match in _PIECE.finditer(text):
        if match["broken"] is not None:
            raise ValueError(
                f'{shown(match["broken"])} is not a placeholder; write "${{name}}" with lower case letters, digits and'
                ' underscore, or "$${" for the characters themselves'
            )
        parts.append(text[end : match.start()])
        parts.append(Placeholder(match["name"]) if match["name"] is not None else "${")
        end = match.end()
    parts.append(text[end:])
    return tuple(part for part in parts if part != "")


def names(text: str) -> tuple[str, ...]:
    """The placeholders' names, each once, in order."""
    return tuple(dict.fromkeys(part.name for part in parse(text) if isinstance(part, Placeholder)))


def render(text: str, values: Mapping[str, str], landing: Landing, hidden: Collection[str] = ()) -> str:
    """The text with its values. A name in `hidden` is shown as `«name»`, whatever its value is."""
    if landing is Landing.PROMQL:
        return "".join(_in_promql(parse(text), values, hidden))
    return "".join(part if isinstance(part, str) else _landed(part.name, values, landing, hidden) for part in parse(text))


def render_json(value: Any, values: Mapping[str, str], hidden: Collection[str] = ()) -> Any:
    """A structure of JSON with its strings filled in; keys and numbers stay. Encoding it afterwards escapes the values."""
    match value:
        case str():
            return render(value, values, Landing.JSON, hidden)
        case Mapping():
            return {key: render_json(item, values, hidden) for key, item in value.items()}
        case list() | tuple():
            return [render_json(item, values, hidden) for item in value]
        case _:
            return value


def names_in_json(value: Any) -> tuple[str, ...]:
    """The names in all strings of a structure, each once."""
    match value:
        case str():
            return names(value)
        case Mapping():
            inner = list(value.values())
        case list() | tuple():
            inner = list(value)
        case _:
            return ()
    return tuple(dict.fromkeys(name for item in inner for name in names_in_json(item)))


def check_promql(text: str) -> str:
    """The text itself; raises when a placeholder stands where a value could change the query."""
    parts = parse(text)
    for _ in _in_promql(parts, {part.name: "x" for part in parts if isinstance(part, Placeholder)}, ()):
        pass
    return text


def _landed(name: str, values: Mapping[str, str], landing: Landing, hidden: Collection[str]) -> str:
    value = _value(name, values, hidden)
    return value if name in hidden else _escaped(name, value, landing)


def _value(name: str, values: Mapping[str, str], hidden: Collection[str]) -> str:
    if name in hidden:
        return f"«{name}»"
    try:
        return values[name]
    except KeyError:
        raise ValueError(f'there is no value for "${{{name}}}"') from None


def _escaped(name: str, value: str, landing: Landing) -> str:
    match landing:
        case Landing.URL_PATH:
            if value in {"", ".", ".."}:
                raise ValueError(f'{shown(value)} for "${{{name}}}" cannot be a part of a path')
            return quote(value, safe="")
        case Landing.HEADER:
            if any(not char.isprintable() for char in value):
                raise ValueError(f'the value of "${{{name}}}" holds a control character, which no header may')
            return value
        case Landing.JSON:
            return value
        case Landing.TEXT:
            return "".join(char if char.isprintable() or char == "\n" else f"\\u{ord(char):04x}" for char in value)
        case Landing.PROMQL:
            return _promql_string(value, '"')
        case never:
            assert_never(never)


def _promql_string(value: str, delimiter: str) -> str:
    """Only the delimiter itself may be escaped: PromQL has the escape sequences of Go."""
    escaped = value.replace("\\", "\\\\").replace(delimiter, f"\\{delimiter}")
    return "".join(char if char.isprintable() else _code_point(char) for char in escaped)


def _code_point(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 1 << 16 else f"\\U{ord(char):08x}"


def _in_promql(parts: tuple[Part, ...], values: Mapping[str, str], hidden: Collection[str]) -> Iterator[str]:
    place = _Quotes()
    for part in parts:
        if isinstance(part, str):
            place.pass_over(part)
            yield part
            continue
        if place.quote not in {'"', "'"}:
            where = "in a raw string" if place.quote == "`" else "outside quotes"
            raise ValueError(f'"${{{part.name}}}" stands {where}; in PromQL a placeholder may only stand inside "…" or \'…\'')
        if place.escaping:
            raise ValueError(f'"${{{part.name}}}" stands right behind a backslash')
        value = _value(part.name, values, hidden)
        yield _promql_string(_REGEX_SPECIAL.sub(r"\\\g<0>", value) if place.in_regex else value, place.quote)


_REGEX_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class _Quotes:
    """Where in PromQL the text read so far ends."""

    def __init__(self) -> None:
        self.quote = ""
        self.in_regex = False
        self.escaping = False
        self._comment = False
        self._outside = ""

    def pass_over(self, text: str) -> None:
        for char in text:
            if self._comment:
                self._comment = char != "\n"
            elif self.escaping:
                self.escaping = False
            elif self.quote:
                if char == "\\" and self.quote != "`":
                    self.escaping = True
                elif char == self.quote:
                    self.quote, self._outside = "", ""
            elif char in "\"'`":
                self.quote = char
                self.in_regex = self._outside in {"=~", "!~"}
            elif char == "#":
                self._comment = True
            elif not char.isspace():
                self._outside = (self._outside + char)[-2:]
