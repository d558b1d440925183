"""The lease of a run's stream: one process carries a run at a time, and a stale one commits nothing.

Invariant: `commit` is fenced by the lease's epoch, so whoever lost it cannot write an intent and therefore sends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from rolloutctl.engine.world.world import World
from rolloutctl.errors import LeaseLost, Refused, RolloutctlError
from rolloutctl.model.events import Body, Event
from rolloutctl.model.run_words import run_stream
from rolloutctl.ports import Journal, Lease


@dataclass(slots=True)
class Held:
    world: World
    lease: Lease

    async def commit(self, body: Body, contents: Sequence[bytes] = ()) -> Event:
        """Durable when it returns. Raises LeaseLost, JournalUnreachable."""
        lease, author = self.lease, self.world.author
        return await self.world.journal.call(lambda journal: journal.append_held(lease, body, author, contents))


@contextlib.asynccontextmanager
async def held(world: World, run: str, *, take_over: bool = False) -> AsyncIterator[Held]:
    """Renewed until the block is left, then released. Raises Refused where somebody else carries the run.

    When the lease is lost meanwhile, the task in the block is cancelled and LeaseLost is raised.
    """
    stream, lasts_s = run_stream(run), world.config.journal.lease.total_seconds()
    holder = f"{world.author.actor}@{socket.gethostname()}:{os.getpid()}"

    def take(journal: Journal) -> Lease | str:
        lease = journal.take_lease(stream, holder, lasts_s, world.author, force=take_over)
        other = journal.lease(stream)
        return lease or (f"{other.holder}, for {max(other.expires_in_s, 0):.0f} s more" if other is not None else "somebody else")

    lease = await world.journal.call(take)
    if isinstance(lease, str):
        raise Refused(f"the run {run} is carried by {lease}.", remedy="Wait for it, or take it over with --take-over.")
    ours = Held(world, lease)
    body = asyncio.current_task()
    assert body is not None
    renewing = asyncio.create_task(_renew(ours, lasts_s, body), name=f"renew {run}")
    try:
        yield ours
    except asyncio.CancelledError:
        if renewing.done() and not renewing.cancelled() and isinstance(renewing.exception(), LeaseLost):
            body.uncancel()
            raise LeaseLost(f"somebody else took the run {run} over; nothing more was sent.") from None
        raise
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        with contextlib.suppress(RolloutctlError):
            await world.journal.call(lambda journal: journal.release_lease(ours.lease, world.author, "the run was left"))


async def _renew(ours: Held, lasts_s: float, body: asyncio.Task[object]) -> None:
    while True:
        await asyncio.sleep(lasts_s / 3)
        try:
            (renewed,) = await ours.world.journal.call(lambda journal: journal.renew_leases([ours.lease], lasts_s))
        except RolloutctlError:
            # The journal may be back by the next commit, which says so if it is not.
            continue
        if renewed is None:
            body.cancel()
            raise LeaseLost("the lease was taken.")
        ours.lease = renewed
