"""The engine's core on its own loop: wires the parts, starts and ends them, and takes commands.

It owns the records; each part does its own work on them: `following` folds the journal into them, `leases` decides who drives
and lets drivers act, `polling` looks at the world, `fleet` shows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rolloutctl.engine.asking import Asker
from rolloutctl.engine.driving.leases import Leases
from rolloutctl.engine.looking.polling import Poller
from rolloutctl.engine.options import Drives, EngineOptions
from rolloutctl.engine.showing.fleet import Fleet
from rolloutctl.engine.view.commands import Command, Reply
from rolloutctl.engine.view.snapshot import FleetSnapshot
from rolloutctl.engine.world import witnessing
from rolloutctl.engine.world.following import Following
from rolloutctl.engine.world.going_on import GoingOn
from rolloutctl.engine.world.news import NewsThread
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World

__all__ = ["Drives", "Engine", "EngineOptions"]

_FOLLOW_S = 5.0
"""The journal is looked at when it tells of something new, and this often in case that got lost."""
_TROUBLED_S = 0.5
"""The same while it cannot be read."""
_COALESCE_S = 0.05


class Engine:
    """Everything here runs on one loop; `thread.py` is how other threads reach it."""

    def __init__(self, world: World, options: EngineOptions, publish: Callable[[FleetSnapshot], None]) -> None:
        self.world = world
        self.options = options
        self.records: dict[str, RolloutRecord] = {}
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._jobs = GoingOn(self.mark)
        self._following = Following(world, self.records)
        self._news = NewsThread(world.journal)
        self._leases = Leases(world, options, self.records, self.sync, self.mark)
        self.poller = Poller(world, lambda: tuple(self.records.values()), self.mark)
        self._fleet = Fleet(world, options, self.records, self.poller, self._following, self._jobs, publish)
        self._asker = Asker(world, options, self.sync, self.records.get, self.records.values, self._leases.take)

    async def start(self) -> None:
        """Read the journal, publish the first snapshot, start the loops. Raises JournalUnreachable or JournalCorrupt."""
        await self.sync()
        await self._news.start()
        self._fleet.show()
        self._tasks = [
            asyncio.create_task(self._jobs.forever("follow", self._follow, _COALESCE_S), name="follow"),
            asyncio.create_task(self._fleet.publishing(self._changed), name="publish"),
            asyncio.create_task(self._jobs.forever("leases", self._leases.look, self._leases.lasts_s / 3), name="leases"),
        ]
        if self.world.config.journal.witness is not None and self.options.drives is not Drives.NONE:
            job = self._jobs.forever("witness", self._witness, witnessing.EVERY_S)
            self._tasks.append(asyncio.create_task(job, name="witness"))
        if self.options.poll:
            self._tasks += [loop() for loop in self.poller.loops()]

    def mark(self) -> None:
        """Something changed: publish soon."""
        self._changed.set()

    def snapshot(self) -> FleetSnapshot:
        return self._fleet.snapshot()

    async def command(self, command: Command) -> Reply:
        reply = await self._asker.ask(command)
        self.poller.look_soon()
        self.mark()
        return reply

    async def sync(self) -> bool:
        """Fold whatever is new in the journal; tells whether there was anything."""
        return await self._following.sync()

    async def _follow(self) -> None:
        await self._news.wait(_TROUBLED_S if self._jobs.trouble else _FOLLOW_S)
        before = self._following.seq
        if await self.sync():
            self.mark()
        if self._following.released_after > before:
            # Somebody has let go: whoever may drive takes over now, not at the next round.
            await self._leases.look()

    async def _witness(self) -> None:
        if self.drives():
            await witnessing.witness_head(self.world)

    async def receipt(self) -> witnessing.Receipt:
        """Of the journal as this process leaves it, witnessed if this process may write."""
        # While the journal cannot be read nobody should wait for it, least of all behind a rollback.
        silent = self.options.read_only or self._jobs.trouble
        return witnessing.Receipt("") if silent else await witnessing.receipt(self.world)

    def drives(self) -> tuple[str, ...]:
        return self._leases.drives()

    async def stop(self) -> tuple[str, ...]:
        """Finish what is in flight, journal it, release every lease; returns the rollouts that are left without a driver."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return await self._leases.leave()

    def hurry(self) -> None:
        """Do not wait for what is in flight: its outcome is journalled as unknown."""
        self._leases.hurry()

    async def close(self) -> None:
        self._news.stop()
        await self.world.close()
