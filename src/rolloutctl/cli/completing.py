"""What a shell may offer for the word under its cursor: `rolloutctl __complete WORD…`, the last word being the unfinished one.

Commands come from the table alone; options and kinds of values from the command's own declaration, so that nothing is written
twice. Rollouts are read from the journal's index. Nothing is asked over the network, and nothing ever fails: no answer is "none".
Output: a line that says what follows (`words`, `files`, `toml` for files whose names end so, `none`), then WORD or WORD<tab>WHAT.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from rolloutctl.cli.table import COMMANDS, GLOBAL_OPTIONS
from rolloutctl.cli.toplevel import globals_first

if TYPE_CHECKING:
    from rolloutctl.plan.model import Plan


class Kind(StrEnum):
    WORDS = "words"
    FILES = "files"
    TOML = "toml"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Offer:
    kind: Kind
    words: tuple[tuple[str, str], ...] = ()
    """(word, what it is)."""


_NOTHING = Offer(Kind.NONE)
_GLOBALS = tuple((option.partition(" ")[0], about) for option, about in GLOBAL_OPTIONS)
_CONFIG = "--config"
_TABLES = {"PROVIDER": "providers", "ENV": "environments", "CHANNEL": "channels"}
"""Metavars of what is named in the config, and in which table."""
_OF_PLAN = frozenset({"CRITERION", "GATE", "PHASE"})
"""Metavars of what is named in a rollout's plan."""


def answer(words: Sequence[str]) -> int:
    """Print the offer; the exit code is always 0."""
    try:
        offer = offered(_joined(words))
    except Exception:  # noqa: BLE001 - whatever it is, it must not disturb the line that is being typed
        offer = _NOTHING
    lines = [offer.kind, *(f"{word}\t{about}" if about else word for word, about in offer.words)]
    sys.stdout.write("".join(f"{_plain(line)}\n" for line in lines))
    return 0


def offered(words: Sequence[str]) -> Offer:
    """`words`: everything behind the program's name; the last is unfinished, maybe empty."""
    *before, current = words or ("",)
    if before and before[-1] == _CONFIG:
        return Offer(Kind.TOML)
    if current.startswith(f"{_CONFIG}="):
        return Offer(Kind.TOML)
    ordered = globals_first(before)
    explicit = _config_of(ordered)
    rest = [word for place, word in enumerate(ordered) if not _is_global(ordered, place)]
    if not rest:
        pool = _GLOBALS if current.startswith("-") else tuple((name, entry.about) for name, entry in COMMANDS.items())
        return _matching(pool, current)
    if rest[0] not in COMMANDS:
        return _NOTHING
    return _in_command(rest, current, explicit)


def _in_command(words: list[str], current: str, explicit: Path | None) -> Offer:
    from rolloutctl.cli.app import built

    name, *rest = words
    command = built(name, COMMANDS[name])
    inner = getattr(command, "commands", None)
    if inner is not None:
        if not rest:
            from rolloutctl.cli.helping import summary

            pool = tuple((each, summary(sub)) for each, sub in inner.items())
            return _matching(pool, current)
        if rest[0] not in inner:
            return _NOTHING
        command, rest = inner[rest[0]], rest[1:]
    hints = get_type_hints(command.callback)
    options = [param for param in command.params if param.param_type_name == "option"]
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    rollout = next(iter(_positional(options, rest)), "")
    if rest and (option := _taking(options, rest[-1])) is not None:
        return _value(option, hints, current, explicit, rollout)
    if current.startswith("--") and "=" in current:
        name, _, value = current.partition("=")
        option = _taking(options, name)
        offer = _value(option, hints, value, explicit, rollout) if option is not None else _NOTHING
        return Offer(offer.kind, tuple((f"{name}={word}", about) for word, about in offer.words))
    if current.startswith("-"):
        return _matching((*_options(options, rest), *_GLOBALS[:2]), current)
    place = len(_positional(options, rest))
    if place < len(arguments):
        return _value(arguments[place], hints, current, explicit, rollout)
    if arguments and (arguments[-1].nargs == -1):
        return _value(arguments[-1], hints, current, explicit, rollout)
    return _NOTHING


