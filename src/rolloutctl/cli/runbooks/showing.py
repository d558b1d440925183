"""`runbook show`: what a runbook does and how its rehearsals stand; as a page, a checklist or JSON (runbook_shape)."""

from __future__ import annotations

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.out import complain, put, put_json
from rolloutctl.cli.reading import journal_of, utc_now
from rolloutctl.cli.runbooks.page import TITLES, checklist, markdown
from rolloutctl.cli.runbooks.shapes import runbook_shape
from rolloutctl.cli.runbooks.words import deed, details, named, objective_words, param_words, rehearsal_words
from rolloutctl.cli.running.finding import runbook_file
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.runs.records import rehearsals
from rolloutctl.errors import ExitCode, InvalidInput, JournalUnreachable
from rolloutctl.model.rehearsal import Standing
from rolloutctl.runbook.digest import Edit
from rolloutctl.runbook.model import Runbook
from rolloutctl.runner.standing import edits, standing_of


def show(globals_: Globals, name: str, *, md: bool, offline: bool, as_json: bool) -> ExitCode:
    """Raises InvalidInput, RunbookInvalid."""
    if [md, offline, as_json].count(True) > 1:
        raise InvalidInput("--md, --offline and --json are three ways to show it.", remedy="Choose one of them.")
    file = runbook_file(name)
    book = file.runbook
    if md or offline:
        put((markdown if md else checklist)(book).rstrip("\n"))
        return ExitCode.OK
    settings = settings_of(globals_)
    standing = standing_of(book, (), settings.config, utc_now())
    edited: tuple[Edit, ...] = ()
    try:
        with journal_of(settings) as journal:
            standing = standing_of(book, rehearsals(journal), settings.config, utc_now())
            edited = edits(book, standing, journal)
    except JournalUnreachable as error:
        complain(f"Rehearsals are not known: {error}")
    if as_json:
        put_json(runbook_shape(file.document.file, book, standing, edited))
    else:
        _show(book, standing, edited)
    return ExitCode.OK


def _show(book: Runbook, standing: Standing, edited: tuple[Edit, ...]) -> None:
    put(f"{book.id}: {book.title}")
    put(f"  owner      {book.owner}")
    if book.when:
        put(f"  when       {book.when}")
    put(f"  objective  {objective_words(book.objective)}")
    put(f"  rehearsal  {rehearsal_words(book.rehearsal)}")
    put(f"  state      {standing}")
    for edit in edited:
        put(f"             {edit}")
    for name, param in book.params.items():
        put(f"  param      {name}: {param_words(param)}")
    for section, title in TITLES.items():
        steps = book.section(section)
        if steps:
            put(f"{title}:")
        for number, step in enumerate(steps, 1):
            put(f"  {number}. {named(step)}")
            put(f"     {deed(step)}")
            for detail in details(book, step):
                if detail:
                    put(f"     {detail}")
