"""Commands about the channels of the config."""

from __future__ import annotations

from typing import Annotated

import typer

from rolloutctl.cli.helping import Documented, DocumentedGroup
from rolloutctl.cli.options import Json, globals_of
from rolloutctl.model.message import Matter

channel = typer.Typer(
    cls=DocumentedGroup,
    help="Send a test message to where people are notified.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@channel.callback()
def _group() -> None:
    """Without it, a group with one command would be that command."""


@channel.command("test", cls=Documented)
def channel_test(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the channel in the config.", metavar="CHANNEL", show_default=False)],
    matter: Annotated[
        Matter, typer.Option(help="What the message says it is; open pages people where the channel does, closed ends that.")
    ] = Matter.NEWS,
    json: Json = False,
) -> int:
    """Send one message that says it is a test, and tell what came back.

    Exit code: 0 it was taken, 1 it was refused, 4 it may have arrived, 7 the channel's server is not reachable.
    """
    from rolloutctl.cli.channels import test

    return test(globals_of(ctx), name, matter, as_json=json)
