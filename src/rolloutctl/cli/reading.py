"""Reading the journal without an engine, a network or the right to write: for everything that only looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rolloutctl.cli.naming import resolved
from rolloutctl.engine.cards.card import Card, holder
from rolloutctl.engine.cards.making import card_of
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.opening import journal_begun, open_journal
from rolloutctl.errors import JournalCorrupt, RolloutctlError
from rolloutctl.model.events import Event
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import rollout_of, rollout_stream
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Journal, Lease


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
    def card(self) -> Card:
        return card_of(self.plan, self.state)

    @property
    def driver(self) -> str:
        """Who holds the lease; empty: nobody."""
        return holder(self.lease)


@contextmanager
def journal_of(settings: Settings) -> Iterator[Journal | None]:
    """The journal, read-only; None where none has been begun. Raises JournalUnreachable or JournalCorrupt."""
    if not journal_begun(settings):
        yield None
        return
    journal = open_journal(settings, read_only=True)
    try:
        yield journal
    finally:
        journal.close()


def ids(journal: Journal | None) -> list[str]:
    """Every rollout's id, oldest first."""
    return [rollout_of(stream) for stream in journal.streams()] if journal is not None else []


def resolve(journal: Journal | None, name: str) -> str:
    """The id of `name#n`, or of the newest attempt of `name`. Raises InvalidInput naming what there is."""
    return resolved(ids(journal), name)


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