def _options(options: Iterable[Any], used: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Those that may still be said; one that is said already is offered again only where it may be repeated."""
    for option in options:
        names = [*option.opts, *option.secondary_opts]
        if option.multiple or not set(names) & set(used):
            yield from ((name, option.help or "") for name in names if name.startswith("--"))


def _taking(options: Iterable[Any], word: str) -> Any:
    """The option that wants a value next; None: this word is none."""
    return next((option for option in options if word in option.opts and not option.is_flag), None)


def _positional(options: Sequence[Any], words: Sequence[str]) -> list[str]:
    found: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            return [*found, *waiting]
        if not word.startswith("-"):
            found.append(word)
        elif _taking(options, word) is not None:
            next(waiting, None)
    return found


def _value(param: Any, hints: dict[str, Any], current: str, explicit: Path | None, rollout: str) -> Offer:
    """`rollout`: the command's first argument, where it has one already."""
    if param.metavar == "ROLLOUT":
        return _matching([(name, "") for name in _rollouts(explicit)], current)
    if param.metavar in _TABLES:
        return _matching([(name, "") for name in _configured(explicit, _TABLES[param.metavar])], current)
    if param.metavar in _OF_PLAN and rollout:
        return _matching(_of_plan(explicit, rollout, param.metavar), current)
    kind = next((each for each in _types(hints.get(param.name)) if isinstance(each, type)), str)
    if issubclass(kind, Enum):
        return _matching([(str(member.value), "") for member in kind], current)
    if issubclass(kind, Path):
        return Offer(Kind.TOML if param.metavar in {"PLAN", "FILE"} else Kind.FILES)
    return _NOTHING


def _types(hint: Any) -> Iterator[Any]:
    """The types inside `X | None`, `list[X]` and the like."""
    if get_origin(hint) in {Union, types.UnionType, list, tuple}:
        for inner in get_args(hint):
            yield from _types(inner)
    elif hint is not type(None):
        yield hint


def _rollouts(explicit: Path | None) -> list[str]:
    """Newest first."""
    from rolloutctl.engine.config.files import Surroundings, raw_config
    from rolloutctl.journal.newest import looking
    from rolloutctl.model.kinds import rollout_of

    config = raw_config(explicit, Surroundings.here())
    if config is None or not config.journal.exists():
        return []
    with looking(config.journal) as newest:
        return [rollout_of(end.stream) for end in reversed(newest.ends())]


def _of_plan(explicit: Path | None, rollout: str, metavar: str) -> list[tuple[str, str]]:
    """Names that stand in the sealed plan of `rollout`, or in a plan file, each with what it is.

    Loads the models: it is asked for these few arguments only.
    """
    plan, judged = _file_plan(rollout) if rollout.endswith(".toml") else _sealed_plan(explicit, rollout)
    match metavar:
        case "CRITERION":
            own = [(criterion.id, criterion.name) for criterion in plan.every_criterion]
            return [*own, *((key, "") for key in judged if "/" in key)]
        case "GATE":
            return [(gate.id, gate.title) for gate in plan.gates]
        case _:
            return [(phase.name, f"{place} of {len(plan.phases)}") for place, phase in enumerate(plan.phases, 1)]


def _sealed_plan(explicit: Path | None, rollout: str) -> tuple[Plan, Iterable[str]]:
    """(plan, keys of what was judged so far)."""
    from rolloutctl.cli.reading import journal_of, load
    from rolloutctl.engine.config.settings import Surroundings, read_settings

    with journal_of(read_settings(explicit, Surroundings.here())) as journal:
        known = load(journal, rollout)
    return known.plan, known.state.verdicts


def _file_plan(file: str) -> tuple[Plan, Iterable[str]]:
    from rolloutctl.cli.files import read_bytes
    from rolloutctl.plan.read import read_plan_file

    return read_plan_file(read_bytes(Path(file)), file).plan, ()


def _configured(explicit: Path | None, table: str) -> list[str]:
    from rolloutctl.engine.config.files import Surroundings, raw_config

    config = raw_config(explicit, Surroundings.here())
    return sorted(config.table(table)) if config is not None else []


def _config_of(words: Sequence[str]) -> Path | None:
    for place, word in enumerate(words):
        if word == _CONFIG and place + 1 < len(words):
            return Path(words[place + 1])
        if word.startswith(f"{_CONFIG}="):
            return Path(word.removeprefix(f"{_CONFIG}="))
    return None


def _is_global(words: Sequence[str], place: int) -> bool:
    word = words[place]
    follows = place > 0 and words[place - 1] == _CONFIG
    return follows or word in {name for name, _ in _GLOBALS} or word.startswith(f"{_CONFIG}=")


def _matching(pool: Iterable[tuple[str, str]], current: str) -> Offer:
    return Offer(Kind.WORDS, tuple(dict.fromkeys((word, about) for word, about in pool if word.startswith(current))))


def _joined(words: Sequence[str]) -> list[str]:
    """In bash, `--for=ready` is split at the equals sign; then only what stands behind it is completed."""
    joined: list[str] = []
    for word in words:
        if word == "=" and joined and joined[-1].startswith("--"):
            continue
        joined.append(word)
    return [*joined, ""] if words and words[-1] == "=" else joined


def _plain(line: str) -> str:
    return "".join(char for char in line if char.isprintable() or char == "\t")
