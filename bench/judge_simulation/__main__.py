"""`python -m bench.judge_simulation [--runs N] [--hours H]`: play, print, and write the page and its picture."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bench.judge_rules.traffic import Weather
from bench.judge_simulation.figures import Share, alarmed_within, detection
from bench.judge_simulation.games import REGRESSIONS, RULES, play_all
from bench.judge_simulation.page import Results, page
from bench.judge_simulation.picture import picture
from bench.report import today

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_RUNS, _HOURS, _SEED, _WORKERS = 500, 24.0, 20_260_101, 2
_HOUR_S = 3600.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.judge_simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=_RUNS, help=f"rollouts of each kind, default {_RUNS}")
    parser.add_argument("--hours", type=float, default=_HOURS, help=f"length of a harmless rollout, default {_HOURS:g}")
    parser.add_argument("--seed", type=int, default=_SEED, help=f"default {_SEED}")
    parser.add_argument("--workers", type=int, default=_WORKERS, help="processes; they change no figure")
    asked = parser.parse_args()
    if min(asked.runs, asked.workers) < 1 or asked.hours < 1 or asked.seed < 0:
        parser.error("--runs and --workers have to be 1 or more, --hours 1 or more, --seed 0 or more")
    begun = time.monotonic()
    results = _measured(asked.runs, asked.hours, asked.seed, asked.workers)
    text = page(results, _made(asked, time.monotonic() - begun))
    usual = (asked.runs, asked.hours, asked.seed) == (_RUNS, _HOURS, _SEED)
    if not usual:
        print(text)
        print("other settings than the usual ones: nothing is written", file=sys.stderr)
        return 0
    for target, content in (("judge-simulation.md", text), ("pictures/judge-simulation.svg", picture(results))):
        (_DOCS / target).write_text(content, encoding="utf-8")
        print(f"wrote docs/{target}")
    return 0


def _measured(runs: int, hours: float, seed: int, workers: int) -> Results:
    played = play_all(runs, hours, seed, workers)
    rng = np.random.default_rng(seed)
    pairs = [(weather, rule) for weather in Weather for rule in RULES]
    held = played[Weather.BAD_HOST, 1.0].held
    return Results(
        runs=runs,
        hours=hours,
        hourly={(w, rule): alarmed_within(played[w, 1.0].alarms[rule], _HOUR_S) for w, rule in pairs},
        daily={(w, rule): alarmed_within(played[w, 1.0].alarms[rule], hours * _HOUR_S) for w, rule in pairs},
        detections={(w, t, rule): detection(played[w, t].alarms[rule], rng) for w, rule in pairs for t in REGRESSIONS},
        held=Share(int(held.sum()), len(held)),
    )


def _made(asked: argparse.Namespace, took_s: float) -> str:
    kinds = len(Weather) * (1 + len(REGRESSIONS))
    command = f"python -m bench.judge_simulation --runs {asked.runs} --hours {asked.hours:g} --seed {asked.seed}"
    games = f"{asked.runs} rollouts of each of {kinds} kinds, {asked.runs * kinds:,} in all"
    return (
        f"`{command}`:\n{games}, judged by {len(RULES)} rules.\n"
        "Each rollout has a random stream of its own, made from the seed, its weather, its size and its number,\n"
        "so the same command gives the same figures.\n\n"
        f"Python {platform.python_version()}, numpy {version('numpy')}, rolloutctl {version('rolloutctl')};"
        f" {asked.workers} {'process' if asked.workers == 1 else 'processes'}, {took_s:.0f} s. Measured on {today()}."
    )


if __name__ == "__main__":
    sys.exit(main())
