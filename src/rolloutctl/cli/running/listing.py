"""`runbook runs`, `rehearsal list`, `rehearsal check`: from the journal and the runbook files alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.out import complain, put, put_json, say
from rolloutctl.cli.running.finding import FOLDER, runbook_file
from rolloutctl.cli.running.journal import journal_of, utc_now
from rolloutctl.cli.running.lines import summary
from rolloutctl.cli.running.shapes import run_shape, standing_shape
from rolloutctl.cli.sentences import stamp, zone_of
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.runs.records import rehearsals, runs
from rolloutctl.errors import ExitCode, InvalidInput
from rolloutctl.model.rehearsal import Rehearsal, RehearsalState, Standing, rehearsal_of
from rolloutctl.model.run import RunState
from rolloutctl.runbook.model import Runbook
from rolloutctl.runner.standing import edits, standing_of
from rolloutctl.units import parse_duration


def list_runs(globals_: Globals, runbook: str, *, as_json: bool) -> ExitCode:
    settings = settings_of(globals_)
    with journal_of(settings) as journal:
        found = [state for state in runs(journal) if runbook in {"", state.runbook}]
    if as_json:
        put_json({"at": utc_now(), "runs": [run_shape(state) for state in found]})
        return ExitCode.OK
    zone = zone_of(settings.config.operator.timezone)
    for state in found:
        put(f"{stamp(state.started_at, zone)}  {state.id}  {state.mode}  {state.environment}  {_standing(state)}")
    if not found:
        say("There is no run in this journal yet.")
    return ExitCode.OK


def list_rehearsals(globals_: Globals, *, environment: str, as_json: bool) -> ExitCode:
    settings = settings_of(globals_)
    with journal_of(settings) as journal:
        found = [state for state in runs(journal) if (record := rehearsal_of(state)) is not None and _proof(record, environment)]
    if as_json:
        put_json({"at": utc_now(), "rehearsals": [run_shape(state) for state in found]})
        return ExitCode.OK
    zone = zone_of(settings.config.operator.timezone)
    for state in found:
        put(f"{stamp(state.started_at, zone)}  {state.runbook}  {state.mode} in {state.environment}  {summary(state)}")
    if not found:
        say("There is no rehearsal in this journal yet.")
    return ExitCode.OK


def check_rehearsals(
    globals_: Globals, names: Sequence[str], *, max_age: str, environment: str, provider: str, source: str, as_json: bool
) -> ExitCode:
    """0 all are REHEARSED, 1 one is not."""
    settings = settings_of(globals_)
    limit = _duration(max_age) if max_age else None
    wanted = list(names) or sorted(str(path) for path in Path(FOLDER).glob("*.toml"))
    if not wanted:
        raise InvalidInput(f"there is no runbook in the folder {FOLDER} here.", remedy="Name the files of runbooks.")
    books = [runbook_file(name).runbook for name in wanted]
    config, now = settings.config.in_environment(environment), utc_now()
    standings: list[tuple[Runbook, Standing]] = []
    edited: dict[str, str] = {}
    with journal_of(settings) as journal:
        records = [record for record in rehearsals(journal) if _proof(record, environment)]
        for book in books:
            standing = standing_of(book, records, config, now, provider=provider, source=source, max_age=limit)
            standings.append((book, standing))
            edited[book.id] = "; ".join(str(edit) for edit in edits(book, standing, journal)[:3])
    bad = [book for book, standing in standings if standing.state is not RehearsalState.REHEARSED]
    if as_json:
        put_json(
            {"at": utc_now(), "ok": not bad, "runbooks": [standing_shape(book.id, standing) for book, standing in standings]}
        )
    else:
        for book, standing in standings:
            what = f"; {edited[book.id]}" if edited[book.id] else ""
            (complain if book in bad else put)(f"{book.id}: {standing}{what}")
    return ExitCode.FAILED if bad else ExitCode.OK


def _proof(record: Rehearsal, environment: str) -> bool:
    return environment in {"", record.environment}


def _standing(state: RunState) -> str:
    return summary(state) if state.ended else "NOT OVER"


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"--max-age: {error}.") from None
