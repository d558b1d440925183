"""Who drives: takes and renews leases, and runs a driver for every rollout whose lease is ours.

Invariants: a driver runs only under a lease that was ours when it began; one that ends for whatever reason lets its lease go,
because holding it without driving would keep everybody else from driving, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from rolloutctl.engine.driving.driver import Driver
from rolloutctl.engine.options import EngineOptions
from rolloutctl.engine.world.commit import AT_ONCE_S
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.errors import LeaseLost, RolloutctlError
from rolloutctl.ports import Journal, Lease

_STOP_S = 20.0
"""How long what is in flight may take to be finished when this process leaves."""
_log = logging.getLogger(__name__)


class Leases:
    """`sync` folds what is new in the journal; `changed` is called whenever somebody else drives than before."""

    def __init__(
        self,
        world: World,
        options: EngineOptions,
        records: Mapping[str, RolloutRecord],
        sync: Callable[[], Awaitable[object]],
        changed: Callable[[], None],
    ) -> None:
        self._world = world
        self._options = options
        self._records = records
        self._sync = sync
        self._changed = changed
        self._one_at_a_time = asyncio.Lock()
        self._drivers: dict[str, tuple[Driver, asyncio.Task[None]]] = {}

    @property
    def lasts_s(self) -> float:
        return self._world.config.journal.lease.total_seconds()

    def drives(self) -> tuple[str, ...]:
        return tuple(sorted(self._drivers))

    async def look(self) -> None:
        """Renew what is ours, and take what is free and wanted."""
        records = list(self._records.values())
        await self._renew([record for record in records if record.held is not None])
        await self._look_at([record for record in records if record.held is None and self._matters(record)])

    def _matters(self, record: RolloutRecord) -> bool:
        return not record.state.status.final or record.watched(self._world.time.of(record.plan).now())

    async def _renew(self, ours: Sequence[RolloutRecord]) -> None:
        """All in one transaction: each one waits for the disk."""
        held = [(record, record.held) for record in ours if record.held is not None]
        if not held:
            return
        leases, lasts_s = [lease for _, lease in held], self.lasts_s
        renewed = await self._world.journal.call(lambda journal: journal.renew_leases(leases, lasts_s))
        for (record, asked), lease in zip(held, renewed, strict=True):
            if record.held is not asked:
                # Let go or taken anew while the journal was asked.
                continue
            if lease is None:
                self._lost(record)
            else:
                record.held = lease

    async def _look_at(self, others: Sequence[RolloutRecord]) -> None:
        if not others:
            return
        streams = [record.stream for record in others]
        seen = await self._world.journal.call(lambda journal: [journal.lease(stream) for stream in streams])
        for record, lease in zip(others, seen, strict=True):
            if record.held is None:
                await self._saw(record, lease)

    async def _saw(self, record: RolloutRecord, seen: Lease | None) -> None:
        free = seen is None or seen.expires_in_s <= 0
        if record.lease_seen != seen or (free and record.unattended_since is None):
            self._changed()
        record.lease_seen = seen
        if not free:
            record.unattended_since = None
            return
        if record.unattended_since is None:
            now = self._world.clock.now()
            record.unattended_since = min(seen.expires_at, now) if seen is not None else record.state.sealed_at
        if self._options.wants(record.id):
            await self.take(record, force=False)

    async def take(self, record: RolloutRecord, *, force: bool) -> bool:
        """Become the driver; False: somebody else is. `force` is for a rollback."""
        async with self._one_at_a_time:
            if record.held is not None:
                return True
            # Shielded: a lease that was taken while we are being cancelled must be known as ours, or nobody could release it.
            if await asyncio.shield(asyncio.ensure_future(self._claim(record, force=force))) is None:
                return False
            record.driving_since, record.unattended_since = self._world.time.of(record.plan).now(), None
            await self._sync()
            driver = Driver(self._world, record, self._changed)
            self._drivers[record.id] = (driver, asyncio.create_task(self._drive(record, driver), name=f"drive {record.id}"))
        self._changed()
        return True

    async def _claim(self, record: RolloutRecord, *, force: bool) -> Lease | None:
        lasts_s, holder, author = self.lasts_s, self._options.holder, self._world.author

        def claim(journal: Journal) -> Lease | None:
            with journal.patience(AT_ONCE_S) if force else contextlib.nullcontext():
                return journal.take_lease(record.stream, holder, lasts_s, author, force=force)

        lease = await self._world.journal.call(claim)
        if lease is not None:
            record.held, record.lease_seen = lease, lease
        return lease

    async def _drive(self, record: RolloutRecord, driver: Driver) -> None:
        try:
            await driver.run()
        except LeaseLost:
            self._lost(record)
            return
        except Exception as error:  # noqa: BLE001 - the lease is let go below, and another try is made
            _log.exception("driving %s failed", record.id)
            record.trouble = f"Driving failed unexpectedly ({type(error).__name__}); it is tried again."
        finally:
            self._drivers.pop(record.id, None)
        await self._release(record, "nothing is left to drive" if record.state.status.final else "this process leaves")
        self._changed()

    def _lost(self, record: RolloutRecord) -> None:
        record.held = None
        running = self._drivers.get(record.id)
        if running is not None:
            running[0].stop()
        self._changed()

    async def _release(self, record: RolloutRecord, why: str) -> None:
        lease, record.held = record.held, None
        if lease is not None:
            with contextlib.suppress(RolloutctlError):
                await self._world.journal.call(lambda journal: journal.release_lease(lease, self._world.author, why))

    async def leave(self) -> tuple[str, ...]:
        """Finish what is in flight, journal it, release every lease; returns the rollouts that are left without a driver."""
        left = self.drives()
        for driver, _ in self._drivers.values():
            driver.stop()
        running = [task for _, task in self._drivers.values()]
        if running:
            _, late = await asyncio.wait(running, timeout=_STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        with contextlib.suppress(RolloutctlError):
            # Calls of the journal are answered in their order: whatever was being committed is through after this one.
            await self._world.journal.call(lambda journal: journal.head())
        for record in self._records.values():
            await self._release(record, "this process leaves")
        return left

    def hurry(self) -> None:
        """Do not wait for what is in flight: its outcome is journalled as unknown."""
        for _, task in self._drivers.values():
            task.cancel()
