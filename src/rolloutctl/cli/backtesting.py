"""`backtest`: what the judge would have said, as one JSON object or as lines.

JSON: {"phase", "start", "end", "first_breach": {"after_s", "criterion", "segment"} | null, "first_ready_after_s",
"first_hold": {"after_s", "criterion", "host"} | null, "holds": [{"after_s", "until_s", "criterion", "segment", "state"}],
"final", "looks"}. `segment` is null for the whole; `until_s` is null for a hold that lasted to the end.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import put, put_json
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.config.settings import Surroundings, read_settings
from rolloutctl.engine.once.backtesting import Backtest, Found, run_backtest
from rolloutctl.errors import ExitCode
from rolloutctl.model.verdict import PhaseState, shown_as
from rolloutctl.plan.read import read_plan_file
from rolloutctl.units import show_clock

NOT_NEEDED = frozenset({"providers", "environments", "adapters", "channels"})
"""A source is all that is asked: what else the config holds may be of a kind that this version does not know."""


def backtest(globals_: Globals, file: Path, phase: str, start: datetime, end: datetime | None, *, as_json: bool) -> ExitCode:
    settings = read_settings(globals_.config, Surroundings.here(), NOT_NEEDED)
    plan = read_plan_file(read_bytes(file), str(file)).plan
    found = asyncio.run(in_world(settings, lambda world: run_backtest(world, plan, phase, start, end)))
    if as_json:
        put_json(shape(found))
    else:
        _show(found)
    return _code(found)


def _code(found: Backtest) -> ExitCode:
    if found.final is PhaseState.BREACH:
        return ExitCode.FAILED
    return ExitCode.OK if found.first_ready_after_s is not None else ExitCode.NOT_YET


def shape(found: Backtest) -> dict[str, Any]:
    breach, hold = found.first_breach, found.first_hold
    return {
        "phase": found.phase,
        "start": rfc(found.start),
        "end": rfc(found.end),
        "first_breach": None
        if breach is None
        else {"after_s": whole(breach.after_s), "criterion": breach.criterion, "segment": breach.segment or None},
        "first_ready_after_s": whole(found.first_ready_after_s),
        "first_hold": None if hold is None else {"after_s": whole(hold.after_s), "criterion": hold.criterion, "host": hold.host},
        "holds": [
            {
                "after_s": whole(each.after_s),
                "until_s": whole(each.until_s),
                "criterion": each.criterion,
                "segment": each.segment or None,
                "state": each.state.value,
            }
            for each in found.holds
        ],
        "final": found.final.value,
        "looks": found.looks,
    }


def whole(seconds: float | None) -> float | int | None:
    return int(seconds) if seconds is not None and seconds == int(seconds) else seconds


def rfc(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _show(found: Backtest) -> None:
    put(f"phase {found.phase} from {rfc(found.start)} to {rfc(found.end)}: {found.looks} looks, in the end {found.final.value}")
    put(f"  first breach   {_first(found.first_breach)}")
    ready = "never" if found.first_ready_after_s is None else f"after {show_clock(found.first_ready_after_s)}"
    put(f"  ready          {ready}")
    hold = found.first_hold
    put(f"  one host       {_first(hold)}{f', host {hold.host}' if hold is not None else ''}")
    for each in found.holds:
        until = "the end" if each.until_s is None else show_clock(each.until_s)
        name = shown_as(each.criterion, each.segment)
        put(f"  hold           {name} {each.state.words}, from {show_clock(each.after_s)} to {until}")
    for verdict in found.verdicts:
        put(f"  {verdict.state.words:<13}  {verdict.shown}: {verdict.why}")


def _first(found: Found | None) -> str:
    if found is None:
        return "none"
    return f"after {show_clock(found.after_s)}, {shown_as(found.criterion, found.segment)}"
