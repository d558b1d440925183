"""Harmless rollouts of four phases: how many are ever called a breach, at any look, by any criterion, in any phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.judge_accuracy.judging import Criterion, judged, share_of
from bench.judge_accuracy.queues import queueing
from bench.judge_accuracy.services import mixed, sick
from bench.judge_accuracy.traffic import Asked, Service

MAKERS: Mapping[str, Callable[[np.random.Generator], Service]] = {"mixed": mixed, "queueing": queueing, "sick hosts": sick}
PHASES = (0.01, 0.05, 0.2, 0.5)
"""The cohorts, each judged for an hour."""
CELLS = 240
_CHUNK = 20


@dataclass(frozen=True, slots=True)
class Rollout:
    breaches: tuple[str, ...]
    """Criteria that were called a breach, in any phase."""
    held: bool
    """One host was named in any phase."""
    ready: int
    """Phases that could have been left before their end: every criterion had passed, all at once."""
    marks: tuple[str, ...]


def play_all(maker: str, rollouts: int, seed: int, workers: int) -> list[Rollout]:
    """The same ones for the same seed, whatever the number of processes."""
    firsts = range(0, rollouts, _CHUNK)
    chunks = [range(first, min(first + _CHUNK, rollouts)) for first in firsts]
    if workers == 1:
        return [one for chunk in chunks for one in play(maker, seed, chunk)]
    with ProcessPoolExecutor(workers) as pool:
        return [one for found in pool.map(partial(play, maker, seed), chunks) for one in found]


def play(maker: str, seed: int, numbers: Iterable[int]) -> Sequence[Rollout]:
    place = list(MAKERS).index(maker)
    return [_one(MAKERS[maker], np.random.default_rng(np.random.SeedSequence((seed, place, number)))) for number in numbers]


def _one(maker: Callable[[np.random.Generator], Service], rng: np.random.Generator) -> Rollout:
    service = maker(rng)
    spent = share_of(len(PHASES), len(Criterion))
    breaches: list[str] = []
    held, ready = False, 0
    for number, cohort in enumerate(PHASES, start=1):
        hosts = min(number, service.most_canary_hosts)
        found = judged(service.phase(Asked(CELLS, hosts, cohort), rng), spent)
        breaches += [criterion.value for criterion, seen in found.items() if seen.breach.any()]
        held |= any(bool(seen.one_host.any()) for seen in found.values())
        ready += bool(np.logical_and.reduce([seen.passed for seen in found.values()]).any())
    return Rollout(tuple(dict.fromkeys(breaches)), held, ready, tuple(service.marks))
