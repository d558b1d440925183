"""Phases of one release that is worse, and the same phases of one that is not: what is found, how fast, and at what price.

The weight of a late onset is varied, so that what was chosen can be held against other choices on the same traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bench.judge_accuracy.judging import Criterion, judged, share_of
from bench.judge_accuracy.rollouts import CELLS, MAKERS
from bench.judge_accuracy.traffic import CELL_S, HARMLESS, Asked, Worse

COHORT = 0.2
ONSETS: Mapping[str, float] = {"0.1": 0.1, "0.3": 0.3, "0.5": 0.5}
"""Weight of a regression that begins after the phase."""
HALF = CELLS // 2
KINDS: Mapping[str, tuple[Criterion, Worse]] = {
    "errors x1.5": (Criterion.ERRORS, Worse(errors=1.5)),
    "errors x2": (Criterion.ERRORS, Worse(errors=2.0)),
    "errors x10": (Criterion.ERRORS, Worse(errors=10.0)),
    "latency + 25 %": (Criterion.LATENCY, Worse(latency=1.25)),
    "latency x2": (Criterion.LATENCY, Worse(latency=2.0)),
}
_CHUNK = 10
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from the start of the phase to the breach, one entry per phase; infinite: none."""

    onset_s: float
    breaches: Sequence[float]

    @property
    def found(self) -> Sequence[float]:
        """Delays of those found after the onset."""
        return [at - self.onset_s for at in self.breaches if self.onset_s < at < _NEVER]

    @property
    def early(self) -> int:
        return sum(at <= self.onset_s for at in self.breaches)


Key = tuple[str, str, bool]
"""Weight of a late onset, what is worse (empty: nothing), and whether it begins half-way."""


def play_all(maker: str, phases: int, seed: int, workers: int) -> Mapping[Key, Times]:
    chunks = [range(first, min(first + _CHUNK, phases)) for first in range(0, phases, _CHUNK)]
    if workers == 1:
        parts = [_play(maker, seed, chunk) for chunk in chunks]
    else:
        with ProcessPoolExecutor(workers) as pool:
            parts = list(pool.map(partial(_play, maker, seed), chunks))
    joined: dict[Key, list[float]] = {}
    for part in parts:
        for key, some in part.items():
            joined.setdefault(key, []).extend(some)
    return {key: Times(HALF * CELL_S if key[2] else 0.0, some) for key, some in joined.items()}


def _play(maker: str, seed: int, numbers: Sequence[int]) -> dict[Key, list[float]]:
    found: dict[Key, list[float]] = {}
    place = list(MAKERS).index(maker)
    worse: dict[str, tuple[tuple[Criterion, ...], Worse]] = {"": ((Criterion.ERRORS, Criterion.LATENCY), HARMLESS)}
    worse |= {name: ((criterion,), how) for name, (criterion, how) in KINDS.items()}
    for number in numbers:
        for name, (criteria, how) in worse.items():
            for late in (False, True) if name else (False,):
                # The same service and the same draws for every kind, so that they differ in nothing else.
                rng = np.random.default_rng(np.random.SeedSequence((seed, 1 + place, number)))
                service = MAKERS[maker](rng)
                asked = Asked(CELLS, service.most_canary_hosts, COHORT, replace(how, onset=HALF if late else 0))
                traffic = service.phase(asked, rng)
                for weight, onset in ONSETS.items():
                    seen = judged(traffic, replace(share_of(4, len(Criterion)), onset=onset), criteria)
                    breach = np.logical_or.reduce([one.breach for one in seen.values()])
                    at = (float(np.argmax(breach)) + 1.0) * CELL_S if breach.any() else _NEVER
                    found.setdefault((weight, name, late), []).append(at)
    return found
