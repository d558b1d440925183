"""The command that judges the past."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.options import Json, globals_of

_TIME = "RFC3339"


def backtest(
    ctx: typer.Context,
    plan: Annotated[Path, typer.Argument(help="The plan file.", metavar="PLAN", show_default=False)],
    phase: Annotated[
        str, typer.Option("--phase", help="Which phase's criteria are judged.", metavar="PHASE", show_default=False)
    ],
    start: Annotated[str, typer.Option("--start", help="When the phase would have begun.", metavar=_TIME, show_default=False)],
    end: Annotated[
        str, typer.Option("--end", help="Up to when; default: the phase's deadline.", metavar=_TIME, show_default=False)
    ] = "",
    json: Json = False,
) -> int:
    """The judge over the source's history, as if the phase had begun at --start: one look per step of the plan.

    Needs the plan's metrics, criteria and phases; the flag is not asked and nothing is changed. Times are like
    2026-01-05T10:00:00Z.

    Exit code: 0 it would have been READY, 1 BREACH, 5 neither, 7 the source is not reachable.
    """
    from rolloutctl.cli.backtesting import backtest as run

    return run(globals_of(ctx), plan, phase, _time(start, "--start"), _time(end, "--end") if end else None, as_json=json)


def _time(text: str, option: str) -> datetime:
    from rolloutctl.errors import InvalidInput

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise InvalidInput(f'{option} "{text}" is not a time with a zone.', remedy="Write it like 2026-01-05T10:00:00Z.")
    return when
