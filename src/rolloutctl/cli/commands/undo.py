"""Commands that take exposure away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.options import Json, Rollout, Why, globals_of


def rollback(
    ctx: typer.Context,
    rollout: Annotated[
        str, typer.Argument(help="`name#n`, or `name` for its newest attempt.", metavar="ROLLOUT", show_default=False)
    ] = "",
    plan: Annotated[
        Path | None, typer.Option(help="Turn this plan's flag off, without any journal.", metavar="FILE", show_default=False)
    ] = None,
    why: Why = "",
    json: Json = False,
) -> int:
    """Roll back: turn the flag off (or restore the snapshot), read back, verify. Takes over from whoever drives.

    Exit code: 0 rolled back, 1 it did not happen, 4 it is unknown whether it happened, 7 the flag server is not reachable.
    """
    from rolloutctl.errors import InvalidInput

    if (plan is None) == (not rollout):
        raise InvalidInput(
            "say what to roll back:", remedy="`rolloutctl rollback ROLLOUT`, or `rolloutctl rollback --plan FILE`."
        )
    if plan is not None:
        from rolloutctl.cli.emergency import off_by_plan

        return off_by_plan(globals_of(ctx), plan, why=why, as_json=json)
    from rolloutctl.cli.acting import roll_back

    return roll_back(globals_of(ctx), rollout, why=why, as_json=json)


def off(
    ctx: typer.Context,
    provider: Annotated[str, typer.Argument(help="Name of the provider in the config.", metavar="PROVIDER", show_default=False)],
    flag: Annotated[str, typer.Argument(help="Key of the flag.", metavar="FLAG", show_default=False)],
    env: Annotated[str, typer.Option("--env", help="Environment at the provider.", metavar="ENV", show_default=False)],
    project: Annotated[str, typer.Option(help="Project at the provider; default: the config's.", show_default=False)] = "",
    why: Why = "",
    json: Json = False,
) -> int:
    """Turn a flag off: no journal, no plan, no rollout needed. A local record is kept and joins the journal later.

    Exit code: 0 off and verified, 1 it did not happen, 4 unknown, 7 the flag server is not reachable.
    """
    from rolloutctl.cli.emergency import off as turn_off

    return turn_off(globals_of(ctx), provider, flag, env, project, why=why, as_json=json)


def checked(ctx: typer.Context, rollout: Rollout, why: Why, json: Json = False) -> int:
    """Say that a person has looked at the flag server and it is off: ends ROLLBACK UNKNOWN."""
    from rolloutctl.cli.acting import ask
    from rolloutctl.engine.view.commands import CommandKind

    return ask(globals_of(ctx), CommandKind.CHECKED, rollout, why=why, as_json=json)
