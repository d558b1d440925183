"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from rolloutctl.cli.toplevel import Globals


def globals_of(ctx: typer.Context) -> Globals:
    found = ctx.find_object(Globals)
    return found if found is not None else Globals(config=None, read_only=False)


EVERYWHERE = "Global options, before or after the command: --config PATH, --read-only, --version."
Rollout = Annotated[
    str, typer.Argument(help="`name#n`, or `name` for its newest attempt.", metavar="ROLLOUT", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is journalled.", metavar="TEXT", show_default=False)]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until the change is read back and clients follow.")]
