"""A simulated service: users send requests, the flag decides which host answers, counters follow from that.

Two canary hosts and four baseline hosts are always up; how many requests each gets follows from the share of users
that the flag serves. Everything the canary does wrong happens in its own hosts, so with the flag off it stops.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from rolloutctl.demo.host import Host, Identity
from rolloutctl.demo.scenarios import Service
from rolloutctl.demo.users import CHANNEL_SHARES, Channel, Population, Share
from rolloutctl.model.samples import Arm, Labels

CANARY_HOSTS: Final = 2
BASELINE_HOSTS: Final = 4
ONSET_SHARE: Final = 0.05
"""A late effect's time begins when the canary first serves this share of the users."""


class SimulatedService:
    """Thread-safe. `now` values are seconds of one monotonic clock; `speed` is that of `scenarios`."""

    def __init__(self, spec: Service, population: Population, speed: float, seed: int, now: float) -> None:
        self.spec = spec
        self._population = population
        self._speed = speed
        self._lock = threading.Lock()
        self._share = population.share(lambda _: False)
        self._reached_at: float | None = None
        self._hosts: dict[str, Host] = {}
        for identity in identities(spec):
            behaviour = spec.canary if identity.arm is Arm.CANARY else spec.baseline
            rng = Random(f"{seed}/{identity.instance}")  # noqa: S311 - a simulation, not a secret
            self._hosts[identity.instance] = Host(identity, behaviour, rng, now)

    @property
    def share(self) -> Share:
        with self._lock:
            return self._share

    def set_cohort(self, serves: Callable[[str], bool], now: float) -> None:
        """From `now` on, users whom `serves` names get the canary."""
        share = self._population.share(serves)
        with self._lock:
            for host in self._hosts.values():
                self._advance(host, now)
            self._share = share
            if self._reached_at is None and share.overall >= ONSET_SHARE:
                self._reached_at = now

    def text(self, instance: str, now: float) -> str | None:
        """Show one host's metrics as of `now`; None for a host that is not there."""
        with self._lock:
            host = self._hosts.get(instance)
            if host is None:
                return None
            self._advance(host, now)
            return "" if self._vanished(host, now) else host.page.text()

    def samples(self, instance: str, now: float) -> Sequence[tuple[Labels, float]]:
        """Return what `text` shows, with target labels."""
        with self._lock:
            host = self._hosts[instance]
            self._advance(host, now)
            return () if self._vanished(host, now) else tuple(host.page.samples())

    def advance(self, now: float) -> None:
        """Bring every host forward, so that a pause of the scraper does not blur when an effect began."""
        with self._lock:
            for host in self._hosts.values():
                self._advance(host, now)

    def _advance(self, host: Host, now: float) -> None:
        host.advance(now, self._rates(host.identity.arm), self._errors(host, now))

    def _rates(self, arm: Arm) -> Mapping[Channel, float]:
        total = self.spec.requests_per_s * self._speed
        rates: dict[Channel, float] = {}
        for channel, weight in CHANNEL_SHARES.items():
            canary = self._share.by_channel[channel]
            share, hosts = (canary, CANARY_HOSTS) if arm is Arm.CANARY else (1 - canary, BASELINE_HOSTS)
            rates[channel] = total * weight * share / hosts
        return rates

    def _errors(self, host: Host, now: float) -> Mapping[Channel, float]:
        if host.identity.arm is Arm.BASELINE:
            return dict.fromkeys(Channel, self.spec.baseline.errors)
        first = host.identity.instance == f"{self.spec.job}-canary-1"
        factor = self.spec.bad_host_factor if first else 1.0
        errors = dict.fromkeys(Channel, min(1.0, self.spec.canary.errors * factor))
        regression = self.spec.regression
        if regression is not None and self._since_reached(now) >= regression.after_s / self._speed:
            errors[regression.channel] = regression.errors
        return errors

    def _vanished(self, host: Host, now: float) -> bool:
        after = self.spec.vanish_after_s
        if after is None or host.identity.arm is Arm.BASELINE:
            return False
        return self._since_reached(now) >= after / self._speed

    def _since_reached(self, now: float) -> float:
        return -1.0 if self._reached_at is None else now - self._reached_at


def identities(spec: Service) -> Sequence[Identity]:
    """Return the hosts of a service as they appear in metrics."""
    arms = ((Arm.CANARY, CANARY_HOSTS, spec.canary_version), (Arm.BASELINE, BASELINE_HOSTS, spec.baseline_version))
    return [
        Identity(spec.job, f"{spec.job}-{arm}-{number}", version, arm)
        for arm, count, version in arms
        for number in range(1, count + 1)
    ]
