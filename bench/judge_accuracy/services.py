"""Services drawn at random from a wide range: size, error ratio, clusters, unequal hosts, shared bursts, drift.

Errors are drawn in clusters, latencies from a log-normal distribution whose scale wanders, gauges as noise with memory
and now and then a spike. Nothing depends on anything but the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.judge_accuracy.traffic import (
    CELL_S,
    EDGES_S,
    HISTORY_MINUTES,
    MINUTE_S,
    Arm,
    Asked,
    Floats,
    Traffic,
    clustered,
    cut,
    spells,
    wander,
)

_DAY_S = 86_400.0
_HALF_HOUR = 120.0
"""In cells."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """One service; standard deviations are those of logarithms."""

    requests_per_s: float
    error_ratio: float
    cluster: float
    """Mean size of a cluster of errors."""
    bursts: float
    """How many times the errors there are in a burst that all hosts share; 1: there are none."""
    calm_before: bool
    """There were no bursts, and no clusters, before the start."""
    drift: float
    """How far the error ratio and the load wander in half an hour, all hosts alike."""
    own_minutes: bool
    """Single hosts have sick minutes now and then, in either arm."""
    slow: float
    """Median latency in seconds."""
    long_tail: float
    """Standard deviation of latency."""
    jitter: float
    """Of a host's latency and gauge from cell to cell, with some memory."""
    spiky: bool
    """Gauges with rare spikes."""
    hosts_errors: Floats
    """Factors of the hosts, canary first."""
    hosts_latency: Floats
    hosts_gauge: Floats
    baseline_hosts: int

    @property
    def most_canary_hosts(self) -> int:
        return len(self.hosts_errors) - self.baseline_hosts

    @property
    def marks(self) -> Sequence[str]:
        known = {
            "bursts": self.bursts > 1,
            "calm before": self.calm_before,
            "clusters": self.cluster > 2,
            "sick minutes": self.own_minutes,
            "spikes": self.spiky,
        }
        return [name for name, here in known.items() if here] or ["none of these"]

    def phase(self, asked: Asked, rng: np.random.Generator) -> Traffic:
        before = round(HISTORY_MINUTES * MINUTE_S / CELL_S)
        cells, ours = before + asked.cells, asked.canary_hosts
        some = np.r_[0:ours, self.most_canary_hosts : len(self.hosts_errors)]
        after = np.arange(cells) >= before
        canary = np.arange(len(some)) < ours
        worse = (np.arange(cells) >= before + asked.worse.onset)[:, None] & canary[None, :]
        errors, slow = self._shared(cells, after, rng)
        load = np.exp(wander(rng, (cells, 1), self.drift, _HALF_HOUR))
        load *= 1.0 + 0.4 * np.sin(2 * np.pi * (np.arange(cells) * CELL_S / _DAY_S + rng.random()))[:, None]
        each = np.where(canary, asked.share / ours, (1.0 - asked.share) / self.baseline_hosts)
        requests = rng.poisson(self.requests_per_s * CELL_S * load * each).astype(np.float64)
        own = self._own(cells, len(some), rng)
        ratio = self.error_ratio * errors[:, None] * own * self.hosts_errors[some] * np.where(worse, asked.worse.errors, 1.0)
        bad = clustered(rng, requests, np.minimum(ratio, 0.9), self.cluster)
        if self.calm_before:
            calm = clustered(rng, requests, np.minimum(ratio, 0.9), 1.0)
            bad = np.where(after[:, None], bad, calm)
        noise = np.exp(wander(rng, (cells, len(some)), self.jitter, 4.0))
        scale = self.slow * slow[:, None] * np.sqrt(own) * noise * self.hosts_latency[some]
        slower = self._slower(requests, scale * np.where(worse, asked.worse.latency, 1.0), rng)
        gauge = self._gauge(cells, len(some), rng) * self.hosts_gauge[some] * np.sqrt(slow)[:, None]
        gauge *= np.where(worse, asked.worse.gauge, 1.0)
        return cut(Arm(requests, bad, slower, gauge), ours, before)

    def _shared(self, cells: int, after: np.ndarray, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Factors of errors and of latency that all hosts have."""
        course = np.exp(wander(rng, (cells,), self.drift, _HALF_HOUR))
        slow = np.exp(wander(rng, (cells,), self.drift * 0.3, _HALF_HOUR))
        if self.bursts > 1:
            on = spells(rng, cells, _HALF_HOUR, 10.0)
            if self.calm_before:
                on &= after
            course = course * np.where(on, self.bursts, 1.0)
            slow = slow * np.where(on, 1.3, 1.0)
        return course, slow

    def _own(self, cells: int, hosts: int, rng: np.random.Generator) -> Floats:
        own = np.ones((cells, hosts))
        if self.own_minutes:
            for host in range(hosts):
                own[spells(rng, cells, 8 * _HALF_HOUR, 8.0), host] = 3.0
        return own

    def _slower(self, requests: Floats, scale: Floats, rng: np.random.Generator) -> Floats:
        """Requests over each edge, from those over the edge before."""
        z = (np.log(np.array(EDGES_S))[None, :, None] - np.log(scale)[:, None, :]) / self.long_tail
        over = normal_tail(z)
        found = np.empty((len(requests), len(EDGES_S), requests.shape[1]))
        left, share = requests, np.ones_like(requests)
        for edge in range(len(EDGES_S)):
            chance = np.clip(np.divide(over[:, edge], share, out=np.zeros_like(share), where=share > 1e-15), 0.0, 1.0)
            left = rng.binomial(left.astype(np.int64), chance).astype(np.float64)
            found[:, edge], share = left, over[:, edge]
        return found

    def _gauge(self, cells: int, hosts: int, rng: np.random.Generator) -> Floats:
        noise = rng.normal(0.0, 0.03, (cells, hosts)) + wander(rng, (cells, hosts), self.jitter, 4.0)
        noise += wander(rng, (cells, 1), self.drift * 0.5, _HALF_HOUR)
        if self.spiky:
            noise += np.where(rng.random((cells, hosts)) < 0.005, rng.exponential(0.8, (cells, hosts)), 0.0)
        found: Floats = np.exp(noise)
        return found


def normal_tail(z: Floats) -> Floats:
    """P(Z > z), by the complementary error function's rational approximation (Abramowitz and Stegun 7.1.26)."""
    x = np.abs(z) / np.sqrt(2.0)
    t = 1.0 / (1.0 + 0.3275911 * x)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    half = 0.5 * poly * np.exp(-x * x)
    found: Floats = np.where(z >= 0, half, 1.0 - half)
    return found


def mixed(rng: np.random.Generator) -> Mixed:
    """Any service; a quarter of those with bursts had none before the start."""

    def log_uniform(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    canary, baseline = int(rng.integers(1, 5)), int(rng.integers(3, 9))
    bursts = log_uniform(2.0, 8.0) if rng.random() < 0.5 else 1.0
    unequal = float(rng.choice([0.0, 0.05, 0.1]))
    return Mixed(
        requests_per_s=log_uniform(5.0, 500.0),
        error_ratio=log_uniform(5e-4, 0.03),
        cluster=log_uniform(1.0, 8.0) if rng.random() < 0.7 else 1.0,
        bursts=bursts,
        calm_before=bursts > 1 and rng.random() < 0.25,
        drift=float(rng.uniform(0.0, 0.2)),
        own_minutes=False,
        slow=log_uniform(0.04, 0.3),
        long_tail=float(rng.uniform(0.4, 0.9)),
        jitter=float(rng.uniform(0.0, 0.05)),
        spiky=rng.random() < 0.15,
        hosts_errors=np.exp(rng.normal(0.0, unequal, canary + baseline)),
        hosts_latency=np.exp(rng.normal(0.0, unequal * 0.2, canary + baseline)),
        hosts_gauge=np.exp(rng.normal(0.0, unequal * 0.5, canary + baseline)),
        baseline_hosts=baseline,
    )


def sick(rng: np.random.Generator) -> Mixed:
    """Any service whose hosts have sick minutes, each about once in four hours: the release is not at fault, the host is."""
    return replace(mixed(rng), own_minutes=True)
