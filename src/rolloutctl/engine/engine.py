"""The engine's core on its own loop: follows the journal, holds leases, drives, answers commands, publishes snapshots.

It wires the parts and owns the records; each part does its own work: `driver` acts, `polling` looks, `publishing` shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from rolloutctl.engine.asking import Asker
from rolloutctl.engine.driving.driver import Driver
from rolloutctl.engine.looking.parts import Parts
from rolloutctl.engine.looking.polling import Poller
from rolloutctl.engine.showing.newest import CALM_S, Showing
from rolloutctl.engine.showing.publishing import worst_first
from rolloutctl.engine.view.commands import Command, Reply
from rolloutctl.engine.view.snapshot import FleetSnapshot, PartHealth
from rolloutctl.engine.world.commit import AT_ONCE_S
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.waiting import wait_a_while
from rolloutctl.engine.world.world import World
from rolloutctl.errors import LeaseLost, RolloutctlError
from rolloutctl.model.events import Event, Kind
from rolloutctl.model.fold import fold
from rolloutctl.model.outcome import Health
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Journal, Lease

_FOLLOW_S = 0.2
_PUBLISH_S = 1.0
_COALESCE_S = 0.05
_STOP_S = 20.0
_log = logging.getLogger(__name__)


class Drives(StrEnum):
    """Which rollouts a process takes the lease of."""

    NONE = "none"
    """Only looks; a command may take one for as long as it needs."""
    FREE = "free"
    """Every active one that nobody else drives."""
    NAMED = "named"
    """Only those it was told to."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    drives: Drives
    holder: str
    """Names this process in the lease table."""
    named: frozenset[str] = frozenset()
    read_only: bool = False
    poll: bool = True
    """Look at sources and providers; a command that only writes a request does not need to."""
    notice: str = ""


