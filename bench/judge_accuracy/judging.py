"""Our judge on `Traffic`: the three criteria of a plan, through the entry points that counters from a source come to.

`errors` is a ratio, `latency` a histogram, `cpu` a value against the baseline, all with the margins a plan has by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bench.judge_accuracy.traffic import CELL_S, EDGES_S, Floats, Traffic
from rolloutctl.judge.blocks import Better, BlockInputs, Scale, Settings, judge_blocks
from rolloutctl.judge.buckets import survival, survival_at, tested_edges
from rolloutctl.judge.rates.calibrate import calibrated
from rolloutctl.judge.rates.counts import NOBODY, Counts
from rolloutctl.judge.rates.settings import LATE_ONSET, RateSettings
from rolloutctl.judge.rates.track import RateTrack, track_together

Cells = NDArray[np.bool_]

ALPHA, BETA = 0.02, 0.05
"""Of a plan, by default."""
_RATIO, _LATENCY, _VALUE = (1.1, 1.5), (1.03, 1.25), (1.05, 1.25)
"""What is tolerated and what is rejected, by default."""
_FEWEST_PAST = 500.0


class Criterion(Enum):
    ERRORS = "errors"
    LATENCY = "latency"
    CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Seen:
    """One criterion in one phase, by cell."""

    breach: Cells
    one_host: Cells
    passed: Cells


@dataclass(frozen=True, slots=True)
class Spent:
    """What one criterion of one phase is asked with."""

    alpha: float
    onset: float = LATE_ONSET


def share_of(phases: int, criteria: int) -> Spent:
    """As a plan shares its alpha."""
    return Spent(ALPHA / phases / criteria)


def judged(traffic: Traffic, spent: Spent, asked: tuple[Criterion, ...] = tuple(Criterion)) -> Mapping[Criterion, Seen]:
    how = {Criterion.ERRORS: errors, Criterion.LATENCY: latency, Criterion.CPU: cpu}
    return {criterion: how[criterion](traffic, spent) for criterion in asked}


def errors(traffic: Traffic, spent: Spent) -> Seen:
    settings = _settings(traffic, spent, _RATIO, traffic.past.errors)
    parts = traffic.canary.requests, traffic.canary.errors, traffic.baseline.requests, traffic.baseline.errors
    return _together(track_together([(Counts(*(part[:, None, :] for part in parts)), settings)]))


def latency(traffic: Traffic, spent: Spent) -> Seen:
    """At the edges that history shows to be worth it, as the whole of a histogram is judged."""
    past = traffic.past
    over = past.slower.sum(axis=(0, 2))
    total = float(past.requests.sum())
    shares = survival(np.append(total - over, total))
    edges = np.array(EDGES_S)
    chosen = tested_edges(shares) if total >= _FEWEST_PAST else ()
    if not chosen:
        nothing = np.zeros(len(traffic.canary.requests), dtype=np.bool_)
        return Seen(nothing, nothing, nothing)
    tests = []
    for edge in chosen:
        tolerate = max(1.0, survival_at(shares, edges, edges[edge] / _LATENCY[0]) / shares[edge])
        reject = max(1.02, survival_at(shares, edges, edges[edge] / _LATENCY[1]) / shares[edge])
        each = replace(spent, alpha=spent.alpha / len(chosen))
        settings = _settings(traffic, each, (tolerate, reject), past.slower[:, edge])
        canary, baseline = traffic.canary, traffic.baseline
        parts = canary.requests, canary.slower[:, edge], baseline.requests, baseline.slower[:, edge]
        tests.append((Counts(*(part[:, None, :] for part in parts)), settings))
    return _together(track_together(tests))


def cpu(traffic: Traffic, spent: Spent) -> Seen:
    tolerate, reject = np.log(_VALUE)
    settings = Settings(
        Scale.RATIO, Better.LOWER, spent.alpha, BETA, float(tolerate), float(reject), horizon_cells=len(traffic.canary.gauge)
    )
    found = judge_blocks(BlockInputs(traffic.canary.gauge, traffic.baseline.gauge, CELL_S, traffic.past.gauge, settings))
    return Seen(found.fail, found.hold_host != NOBODY, found.passed)


def _settings(traffic: Traffic, spent: Spent, margins: tuple[float, float], past_bad: Floats) -> RateSettings:
    cells, hosts = traffic.canary.requests.shape
    return RateSettings(
        cell_s=CELL_S,
        horizon=cells,
        alpha=spent.alpha,
        beta=BETA,
        tolerate=margins[0],
        reject=margins[1],
        onset=spent.onset,
        prior=calibrated(traffic.past.requests, past_bad, hosts),
    )


def _together(tracks: tuple[RateTrack, ...]) -> Seen:
    return Seen(
        np.logical_or.reduce([one.fail for one in tracks]),
        np.logical_or.reduce([one.hold_host != NOBODY for one in tracks]),
        np.logical_and.reduce([one.passed for one in tracks]),
    )
