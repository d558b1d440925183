"""Fills the embedded store as a scraper would: every target once per interval, staggered, `up` included."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rolloutctl.demo.host import Identity
from rolloutctl.demo.metrics_page import Labels
from rolloutctl.demo.service import SimulatedService, identities
from rolloutctl.demo.tsdb import NAME, Tsdb

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
    """Runs on its own thread from `start` to `stop`."""

    def __init__(self, services: Sequence[SimulatedService], tsdb: Tsdb, interval_s: float, clocks: Clocks) -> None:
        self._targets = [_Target(service, identity) for service in services for identity in identities(service.spec)]
        self._tsdb = tsdb
        self._interval_s = interval_s
        self._clocks = clocks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        begun, done = self._clocks.monotonic(), 0
        while True:
            due = begun + done * self._interval_s / len(self._targets)
            if self._stop.wait(max(0.0, due - self._clocks.monotonic())):
                return
            self._targets[done % len(self._targets)].scrape(self._tsdb, self._clocks)
            done += 1
