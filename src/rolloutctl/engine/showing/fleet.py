"""Handing snapshots of the whole fleet to whoever looks: soon after a change, once a second where seconds are counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from rolloutctl.config import Config
from rolloutctl.engine.looking.parts import Parts
from rolloutctl.engine.looking.polling import Poller
from rolloutctl.engine.options import EngineOptions
from rolloutctl.engine.showing.newest import CALM_S, Showing
from rolloutctl.engine.showing.publishing import worst_first
from rolloutctl.engine.view.snapshot import FleetSnapshot, PartHealth
from rolloutctl.engine.world.following import Following
from rolloutctl.engine.world.going_on import GoingOn
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.waiting import wait_a_while
from rolloutctl.engine.world.world import World
from rolloutctl.model.outcome import Health
from rolloutctl.model.signed import fingerprint
from rolloutctl.policy.signing import signing_key

_PUBLISH_S = 1.0
_COALESCE_S = 0.05
_log = logging.getLogger(__name__)


class Fleet:
    """Looks at what the other parts of the engine hold and changes nothing of it; `publish` gets every snapshot."""

    def __init__(
        self,
        world: World,
        options: EngineOptions,
        records: Mapping[str, RolloutRecord],
        poller: Poller,
        following: Following,
        jobs: GoingOn,
        publish: Callable[[FleetSnapshot], None],
    ) -> None:
        self._world = world
        self._options = options
        self._records = records
        self._poller = poller
        self._following = following
        self._jobs = jobs
        self._publish = publish
        self._parts = Parts(world)
        self._showing = Showing(world, world.author.actor)

    async def publishing(self, changed: asyncio.Event) -> None:
        """For ever: whenever `changed` is set, which is cleared here, and now and then without."""
        while True:
            await wait_a_while(changed, _PUBLISH_S if self._showing.counts else CALM_S)
            await asyncio.sleep(_COALESCE_S)
            changed.clear()
            self.show()

    def show(self) -> None:
        try:
            self._publish(self.snapshot())
        except Exception:  # noqa: BLE001 - a view that fails must not stop the engine
            _log.exception("a view failed on a snapshot")

    def snapshot(self) -> FleetSnapshot:
        world, person = self._world, self._world.author.actor
        rollouts = worst_first(self._showing.of(record) for record in self._records.values())
        return FleetSnapshot(
            at=world.clock.now(),
            operator=person,
            role=world.config.role_of(person),
            read_only=self._options.read_only,
            rollouts=rollouts,
            parts=tuple(self._seen()),
            skew_s=-world.time.furthest().total_seconds(),
            paused=self._poller.paused,
            interval_s=self._poller.interval_s,
            commands=tuple(world.commands),
            notice=" ".join(filter(None, [self._options.notice, *self._following.broken.values()])),
            signs_with=_signs_with(world.config, person),
            journal_error=self._jobs.trouble,
            journal_seq=self._following.seq,
        )

    def _seen(self) -> Iterable[PartHealth]:
        polled = self._poller.parts
        for name in self._world.sources:
            yield self._parts.seen(polled.get(name, PartHealth(name, "source", None, None)))
        for name in self._world.providers:
            yield self._parts.seen(polled.get(name, PartHealth(name, "provider", None, None)))
        trouble = self._jobs.trouble
        health = Health(ok=not trouble, latency_s=0.0, text=trouble or f"event {self._following.seq}")
        yield self._parts.seen(PartHealth("journal", "journal", health, self._world.clock.now()))


def _signs_with(config: Config, person: str) -> str:
    key = signing_key(config, person)
    return fingerprint(key) if key else ""
