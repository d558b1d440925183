"""Commands that only look."""

from __future__ import annotations

from typing import Annotated

import typer

from rolloutctl.cli.goals import Goal
from rolloutctl.cli.options import Json, Rollout, globals_of


def status(
    ctx: typer.Context,
    rollout: Annotated[
        str, typer.Argument(help="Only this one: `name#n`, or `name`.", metavar="ROLLOUT", show_default=False)
    ] = "",
    live: Annotated[bool, typer.Option("--live", help="Ask source and provider once.")] = False,
    json: Json = False,
) -> int:
    """Where every rollout is, folded from the journal; nothing is asked over the network unless --live.

    Exit code 0, also for a rollout that is in BREACH (`wait` answers with one); 1 when one cannot be read; with --live, 7 when
    a source or provider does not answer.
    """
    from rolloutctl.cli.status import show

    if live:
        from rolloutctl.cli.live import show_live

        return show_live(globals_of(ctx), rollout, as_json=json)
    return show(globals_of(ctx), rollout, as_json=json)


def watch(ctx: typer.Context, rollout: Rollout, json: Json = False) -> int:
    """One line per change until the rollout ends; with --json one JSON object a line.

    Ends with 0 for DONE, 1 for ROLLED BACK or ABORTED, 4 for ROLLBACK UNKNOWN. Nothing is asked over the network.
    """
    from rolloutctl.cli.following import watch as follow

    return follow(globals_of(ctx), rollout, as_json=json)


def wait(
    ctx: typer.Context,
    rollout: Rollout,
    goal: Annotated[Goal, typer.Option("--for", help="What to wait for.")] = Goal.READY,
    timeout: Annotated[str, typer.Option(help="At most this long, such as 90s or 2h.", metavar="DURATION")] = "30m",
    json: Json = False,
) -> int:
    """Return when a rollout gets there: 0 there, 1 it cannot any more, 4 ROLLBACK UNKNOWN, 5 not in time."""
    from rolloutctl.cli.following import wait_for

    return wait_for(globals_of(ctx), rollout, goal, timeout, as_json=json)


def explain(
    ctx: typer.Context,
    rollout: Rollout,
    criterion: Annotated[
        str, typer.Argument(help="Id of the criterion, or `id/segment`.", metavar="CRITERION", show_default=False)
    ],
    json: Json = False,
) -> int:
    """One criterion on one page: queries as sent, numbers, bound, state, why, and what would change it.

    Asks the source once; while it is down the newest verdict of the journal is shown, and that is said. Exit code: 0 PASS,
    1 BREACH, 5 anything else, 7 the source is down.
    """
    from rolloutctl.cli.explaining import explain as explained

    return explained(globals_of(ctx), rollout, criterion, as_json=json)
