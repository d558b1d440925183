"""Traffic with a known truth: clean, bursty, with one bad host, drifting; and a regression in the canary, or none.

Errors come in clusters (a failed call is retried, a batch fails together), hosts differ a little, load has a daily course.
Nothing depends on anything but the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from bench.judge_rules.arms import Arms, Counts

_DAY_S = 86_400.0
_HISTORY_S = 3_600.0
_MINUTE_S = 60.0
_BAD_HOST_AFTER_S = 1_200.0


class Weather(Enum):
    """What goes on besides the release."""

    CLEAN = "clean"
    """Independent errors, a steady load."""
    BURSTY = "bursty"
    """Errors in clusters, and minutes of many errors that both arms share."""
    BAD_HOST = "bad host"
    """One canary host has five times the errors of the others from 20 minutes after the start on."""
    DRIFTING = "drifting"
    """Load follows the day, the error ratio wanders by hours, the same for both arms."""


@dataclass(frozen=True, slots=True)
class Service:
    canary_hosts: int = 4
    baseline_hosts: int = 8
    requests_per_s: float = 4.0
    """Of one host."""
    error_ratio: float = 0.01
    unequal: float = 0.05
    """Standard deviation of the logarithm of the hosts' error ratios."""
    cluster: float = 4.0
    """Mean size of a cluster of errors in bursty traffic."""


def simulate(
    weather: Weather, service: Service, hours: float, cell_s: float, times: float, onset_s: float, rng: np.random.Generator
) -> Arms:
    """`times` as many errors in the canary from `onset_s` on; 1 for a harmless release. A minute is a whole number of cells."""
    before = round(_HISTORY_S / cell_s)
    cells = before + round(hours * 3600.0 / cell_s)
    hosts = service.canary_hosts + service.baseline_hosts
    at_s = (np.arange(cells) - before) * cell_s
    load, ratio = np.ones(cells), np.full(cells, service.error_ratio)
    if weather is Weather.DRIFTING:
        load = 1.0 + 0.5 * np.sin(2.0 * np.pi * (at_s / _DAY_S + rng.random()))
        ratio = ratio * np.exp(np.cumsum(rng.normal(0.0, 0.02 * np.sqrt(cell_s / 60.0), cells)))
    if weather is Weather.BURSTY:
        ratio = ratio * np.where(_spells(rng, cells, round(1800.0 / cell_s), round(180.0 / cell_s)), 6.0, 1.0)
    requests = rng.poisson(service.requests_per_s * cell_s * load[:, None], (cells, hosts)).astype(np.float64)
    chance = ratio[:, None] * np.exp(rng.normal(0.0, service.unequal, hosts))[None, :]
    worse = np.where(at_s >= onset_s, times, 1.0)
    chance[:, : service.canary_hosts] *= worse[:, None]
    if weather is Weather.BAD_HOST:
        chance[at_s >= _BAD_HOST_AFTER_S, 0] *= 5.0
    errors = _errors(rng, requests, np.minimum(chance, 1.0), service.cluster if weather is Weather.BURSTY else 1.0)
    usual = float(errors[:before].sum() / max(requests[:before].sum(), 1.0))
    live, ours = slice(before, None), slice(0, service.canary_hosts)
    theirs = slice(service.canary_hosts, None)
    past = [_by_minute(part[:before, theirs], round(_MINUTE_S / cell_s)) for part in (requests, errors)]
    return Arms(requests[live, ours], errors[live, ours], requests[live, theirs], errors[live, theirs], cell_s, usual, *past)


def _by_minute(counts: Counts, cells: int) -> Counts:
    summed: Counts = counts.reshape(-1, cells, counts.shape[1]).sum(axis=1)
    return summed


def _errors(rng: np.random.Generator, requests: Counts, chance: Counts, cluster: float) -> Counts:
    """Clusters of geometric size with the mean `cluster`; binomial for clusters of one."""
    if cluster <= 1.0:
        return rng.binomial(requests.astype(np.int64), chance).astype(np.float64)
    clusters = rng.poisson(requests * chance / cluster)
    extra = rng.negative_binomial(np.maximum(clusters, 1), 1.0 / cluster)
    return np.minimum(np.where(clusters > 0, clusters + extra, 0), requests).astype(np.float64)


def _spells(rng: np.random.Generator, cells: int, apart: int, long: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """On for about `long` cells, off for about `apart`, at random."""
    on = np.zeros(cells, dtype=bool)
    cell = int(rng.geometric(1.0 / max(apart, 1)))
    while cell < cells:
        end = cell + int(rng.geometric(1.0 / max(long, 1)))
        on[cell:end] = True
        cell = end + int(rng.geometric(1.0 / max(apart, 1)))
    return on
