"""Fills the embedded store as a scraper would: every target once per interval, staggered, `up` included."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from rolloutctl.demo.every import Every
from rolloutctl.demo.host import Identity
from rolloutctl.demo.service import SimulatedService, identities
from rolloutctl.demo.tsdb import NAME, Tsdb
from rolloutctl.model.samples import Labels

RETAINED_SCRAPES: Final = 1800


@dataclass(frozen=True, slots=True)
class Clocks:
    """`monotonic` in seconds moves the services, `wall_ms` (milliseconds since the epoch) dates the samples."""

    monotonic: Callable[[], float]
    wall_ms: Callable[[], int]


@dataclass(slots=True)
class _Target:
    service: SimulatedService
    identity: Identity
    seen: frozenset[Labels] = frozenset()

    def scrape(self, tsdb: Tsdb, clocks: Clocks) -> None:
        samples = self.service.samples(self.identity.instance, clocks.monotonic())
        present = frozenset(labels for labels, _ in samples)
        up = tuple(sorted({NAME: "up", **self.identity.labels()}.items()))
        tsdb.append(clocks.wall_ms(), [*samples, (up, 1.0)], stale=self.seen - present)
        self.seen = present


class Scraper:
    """Runs on its own thread from `start` to `stop`: one target at a time, each once per interval."""

    def __init__(self, services: Sequence[SimulatedService], tsdb: Tsdb, interval_s: float, clocks: Clocks) -> None:
        targets = [_Target(service, identity) for service in services for identity in identities(service.spec)]
        self._turns = cycle(targets)
        self._tsdb = tsdb
        self._clocks = clocks
        self._loop = Every(interval_s / len(targets), self._scrape_next)

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()

    def _scrape_next(self) -> None:
        next(self._turns).scrape(self._tsdb, self._clocks)
