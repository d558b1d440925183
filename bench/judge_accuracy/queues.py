"""Services as queues: latency, timeouts and CPU come out of one backlog per host, none is drawn by itself.

All hosts get a part of the same wandering load and lose capacity now and then, each for itself (a pause of its memory, a
neighbour). A backlog delays what comes, over a limit requests time out and are tried again, which is load in the next
second. Time goes in steps of five seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    cut,
    spells,
    wander,
)

_STEP_S = 5.0
_PER_CELL = round(CELL_S / _STEP_S)
_PATIENCE_S = 2.0
"""Requests that would wait longer time out."""
_AGAIN = 0.5
"""Of those, the share that is tried again."""


@dataclass(frozen=True, slots=True)
class Queueing:
    requests_per_s: float
    busy: float
    """Usual share of the capacity that is used."""
    work_s: float
    """Mean time of a request without any queue."""
    error_ratio: float
    """Of requests that were answered."""
    rush: float
    """Load in a rush, as a factor; 1: there is none."""
    drift: float
    pauses: bool
    """Hosts lose half of their capacity for some seconds, about twice an hour each."""
    hosts: Floats
    """Capacity of the hosts as factors, canary first."""
    baseline_hosts: int

    @property
    def most_canary_hosts(self) -> int:
        return len(self.hosts) - self.baseline_hosts

    @property
    def marks(self) -> Sequence[str]:
        known = {"rushes": self.rush > 1, "pauses": self.pauses, "busy": self.busy > 0.7}
        return [name for name, here in known.items() if here] or ["none of these"]

    def phase(self, asked: Asked, rng: np.random.Generator) -> Traffic:
        before = round(HISTORY_MINUTES * MINUTE_S / CELL_S)
        cells, ours = before + asked.cells, asked.canary_hosts
        some = np.r_[0:ours, self.most_canary_hosts : len(self.hosts)]
        canary = np.arange(len(some)) < ours
        steps = cells * _PER_CELL
        worse = (np.arange(steps) >= (before + asked.worse.onset) * _PER_CELL)[:, None] & canary[None, :]
        # One load balancer: every host gets the same, so an arm's share is that of its hosts. A small host queues more.
        each = np.full(len(some), 1.0 / len(some))
        load = self._load(steps, rng)
        arrivals = rng.poisson(self.requests_per_s * _STEP_S * load[:, None] * each).astype(np.float64)
        work = np.where(worse, asked.worse.latency * asked.worse.gauge, 1.0)
        can = self.requests_per_s * each / self.busy * _STEP_S * self.hosts[some] * self._paused(steps, len(some), rng) / work
        failing = self.error_ratio * np.where(worse, asked.worse.errors, 1.0)
        requests, bad, slower, used = self._run(arrivals, can, np.where(worse, asked.worse.latency, 1.0), failing, rng)
        gauge = used * work * np.exp(rng.normal(0.0, 0.02, used.shape))
        return cut(Arm(_summed(requests), _summed(bad), _summed(slower), _summed(gauge) / _PER_CELL), ours, before)

    def _load(self, steps: int, rng: np.random.Generator) -> Floats:
        load = np.exp(wander(rng, (steps,), self.drift, 1800.0 / _STEP_S))
        if self.rush > 1:
            load = load * np.where(spells(rng, steps, 1800.0 / _STEP_S, 60.0 / _STEP_S), self.rush, 1.0)
        found: Floats = load
        return found

    def _paused(self, steps: int, hosts: int, rng: np.random.Generator) -> Floats:
        there = np.ones((steps, hosts))
        if self.pauses:
            for host in range(hosts):
                there[spells(rng, steps, 1800.0 / _STEP_S, 15.0 / _STEP_S), host] = 0.5
        return there

    def _run(
        self, arrivals: Floats, can: Floats, latency: Floats, failing: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """By step and host: requests, those that failed, those slower than each edge, and the CPU time of one request."""
        courses = [_one_queue(arrivals[:, host].tolist(), can[:, host].tolist()) for host in range(arrivals.shape[1])]
        waits, timed_out, tried = np.array(courses).transpose(1, 2, 0)
        failed = timed_out + rng.binomial((tried - timed_out).astype(np.int64), failing)
        mean = self.work_s * latency / np.maximum(1.0 - np.minimum(arrivals / can, 0.95), 0.05) * (1.0 - self.busy)
        left = np.array(EDGES_S)[None, :, None] - waits[:, None, :]
        # Service times are Erlang distributed with two stages: no long tail by themselves.
        x = 2.0 * np.maximum(left, 0.0) / mean[:, None, :]
        over = np.where(left > 0, (1.0 + x) * np.exp(-x), 1.0)
        found = np.empty((len(tried), len(EDGES_S), tried.shape[1]))
        rest, share = tried, np.ones_like(tried)
        for edge in range(len(EDGES_S)):
            chance = np.clip(np.divide(over[:, edge], share, out=np.zeros_like(share), where=share > 1e-15), 0.0, 1.0)
            rest = rng.binomial(rest.astype(np.int64), chance).astype(np.float64)
            found[:, edge], share = rest, over[:, edge]
        return tried, failed.astype(np.float64), found, 1.0 + 0.3 * np.minimum(arrivals / can, 1.5)


def _one_queue(arrivals: Sequence[float], can: Sequence[float]) -> tuple[list[float], list[float], list[float]]:
    """One host by step: how long who comes has to wait, how many gave up, and how many came, second tries included."""
    waits, gave_up, came = [], [], []
    backlog = again = 0.0
    for fresh, done in zip(arrivals, can, strict=True):
        come = fresh + again
        wait = backlog / done * _STEP_S
        lost = float(round(come * min(max((wait - _PATIENCE_S) / _PATIENCE_S, 0.0), 1.0)))
        backlog = max(0.0, backlog + come - lost - done)
        again = float(round(lost * _AGAIN))
        waits.append(wait)
        gave_up.append(lost)
        came.append(come)
    return waits, gave_up, came


def _summed(values: Floats) -> Floats:
    found: Floats = values.reshape(-1, _PER_CELL, *values.shape[1:]).sum(axis=1)
    return found


def queueing(rng: np.random.Generator) -> Queueing:
    canary, baseline = int(rng.integers(1, 5)), int(rng.integers(3, 9))
    rush = float(rng.uniform(1.2, 1.8)) if rng.random() < 0.5 else 1.0
    return Queueing(
        requests_per_s=float(np.exp(rng.uniform(np.log(20.0), np.log(500.0)))),
        busy=float(rng.uniform(0.4, 0.75)),
        work_s=float(np.exp(rng.uniform(np.log(0.05), np.log(0.3)))),
        error_ratio=float(np.exp(rng.uniform(np.log(1e-3), np.log(0.02)))),
        rush=rush,
        drift=float(rng.uniform(0.0, 0.12)),
        pauses=rng.random() < 0.5,
        hosts=np.exp(rng.normal(0.0, float(rng.choice([0.0, 0.02, 0.05])), canary + baseline)),
        baseline_hosts=baseline,
    )
