"""Command lines so plain that no parser is needed: the screen, `status`, `rollback` and `off` as hands and scripts type them.

Loading typer takes longer than the whole of `status`, and at 03:00 nobody wants to wait for it. Invariant: a line that is read
here means what typer would make of it; anything else (an option that is not listed, a value that begins with a dash, help) is
left to typer. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rolloutctl.cli.toplevel import Globals, globals_first


@dataclass(frozen=True, slots=True)
class Screen:
    globals_: Globals


@dataclass(frozen=True, slots=True)
class Status:
    globals_: Globals
    rollout: str
    """Empty: all."""
    as_json: bool


@dataclass(frozen=True, slots=True)
class Rollback:
    globals_: Globals
    rollout: str
    why: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class RollbackByPlan:
    globals_: Globals
    file: Path
    why: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class Off:
    globals_: Globals
    provider: str
    flag: str
    environment: str
    project: str
    """Empty: the config's."""
    why: str
    as_json: bool


PlainLine = Screen | Status | Rollback | RollbackByPlan | Off
Given = dict[str, list[str]]


def plain_line(arguments: Sequence[str]) -> PlainLine | None:
    """None: typer reads it."""
    found = _globals(globals_first(arguments))
    if found is None:
        return None
    globals_, rest = found
    match rest:
        case []:
            return Screen(globals_)
        case ["status", *words]:
            return _status(globals_, _given(words, {"--json": False}))
        case ["rollback", *words]:
            return _rollback(globals_, _given(words, {"--json": False, "--why": True, "--plan": True}))
        case ["off", *words]:
            return _off(globals_, _given(words, {"--json": False, "--why": True, "--env": True, "--project": True}))
        case _:
            return None


def _status(globals_: Globals, given: Given | None) -> Status | None:
    if given is None or len(given[""]) > 1:
        return None
    return Status(globals_, "".join(given[""]), as_json="--json" in given)


def _rollback(globals_: Globals, given: Given | None) -> Rollback | RollbackByPlan | None:
    if given is None:
        return None
    why, as_json = _value(given, "--why"), "--json" in given
    match given[""], _value(given, "--plan"):
        case [rollout], "":
            return Rollback(globals_, rollout, why, as_json)
        case [], file if file:
            return RollbackByPlan(globals_, Path(file), why, as_json)
        case _:
            return None


def _off(globals_: Globals, given: Given | None) -> Off | None:
    if given is None or len(given[""]) != 2 or "--env" not in given:
        return None
    (provider, flag), environment = given[""], _value(given, "--env")
    return Off(globals_, provider, flag, environment, _value(given, "--project"), _value(given, "--why"), "--json" in given)


def _value(given: Given, option: str) -> str:
    """Empty: it was not given."""
    return "".join(given.get(option, []))


def _globals(line: list[str]) -> tuple[Globals, list[str]] | None:
    """The global options and what follows them."""
    config: Path | None = None
    read_only = False
    rest = list(line)
    while rest and rest[0].startswith("--"):
        match rest:
            case ["--read-only", *others] if not read_only:
                read_only, rest = True, others
            case ["--config", value, *others] if config is None and _plain(value):
                config, rest = Path(value), others
            case _:
                return None
    return Globals(config=config, read_only=read_only), rest


def _given(words: Sequence[str], options: dict[str, bool]) -> Given | None:
    """Values by option, each given once (`options`: whether it takes one); those without under the empty name."""
    given: Given = {"": []}
    waiting = iter(words)
    for word in waiting:
        if _plain(word):
            given[""].append(word)
        elif word in options and word not in given:
            value = next(waiting, "") if options[word] else None
            if value is not None and not _plain(value):
                return None
            given[word] = [value] if value is not None else []
        else:
            return None
    return given


def _plain(value: str) -> bool:
    return bool(value) and not value.startswith("-")
