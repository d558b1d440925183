"""The command line as typer has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from rolloutctl.cli.guarded import guarded
from rolloutctl.cli.helping import Documented
from rolloutctl.cli.naming import did_you_mean
from rolloutctl.cli.table import ABOUT, COMMANDS, PROGRAM, Entry
from rolloutctl.cli.toplevel import Globals, globals_first

if TYPE_CHECKING:
    from typer.core import TyperCommand


class Commands(TyperGroup):
    """Finds a command in the table and imports its module only then."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature, whose context class it keeps private
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        return built(cmd_name, entry) if entry is not None else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            meant = did_you_mean(args[0], COMMANDS).strip() or f"{PROGRAM} --help lists them."
            ctx.fail(f'There is no command "{args[0]}". {meant}')
        return super().resolve_command(ctx, args)


def built(name: str, entry: Entry) -> TyperGroup | TyperCommand | Any:
    declared = getattr(import_module(entry.module), entry.attribute)
    if isinstance(declared, typer.Typer):
        group = get_group(declared)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, cls=Documented, short_help=entry.about)(declared)
    return get_command(alone)


app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
    add_completion=False,
    help=ABOUT,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback()
def begin(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option(help="A config file on top of the usual ones.", metavar="PATH")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Change nothing: every request is refused.")] = False,
) -> Globals:
    """What is left when no command was named is the screen's."""
    ctx.obj = found = Globals(config=config, read_only=read_only)
    return found


def run(arguments: Sequence[str], screen: Callable[[Globals], int]) -> int:
    """The exit code; never raises, never shows a traceback. `screen` is opened where no command is named."""

    def parsed() -> object:
        command = get_command(app)
        try:
            # Not `main`, which answers a reader that left with a code of its own.
            with command.make_context(PROGRAM, globals_first(arguments)) as context:
                code = command.invoke(context)
        except typer.Exit as left:
            return left.exit_code
        return screen(code) if isinstance(code, Globals) else code

    return guarded(parsed)
