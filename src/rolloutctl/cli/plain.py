"""Command lines so plain that no parser is needed: the screen, `status` and `rollback` as hands and scripts type them.

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


PlainLine = Screen | Status | Rollback
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
            return _rollback(globals_, _given(words, {"--json": False, "--why": True}))
        case _:
            return None


def _status(globals_: Globals, given: Given | None) -> Status | None:
    if given is None or len(given[""]) > 1:
        return None
    return Status(globals_, "".join(given[""]), as_json="--json" in given)


def _rollback(globals_: Globals, given: Given | None) -> Rollback | None:
    if given is None or len(given[""]) != 1:
        return None
    return Rollback(globals_, given[""][0], "".join(given.get("--why", [])), as_json="--json" in given)


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
