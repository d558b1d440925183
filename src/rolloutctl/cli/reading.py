"""Reading the journal without an engine, a network or the right to write: for everything that only looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rolloutctl.cli.options import Globals
from rolloutctl.engine.opening import open_journal
from rolloutctl.engine.settings import Settings, Surroundings, journal_path, read_settings
from rolloutctl.errors import InvalidInput, JournalCorrupt, RolloutctlError
from rolloutctl.model.events import Event, rollout_stream
from rolloutctl.model.fold import fold
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Journal, Lease

_STREAM = "rollout/"


@dataclass(frozen=True, slots=True)
class Known:
    """A rollout as the journal has it."""

    plan: Plan
    state: RolloutState
    lease: Lease | None

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def driver(self) -> str:
        """Who holds the lease; empty: nobody."""
        return self.lease.holder if self.lease is not None and self.lease.expires_in_s > 0 else ""


def settings_of(globals_: Globals) -> Settings:
    """Raises ConfigInvalid."""
    return read_settings(globals_.config, Surroundings.here())


@contextmanager
def journal_of(settings: Settings) -> Iterator[Journal | None]:
    """The journal, read-only; None where none has been begun. Raises JournalUnreachable or JournalCorrupt."""
    if not journal_path(settings).exists():
        yield None
        return
    journal = open_journal(settings, read_only=True)
    try:
        yield journal
    finally:
        journal.close()


def ids(journal: Journal | None) -> list[str]:
    """Every rollout's id, oldest first."""
    return [stream.removeprefix(_STREAM) for stream in journal.streams()] if journal is not None else []


def resolve(journal: Journal | None, name: str) -> str:
    """The id of `name#n`, or of the newest attempt of `name`. Raises InvalidInput naming what there is."""
    known = ids(journal)
    if name in known:
        return name
    attempts = [(int(number), each) for each in known for plan, _, number in [each.rpartition("#")] if plan == name]
    if attempts:
        return max(attempts)[1]
    shown = ", ".join(known[-8:]) or "none yet"
    raise InvalidInput(
        f'there is no rollout "{name}" in this journal.', remedy=f"Rollouts: {shown}. Start one with `rolloutctl start PLAN`."
    )


def stream_of(rollout: str) -> str:
    plan, _, attempt = rollout.rpartition("#")
    return rollout_stream(plan, int(attempt))


def load(journal: Journal | None, name: str) -> Known:
    """Raises InvalidInput for a name that is not there, JournalCorrupt."""
    rollout = resolve(journal, name)
    assert journal is not None
    return _loaded(journal, rollout, journal.read(stream_of(rollout)))


def load_all(journal: Journal | None) -> tuple[tuple[Known, ...], tuple[str, ...]]:
    """(rollouts, oldest first; what could not be read, as sentences)."""
    found: list[Known] = []
    broken: list[str] = []
    for rollout in ids(journal):
        assert journal is not None
        try:
            found.append(_loaded(journal, rollout, journal.read(stream_of(rollout))))
        except RolloutctlError as error:
            broken.append(f"{rollout} cannot be shown: {error}")
    return tuple(found), tuple(broken)


def _loaded(journal: Journal, rollout: str, events: Sequence[Event]) -> Known:
    state = fold(events)
    if state is None:
        raise JournalCorrupt(f"{rollout} has no seal.", remedy="Run `rolloutctl journal verify`.")
    plan = read_plan(journal.get_blob(state.plan_blob).decode(), f"sealed plan of {rollout}")
    return Known(plan, state, journal.lease(stream_of(rollout)))


def utc_now() -> datetime:
    return datetime.now(UTC)
