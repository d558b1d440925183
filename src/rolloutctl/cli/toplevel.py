"""What is answered before anything is loaded: `--help`, `--version`, and global options anywhere on the line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rolloutctl.cli.table import ABOUT, GLOBAL_OPTIONS, PROGRAM, SECTIONS

_WIDTH = 16
_VALUED = "--config"
_PLAIN = ("--read-only",)


@dataclass(frozen=True, slots=True)
class Globals:
    """What stands on the command line for every command."""

    config: Path | None
    read_only: bool


def help_text() -> str:
    lines = [f"Usage: {PROGRAM} [GLOBAL OPTIONS] COMMAND [ARGUMENTS]", "", ABOUT, ""]
    lines += [f"Without a command it opens the screen. Example: {PROGRAM} status", ""]
    for section in SECTIONS:
        lines += [f"{section.title}:", *(f"  {name:<{_WIDTH}}{entry.about}" for name, entry in section.commands.items()), ""]
    lines += ["Global options, before or after the command:"]
    lines += [f"  {option:<{_WIDTH}}{about}" for option, about in GLOBAL_OPTIONS]
    lines += ["", f"A command's own help: {PROGRAM} COMMAND --help"]
    return "\n".join(lines)


def version_text() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{PROGRAM} {version(PROGRAM)}"
    except PackageNotFoundError:
        return f"{PROGRAM} (not installed)"


def globals_first(arguments: Sequence[str]) -> list[str]:
    """Move global options to the front, so that they are valid after the command too; what follows `--` stays."""
    first: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in _PLAIN or argument.startswith(f"{_VALUED}="):
            first.append(argument)
        elif argument == _VALUED:
            first += [argument, *(value for value in [next(waiting, None)] if value is not None)]
        else:
            rest.append(argument)
    return [*first, *rest]


def answer_early(arguments: Sequence[str]) -> str | None:
    """The text for a line that only asks for the program's help or version; None: it has to be looked at properly."""
    asked = [argument for argument in globals_first(arguments) if argument not in _PLAIN]
    match asked:
        case ["--help" | "-h" | "help"]:
            return help_text()
        case _ if "--version" in asked[: asked.index("--") if "--" in asked else None]:
            return version_text()
        case _:
            return None
