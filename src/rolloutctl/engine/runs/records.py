"""Runs as the journal has them."""

from __future__ import annotations

from rolloutctl.errors import InvalidInput, JournalCorrupt, RolloutctlError
from rolloutctl.model.rehearsal import Rehearsal, rehearsal_of
from rolloutctl.model.run import RunState, fold_run
from rolloutctl.model.run_words import run_of, run_stream
from rolloutctl.ports import Journal
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.read import read_runbook


def runs(journal: Journal | None) -> tuple[RunState, ...]:
    """Every run that can be read, oldest first."""
    if journal is None:
        return ()
    found = []
    for stream in journal.runs():
        try:
            state = fold_run(journal.read(stream))
        except RolloutctlError:
            continue
        if state is not None:
            found.append(state)
    return tuple(found)


def rehearsals(journal: Journal | None) -> tuple[Rehearsal, ...]:
    """The records of ended runs, oldest first."""
    return tuple(record for state in runs(journal) if (record := rehearsal_of(state)) is not None)


def find_run(journal: Journal | None, name: str) -> RunState:
    """By its id, or by the beginning of it where that is clear. Raises InvalidInput naming what there is."""
    known = [run_of(stream) for stream in journal.runs()] if journal is not None else []
    meant = [name] if name in known else [run for run in known if name and run.startswith(name)]
    if journal is None or len(meant) != 1:
        newest = ", ".join(known[-5:]) or "none"
        what = f'there is no run "{name}"' if not meant else f'"{name}" begins the ids of several runs'
        raise InvalidInput(f"{what} in the journal.", remedy=f"The newest are: {newest}.")
    state = fold_run(journal.read(run_stream(meant[0])))
    if state is None:
        raise JournalCorrupt(f"the run {meant[0]} was never created.", remedy="Run `rolloutctl journal verify`.")
    return state


def runbook_of(journal: Journal, state: RunState) -> Runbook:
    """As it was read when the run began. Raises JournalCorrupt."""
    return read_runbook(journal.get_blob(state.blob), f"runbook of {state.id}")