class Engine:
    """Everything here runs on one loop; `thread.py` is how other threads reach it."""

    def __init__(self, world: World, options: EngineOptions, publish: Callable[[FleetSnapshot], None]) -> None:
        self.world = world
        self.options = options
        self.records: dict[str, RolloutRecord] = {}
        self._map = Parts(world)
        self._showing = Showing(world, world.author.actor)
        self._publish = publish
        self._named = set(options.named)
        self._broken: dict[str, str] = {}
        self._seq = 0
        self._released_after = 0
        """Newest `lease.released` that was seen."""
        self._dirty = asyncio.Event()
        self._synced = asyncio.Lock()
        self._taking = asyncio.Lock()
        self._drivers: dict[str, tuple[Driver, asyncio.Task[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._journal_error = ""
        self.poller = Poller(world, lambda: tuple(self.records.values()), self.mark)
        self._asker = Asker(world, options, self.sync, self.records.get, self.records.values, self.take)

    async def start(self) -> None:
        """Read the journal, publish the first snapshot, start the loops. Raises JournalUnreachable or JournalCorrupt."""
        await self.sync()
        self._show()
        self._tasks = [
            asyncio.create_task(self._forever(self._follow, _FOLLOW_S), name="follow"),
            asyncio.create_task(self._publishing(), name="publish"),
            asyncio.create_task(self._forever(self._leases, self._lease_s() / 3), name="leases"),
        ]
        if self.options.poll:
            self._tasks += [loop() for loop in self.poller.loops()]

    def _lease_s(self) -> float:
        return self.world.config.journal.lease.total_seconds()

    def mark(self) -> None:
        """Something changed: publish soon."""
        self._dirty.set()

    async def command(self, command: Command) -> Reply:
        reply = await self._asker.ask(command)
        self.poller.look_soon()
        self.mark()
        return reply

    async def stop(self) -> tuple[str, ...]:
        """Finish what is in flight, journal it, release every lease; returns the rollouts that are left without a driver."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        left = tuple(sorted(self._drivers))
        for driver, _ in self._drivers.values():
            driver.stop()
        running = [task for _, task in self._drivers.values()]
        if running:
            _, late = await asyncio.wait(running, timeout=_STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        with contextlib.suppress(RolloutctlError):
            await self.world.journal.call(lambda journal: journal.head())
        for record in self.records.values():
            await self._release(record, "this process leaves")
        return left

    def hurry(self) -> None:
        """Do not wait for what is in flight: its outcome is journalled as unknown."""
        for _, task in self._drivers.values():
            task.cancel()

    async def close(self) -> None:
        for source in self.world.sources.values():
            await source.close()
        for provider in self.world.providers.values():
            await provider.close()
        await asyncio.to_thread(self.world.journal.close)

    def drives(self) -> tuple[str, ...]:
        return tuple(sorted(self._drivers))

    # --- following the journal -------------------------------------------------------------------------

    async def _forever(self, job: Callable[[], object], seconds: float) -> None:
        while True:
            try:
                await job()  # type: ignore[misc]
                if self._journal_error:
                    self._journal_error = ""
                    self.mark()
            except RolloutctlError as error:
                self._trouble(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the other loops and a rollback must go on
                _log.exception("a loop of the engine failed")
                self._trouble(f"Following the journal failed unexpectedly ({type(error).__name__}); it is tried again.")
            await asyncio.sleep(seconds)

    def _trouble(self, sentence: str) -> None:
        if self._journal_error != sentence:
            self._journal_error = sentence
            self.mark()

    async def _follow(self) -> None:
        before = self._seq
        if await self.sync():
            self.mark()
        if self._released_after > before:
            # Somebody has let go: whoever may drive takes over now, not at the next round.
            await self._leases()

    async def sync(self) -> bool:
        """Fold whatever is new in the journal; tells whether there was anything."""
        async with self._synced:
            after = self._seq
            events = await self.world.journal.call(lambda journal: _newer(journal, after))
            if not events:
                return False
            self._seq = events[-1].seq
            self._released_after = max([self._released_after, *(e.seq for e in events if e.kind is Kind.LEASE_RELEASED)])
            for stream in dict.fromkeys(event.stream for event in events if event.stream.startswith("rollout/")):
                await self._absorb(stream, [event for event in events if event.stream == stream])
            return True

    async def _absorb(self, stream: str, events: list[Event]) -> None:
        record = next((record for record in self.records.values() if record.stream == stream), None)
        if record is not None:
            record.absorb(events)
            return
        try:
            loaded = await self.world.journal.call(lambda journal: _load(journal, stream))
        except RolloutctlError as error:
            self._broken[stream] = f"{stream.removeprefix('rollout/')} cannot be shown: {error}"
            return
        if loaded is not None:
            plan, state = loaded
            self.records[state.id] = RolloutRecord(plan=plan, state=state, stream=stream)

    # --- leases and drivers ----------------------------------------------------------------------------

    async def _leases(self) -> None:
        for record in list(self.records.values()):
            if record.held is not None:
                await self._renew(record)
            elif not record.state.status.final or record.watched(self.world.time.of(record.plan).now()):
                await self._look_at_lease(record)

    async def _renew(self, record: RolloutRecord) -> None:
        lease, ttl = record.held, self._lease_s()
        if lease is None:
            return
        try:
            renewed = await self.world.journal.call(lambda journal: journal.renew_lease(lease, ttl))
        except LeaseLost:
            self._lost(record)
            return
        if record.held is not None:
            record.held = renewed

    async def _look_at_lease(self, record: RolloutRecord) -> None:
        seen = await self.world.journal.call(lambda journal: journal.lease(record.stream))
        free = seen is None or seen.expires_in_s <= 0
        if record.lease_seen != seen or (free and record.unattended_since is None):
            self.mark()
        record.lease_seen = seen
        if not free:
            record.unattended_since = None
            return
        if record.unattended_since is None:
            record.unattended_since = min(seen.expires_at, self.world.clock.now()) if seen is not None else record.state.sealed_at
        wants = self.options.drives is Drives.FREE or record.id in self._named
        if wants and not self.options.read_only:
            await self.take(record, force=False)

    async def take(self, record: RolloutRecord, *, force: bool) -> bool:
        """Become the driver; False: somebody else is. `force` is for a rollback."""
        async with self._taking:
            if record.held is not None:
                return True
            # Shielded: a lease that was taken while we are being cancelled must be known as ours, or nobody could release it.
            if await asyncio.shield(asyncio.ensure_future(self._claim(record, force=force))) is None:
                return False
            record.driving_since, record.unattended_since = self.world.time.of(record.plan).now(), None
            await self.sync()
            driver = Driver(self.world, record, self.mark)
            self._drivers[record.id] = (driver, asyncio.create_task(self._drive(record, driver), name=f"drive {record.id}"))
        self.mark()
        return True

    async def _claim(self, record: RolloutRecord, *, force: bool) -> Lease | None:
        ttl, holder, author = self._lease_s(), self.options.holder, self.world.author

        def claim(journal: Journal) -> Lease | None:
            with journal.patience(AT_ONCE_S) if force else contextlib.nullcontext():
                return journal.take_lease(record.stream, holder, ttl, author, force=force)

        lease = await self.world.journal.call(claim)
        if lease is not None:
            record.held, record.lease_seen = lease, lease
        return lease

    async def _drive(self, record: RolloutRecord, driver: Driver) -> None:
        try:
            await driver.run()
        except LeaseLost:
            self._lost(record)
            return
        except Exception as error:  # noqa: BLE001
            # The lease is let go below: holding it without driving would keep everybody else from driving, too.
            _log.exception("driving %s failed", record.id)
            record.trouble = f"Driving failed unexpectedly ({type(error).__name__}); it is tried again."
        finally:
            self._drivers.pop(record.id, None)
        await self._release(record, "nothing is left to drive" if record.state.status.final else "this process leaves")
        self.mark()

    async def _release(self, record: RolloutRecord, why: str) -> None:
        lease, record.held = record.held, None
        if lease is not None:
            with contextlib.suppress(RolloutctlError):
                await self.world.journal.call(lambda journal: journal.release_lease(lease, self.world.author, why))

    def _lost(self, record: RolloutRecord) -> None:
        record.held = None
        running = self._drivers.get(record.id)
        if running is not None:
            running[0].stop()
        self.mark()

    # --- publishing ------------------------------------------------------------------------------------

    async def _publishing(self) -> None:
        while True:
            await wait_a_while(self._dirty, _PUBLISH_S if self._showing.counts else CALM_S)
            await asyncio.sleep(_COALESCE_S)
            self._dirty.clear()
            self._show()

    def _show(self) -> None:
        try:
            self._publish(self.snapshot())
        except Exception:  # noqa: BLE001 - a view that fails must not stop the engine
            _log.exception("a view failed on a snapshot")

    def snapshot(self) -> FleetSnapshot:
        world, person = self.world, self.world.author.actor
        rollouts = worst_first(self._showing.of(record) for record in self.records.values())
        return FleetSnapshot(
            at=world.clock.now(),
            operator=person,
            role=world.config.role_of(person),
            read_only=self.options.read_only,
            rollouts=rollouts,
            parts=(*self._parts(), self._journal_part()),
            skew_s=-world.time.furthest().total_seconds(),
            paused=self.poller.paused,
            interval_s=self.poller.interval_s,
            commands=tuple(world.commands),
            notice=" ".join(filter(None, [self.options.notice, *self._broken.values()])),
            journal_error=self._journal_error,
        )

    def _parts(self) -> Iterable[PartHealth]:
        for name in self.world.sources:
            yield self._map.seen(self.poller.parts.get(name, PartHealth(name, "source", None, None)))
        for name in self.world.providers:
            yield self._map.seen(self.poller.parts.get(name, PartHealth(name, "provider", None, None)))

    def _journal_part(self) -> PartHealth:
        ok = not self._journal_error
        health = Health(ok=ok, latency_s=0.0, text=self._journal_error or f"event {self._seq}")
        return self._map.seen(PartHealth("journal", "journal", health, self.world.clock.now()))


def _newer(journal: Journal, after: int) -> list[Event]:
    if journal.head()[0] <= after:
        return []
    return list(journal.read(None, after))


def _load(journal: Journal, stream: str) -> tuple[Plan, RolloutState] | None:
    state = fold(journal.read(stream))
    if state is None:
        return None
    return read_plan(journal.get_blob(state.plan_blob).decode(), f"sealed plan of {state.id}"), state
