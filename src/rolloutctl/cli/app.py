"""The command line as typer has it, and the one place where everything that can go wrong becomes a sentence and a code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from rolloutctl.cli.options import EVERYWHERE, Globals
from rolloutctl.cli.table import ABOUT, COMMANDS, PROGRAM, Entry
from rolloutctl.cli.toplevel import globals_first

if TYPE_CHECKING:
    from typer.core import TyperCommand


class Commands(TyperGroup):
    """Finds a command in the table and imports its module only then."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature, whose context class it keeps private
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        return _built(cmd_name, entry) if entry is not None else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1)
            meant = f' Did you mean "{near[0]}"?' if near else f" {PROGRAM} --help lists them."
            ctx.fail(f'There is no command "{args[0]}".{meant}')
        return super().resolve_command(ctx, args)


def _built(name: str, entry: Entry) -> TyperGroup | TyperCommand | Any:
    declared = getattr(import_module(entry.module), entry.attribute)
    if isinstance(declared, typer.Typer):
        group = get_group(declared)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, short_help=entry.about, epilog=EVERYWHERE)(declared)
    return get_command(alone)


app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
    help=ABOUT,
    epilog=EVERYWHERE,
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
    from rolloutctl.cli.ending import code_of

    try:
        code = get_command(app).main(list(globals_first(arguments)), prog_name=PROGRAM, standalone_mode=False)
        if isinstance(code, Globals):
            code = screen(code)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - this is the last place
        return code_of(error)
    finally:
        _flush()
    return int(code) if isinstance(code, int) else 0


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
