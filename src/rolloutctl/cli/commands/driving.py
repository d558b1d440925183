"""`drive`: an engine without a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from rolloutctl.cli.options import Json, globals_of


def drive(
    ctx: typer.Context,
    rollouts: Annotated[
        list[str] | None, typer.Argument(help="Only these; default: every one that nobody drives.", metavar="ROLLOUT")
    ] = None,
    listen: Annotated[
        str,
        typer.Option(
            help="Answer /metrics, /healthz and /readyz there, on this machine only; default: nothing listens.",
            metavar="127.0.0.1:PORT",
            show_default=False,
        ),
    ] = "",
    json: Json = False,
) -> int:
    """Drive rollouts until SIGTERM, SIGINT or SIGHUP; one line per change. For systemd, a container, tmux.

    Goes on with nothing to drive, and takes new rollouts as they come. Tells systemd when it is ready and that it is alive.
    """
    from rolloutctl.cli.driving import drive as driven

    return driven(globals_of(ctx), tuple(rollouts or ()), listen, as_json=json)
