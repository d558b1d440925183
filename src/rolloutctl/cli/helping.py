"""Commands whose help ends with examples from the table in `examples.py`, as they are typed."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from rolloutctl.cli.examples import EXAMPLES, Example
from rolloutctl.cli.options import EVERYWHERE
from rolloutctl.cli.table import PROGRAM


def examples_of(path: str) -> tuple[Example, ...]:
    """Of a command; of a group the first of each of its commands."""
    if path in EXAMPLES:
        return EXAMPLES[path]
    return tuple(found[0] for name, found in EXAMPLES.items() if name.startswith(f"{path} "))


class Documented(TyperCommand):
    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write(ctx, formatter)


class DocumentedGroup(TyperGroup):
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
