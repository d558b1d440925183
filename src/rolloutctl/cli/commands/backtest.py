"""The command that judges the past."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli.options import Json, globals_of

_TIME = "RFC3339"
_EVERY = "6h"


def backtest(
    ctx: typer.Context,
    plan: Annotated[Path, typer.Argument(help="The plan file.", metavar="PLAN", show_default=False)],
    phase: Annotated[
        str, typer.Option("--phase", help="Which phase's criteria are judged.", metavar="PHASE", show_default=False)
    ],
    start: Annotated[
        str, typer.Option("--start", help="When the phase would have begun.", metavar=_TIME, show_default=False)
    ] = "",
    end: Annotated[
        str, typer.Option("--end", help="Up to when; default: the phase's deadline.", metavar=_TIME, show_default=False)
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            "--since", help="Slide the phase over this much of the past, such as 14d.", metavar="DURATION", show_default=False
        ),
    ] = "",
    every: Annotated[str, typer.Option("--every", help="With --since: begin it so often.", metavar="DURATION")] = _EVERY,
    incident: Annotated[
        list[str] | None,
        typer.Option(
            "--incident",
            help="A time known to be bad, to T2 or for so long; may be repeated.",
            metavar="T1..T2",
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="With --since or --incident: draw it as SVG.", metavar="FILE", show_default=False),
    ] = None,
    json: Json = False,
) -> int:
    """The judge over the source's history, as if the phase had begun at --start: one look per step of the plan.

    With --since it begins every so often in a time that was quiet: is the plan calm? With --incident it begins with a time
    that was bad: would it have been caught, and how fast? Needs the plan's metrics, criteria and phases; the flag is not asked
    and nothing is changed. Times are like 2026-01-05T10:00:00Z.

    Exit code with --start: 0 it would have been READY, 1 BREACH, 5 neither. With --since or --incident: 0 calm and all caught,
    1 a breach in a quiet time or an incident that was not caught, 5 no quiet time became READY. 7 the source is not reachable.
    """
    from rolloutctl.errors import InvalidInput

    incidents = incident or []
    if bool(start) == bool(since or incidents):
        raise InvalidInput(
            "say when: either --start, or --since and --incident.",
            remedy="--start judges one phase, --since slides it over the past, --incident asks what would have been caught.",
        )
    if start:
        from rolloutctl.cli.backtesting import backtest as run

        if plot is not None:
            raise InvalidInput("--plot draws many phases.", remedy="Use it with --since or --incident.")
        return run(globals_of(ctx), plan, phase, _time(start, "--start"), _time(end, "--end") if end else None, as_json=json)
    if end:
        raise InvalidInput("--end belongs to --start.", remedy="An incident names its own end: --incident T1..T2.")
    from rolloutctl.cli.sliding import Wanted, slide_over

    wanted = Wanted(
        phase=phase,
        since=_duration(since, "--since") if since else None,
        every=_duration(every, "--every"),
        incidents=tuple(_span(each) for each in incidents),
        plot=plot,
    )
    return slide_over(globals_of(ctx), plan, wanted, as_json=json)


def _span(text: str) -> tuple[datetime, datetime]:
    from rolloutctl.errors import InvalidInput

    first, dots, last = text.partition("..")
    if not dots:
        raise InvalidInput(
            f'--incident "{text}" has no end.', remedy="Write it like 2026-01-05T10:00Z..2026-01-05T11:30Z or ..90m."
        )
    start = _time(first, "--incident")
    if "-" not in last and not last.endswith("Z"):
        return start, start + _duration(last, "--incident")
    return start, _time(last, "--incident")


def _duration(text: str, option: str) -> timedelta:
    from rolloutctl.errors import InvalidInput
    from rolloutctl.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"{option}: {error}.") from None


def _time(text: str, option: str) -> datetime:
    from rolloutctl.errors import InvalidInput

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise InvalidInput(f'{option} "{text}" is not a time with a zone.', remedy="Write it like 2026-01-05T10:00:00Z.")
    return when
