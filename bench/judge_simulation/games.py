"""Simulated rollouts, each judged by every rule; all that is kept of one is when each rule would have rolled back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.judge_rules import argo, flagger, growthbook, kayenta, ours
from bench.judge_rules.arms import Arms, Flags
from bench.judge_rules.traffic import Service, Weather, simulate

CELL_S = 15.0
REGRESSIONS = (1.5, 2.0, 10.0)
BEFORE_S = AFTER_S = 7200.0
"""A regression sets in half-way through a phase of four hours."""
SERVICE = Service()
RULES: Mapping[str, Callable[[Arms], Flags]] = {
    "rolloutctl": ours.breaches,
    "GrowthBook": growthbook.breaches,
    "Kayenta": kayenta.breaches,
    "Argo": argo.breaches,
    "Flagger": flagger.breaches,
}
NEVER = float("inf")
_CHUNK = 10


@dataclass(frozen=True, slots=True)
class Game:
    """Some rollouts of one kind; `times` is 1 for a harmless release."""

    weather: Weather
    times: float
    hours: float
    onset_s: float
    first: int
    """Number of the first of the rollouts."""
    rollouts: int


@dataclass(frozen=True, slots=True)
class Played:
    """Of all rollouts of a weather and a size."""

    alarms: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]
    """Rule -> seconds after the start at which it would have rolled back; NEVER."""
    held: np.ndarray[tuple[int], np.dtype[np.bool_]]
    """Whether our judge held for one host at any time; only known where a host is bad."""


def play_all(runs: int, hours: float, seed: int, workers: int) -> dict[tuple[Weather, float], Played]:
    """Harmless releases for `hours` and regressions of every size, `runs` rollouts of each in every weather."""
    games = list(_games(runs, hours))
    with ProcessPoolExecutor(workers) as pool:
        found = list(pool.map(partial(_play, seed), games))
    parts: dict[tuple[Weather, float], list[Played]] = {}
    for game, played in zip(games, found, strict=True):
        parts.setdefault((game.weather, game.times), []).append(played)
    return {
        kind: Played(
            {rule: np.concatenate([part.alarms[rule] for part in some]) for rule in RULES},
            np.concatenate([part.held for part in some]),
        )
        for kind, some in parts.items()
    }


def _games(runs: int, hours: float) -> Iterator[Game]:
    phase = (BEFORE_S + AFTER_S) / 3600.0
    for weather in Weather:
        for first in range(0, runs, _CHUNK):
            some = min(_CHUNK, runs - first)
            yield Game(weather, 1.0, hours, 0.0, first, some)
            yield from (Game(weather, times, phase, BEFORE_S, first, some) for times in REGRESSIONS)


def _play(seed: int, game: Game) -> Played:
    alarms: dict[str, list[float]] = {rule: [] for rule in RULES}
    held: list[bool] = []
    for number in range(game.first, game.first + game.rollouts):
        # One stream per rollout, so that neither the number of processes nor that of rollouts changes any of them.
        kind = (list(Weather).index(game.weather), round(game.times * 100))
        rng = np.random.default_rng(np.random.SeedSequence((seed, *kind, number)))
        arms = simulate(game.weather, SERVICE, game.hours, CELL_S, game.times, game.onset_s, rng)
        for rule, breaches in RULES.items():
            cells = np.flatnonzero(breaches(arms))
            alarms[rule].append((float(cells[0]) + 1.0) * CELL_S if len(cells) else NEVER)
        held.append(game.weather is Weather.BAD_HOST and bool(ours.host_holds(arms).any()))
    return Played({rule: np.array(times) for rule, times in alarms.items()}, np.array(held))
