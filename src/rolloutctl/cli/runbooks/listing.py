"""`runbook list`: the runbooks in the folder here, what each is for, and how its rehearsals stand.

JSON: {"at", "folder", "runbooks": [runbook_shape], "broken": [{"file", "problems": [sentence]}]}.
"""

from __future__ import annotations

from pathlib import Path

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import complain, put, put_json, say
from rolloutctl.cli.reading import journal_of, utc_now
from rolloutctl.cli.runbooks.shapes import runbook_shape
from rolloutctl.cli.running.finding import FOLDER
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.runs.records import rehearsals
from rolloutctl.errors import ExitCode, InvalidInput, JournalUnreachable, RunbookInvalid
from rolloutctl.model.rehearsal import Rehearsal
from rolloutctl.runbook.read import RunbookFile, read_runbook_file
from rolloutctl.runner.standing import standing_of


def list_runbooks(globals_: Globals, *, as_json: bool) -> ExitCode:
    settings, now = settings_of(globals_), utc_now()
    read: list[tuple[Path, RunbookFile]] = []
    wrong: list[tuple[Path, tuple[InvalidInput, ...]]] = []
    for path in sorted(Path(FOLDER).glob("*.toml")):
        try:
            read.append((path, read_runbook_file(read_bytes(path), str(path))))
        except RunbookInvalid as error:
            wrong.append((path, error.problems))
        except InvalidInput as error:
            wrong.append((path, (error,)))
    records: tuple[Rehearsal, ...] = ()
    try:
        with journal_of(settings) as journal:
            records = rehearsals(journal)
    except JournalUnreachable as error:
        complain(f"Rehearsals are not known: {error}")
    standings = [(path, file.runbook, standing_of(file.runbook, records, settings.config, now)) for path, file in read]
    if as_json:
        shapes = [runbook_shape(str(path), book, standing, ()) for path, book, standing in standings]
        broken = [{"file": str(path), "problems": [str(problem) for problem in problems]} for path, problems in wrong]
        put_json({"at": now, "folder": FOLDER, "runbooks": shapes, "broken": broken})
    else:
        for path, book, standing in standings:
            put(f"{book.id}  {standing}  {book.title}  ({path})")
        for _, problems in wrong:
            for problem in problems:
                complain(str(problem))
        if not read and not wrong:
            say(f"There is no runbook in the folder {FOLDER} here.")
    return ExitCode.INVALID if wrong else ExitCode.OK
