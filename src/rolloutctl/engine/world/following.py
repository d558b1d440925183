"""Following the journal: whatever is new in it is folded into the records, whoever wrote it.

Invariant: every event up to `seq` has been folded, or its stream stands in `broken` with the reason why its rollout cannot be
shown. What a journal that went away kept from being read is read at the next round.
"""

from __future__ import annotations

import asyncio
import contextlib

from rolloutctl.config import Config
from rolloutctl.engine.world.amended import newest_plan
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.way_back import WayBack, compare, load_way_back, take
from rolloutctl.engine.world.world import World
from rolloutctl.errors import JournalUnreachable, RolloutctlError
from rolloutctl.model.events import Event
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import Kind
from rolloutctl.model.rehearsal import Rehearsal, rehearsal_of
from rolloutctl.model.run import RunState, apply_run
from rolloutctl.model.run_words import RUN_STREAM
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Journal


class Following:
    """`records` belong to the engine, by rollout; they are filled here and nowhere else."""

    def __init__(self, world: World, records: dict[str, RolloutRecord]) -> None:
        self._world = world
        self._records = records
        self._one_at_a_time = asyncio.Lock()
        self.seq = 0
        """Newest event that was folded."""
        self.released_after = 0
        """Newest `lease.released` that was seen."""
        self._runs: dict[str, RunState] = {}
        """Runs of runbooks that are not over, by stream."""
        self._rehearsals: dict[str, Rehearsal] = {}
        """Those that are over, by stream."""
        self.broken: dict[str, str] = {}
        """Streams that cannot be shown, with a sentence."""
        self._unread: dict[str, list[Event]] = {}
        """Streams with events that are still to be folded, because the journal went away meanwhile."""

    async def sync(self) -> bool:
        """Fold whatever is new; tells whether there was anything. Raises JournalUnreachable or JournalCorrupt."""
        async with self._one_at_a_time:
            after = self.seq
            events = await self._world.journal.call(lambda journal: _newer(journal, after))
            if not events and not self._unread:
                return False
            self.seq = events[-1].seq if events else after
            self.released_after = max([self.released_after, *(e.seq for e in events if e.kind is Kind.LEASE_RELEASED)])
            await self._learn(events)
            unread, self._unread = self._unread, {}
            for stream in dict.fromkeys([*unread, *(event.stream for event in events if event.stream.startswith("rollout/"))]):
                await self._absorb(stream, [*unread.get(stream, ()), *(event for event in events if event.stream == stream)])
            return True

    async def _learn(self, events: list[Event]) -> None:
        """Runs of runbooks that ended: what is known of the ways back, before anybody who asks for a step is heard."""
        ended = [event.kind is Kind.RUN_ENDED for event in events if self._follow_run(event)]
        ways = [record.way_back for record in self._records.values() if record.way_back is not None]
        if any(ended) and ways:
            for way in ways:
                take(way, self._rehearsals.values())
            # What was edited is worth a sentence, and no reason to miss what else is new.
            with contextlib.suppress(RolloutctlError):
                await self._world.journal.call(lambda journal: _compare_all(journal, ways))

    def _follow_run(self, event: Event) -> bool:
        """Whether it was news of a run."""
        if not event.stream.startswith(RUN_STREAM) or event.stream in self._rehearsals:
            return False
        try:
            state = apply_run(self._runs.get(event.stream), event)
        except RolloutctlError:
            # A run that cannot be read proves nothing.
            return False
        if state is None:
            return False
        self._runs[event.stream] = state
        if (record := rehearsal_of(state)) is not None:
            self._rehearsals[event.stream] = record
            del self._runs[event.stream]
        return True

    async def _absorb(self, stream: str, events: list[Event]) -> None:
        record = next((record for record in self._records.values() if record.stream == stream), None)
        try:
            if record is not None:
                amended = any(event.kind is Kind.PLAN_AMENDED for event in events)
                plan = await self._world.journal.call(lambda journal: newest_plan(journal, events)) if amended else None
                record.absorb(events, plan)
                self.broken.pop(stream, None)
                return
            config, known = self._world.config, tuple(self._rehearsals.values())
            loaded = await self._world.journal.call(lambda journal: _load(journal, stream, config, known))
        except JournalUnreachable as error:
            self._unread[stream] = events
            self.broken[stream] = f"{stream.removeprefix('rollout/')} cannot be shown until the journal answers: {error}"
            return
        except RolloutctlError as error:
            self.broken[stream] = f"{stream.removeprefix('rollout/')} cannot be shown: {error}"
            return
        self.broken.pop(stream, None)
        if loaded is not None:
            plan, state, way_back = loaded
            self._records[state.id] = RolloutRecord(plan=plan, state=state, stream=stream, way_back=way_back)


def _newer(journal: Journal, after: int) -> list[Event]:
    if journal.head()[0] <= after:
        return []
    return list(journal.read(None, after))


def _compare_all(journal: Journal, ways: list[WayBack]) -> None:
    for way in ways:
        compare(journal, way)


def _load(
    journal: Journal, stream: str, config: Config, known: tuple[Rehearsal, ...]
) -> tuple[Plan, RolloutState, WayBack | None] | None:
    state = fold(journal.read(stream))
    if state is None:
        return None
    plan = read_plan(journal.get_blob(state.plan_blob).decode(), f"sealed plan of {state.id}")
    way_back = load_way_back(journal, state, config)
    if way_back is not None:
        take(way_back, known)
        compare(journal, way_back)
    return plan, state, way_back
