"""Commands whose help ends with examples from the table in `examples.py`, as they are typed."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from rolloutctl.cli.examples import EXAMPLES, Example
from rolloutctl.cli.options import EVERYWHERE
from rolloutctl.cli.table import PROGRAM

_CLAUSE = re.compile(r"[;.](?:\s|$)")


def examples_of(path: str) -> tuple[Example, ...]:
    """Of a command; of a group the first of each of its commands."""
    if path in EXAMPLES:
        return EXAMPLES[path]
    return tuple(found[0] for name, found in EXAMPLES.items() if name.startswith(f"{path} "))


class Documented(TyperCommand):
    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write(ctx, formatter)


def summary(command: Any) -> str:
    """What a command is for, in one clause: the first of its help, never cut."""
    said = " ".join((command.help or "").partition("\n\n")[0].split())
    return _CLAUSE.split(said, maxsplit=1)[0].rstrip(".")


class DocumentedGroup(TyperGroup):
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Whole: the framework would end each at the width of the terminal with three dots."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, summary(command)) for name, command in commands if command is not None and not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write(ctx, formatter)


def _write(ctx: Any, formatter: Any) -> None:
    """Line by line: a formatter's paragraph would wrap what is meant to be copied."""
    examples = examples_of(ctx.command_path.removeprefix(PROGRAM).strip())
    if examples:
        formatter.write("\nExamples:\n")
    for example in examples:
        formatter.write(f"  # {example.does}\n  {example.line}\n")
    formatter.write("\n")
    formatter.write_text(EVERYWHERE)
