"""`python -m bench.judge_accuracy [--rollouts N] [--phases N]`: play, and write docs/judge-accuracy.md."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from bench.judge_accuracy import regressions, rollouts
from bench.judge_accuracy.page import Results, page
from bench.report import today

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "judge-accuracy.md"
_ROLLOUTS, _PHASES, _SEED, _WORKERS = 10_000, 200, 20_260_202, 2
_FEWER = 5
"""One in so many of the rollouts with services other than mixed ones."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.judge_accuracy", description=__doc__)
    parser.add_argument(
        "--rollouts",
        type=int,
        default=_ROLLOUTS,
        help=f"harmless rollouts of mixed services, default {_ROLLOUTS:,}; of the others a {_FEWER}th each",
    )
    parser.add_argument("--phases", type=int, default=_PHASES, help=f"phases of each kind of regression, default {_PHASES}")
    parser.add_argument("--seed", type=int, default=_SEED, help=f"default {_SEED}")
    parser.add_argument("--workers", type=int, default=_WORKERS, help="processes; they change no figure")
    parser.add_argument("--print", action="store_true", help="print the page instead of writing it")
    asked = parser.parse_args()
    if min(asked.rollouts // _FEWER, asked.phases, asked.workers) < 1 or asked.seed < 0:
        parser.error(f"--rollouts has to be {_FEWER} or more, --phases and --workers 1 or more, --seed 0 or more")
    begun = time.monotonic()
    played = {}
    for maker in rollouts.MAKERS:
        number = asked.rollouts if maker == "mixed" else asked.rollouts // _FEWER
        played[maker] = rollouts.play_all(maker, number, asked.seed, asked.workers)
        print(f"{number:,} rollouts: {maker}", file=sys.stderr, flush=True)
    found = {maker: regressions.play_all(maker, asked.phases, asked.seed, asked.workers) for maker in ("mixed", "queueing")}
    text = page(Results(played, found), _made(asked, time.monotonic() - begun))
    if asked.print:
        print(text)
    else:
        _PAGE.write_text(text, encoding="utf-8")
        print("wrote docs/judge-accuracy.md")
    return 0


def _made(asked: argparse.Namespace, took_s: float) -> str:
    return (
        f"`python -m bench.judge_accuracy --rollouts {asked.rollouts} --phases {asked.phases} --seed {asked.seed}`.\n"
        "Each rollout has a random stream of its own, made from the seed, its kind and its number, so the same command gives\n"
        "the same figures. The traffic is made by `services.py` and `queues.py` of `bench/judge_accuracy/`, which share no more\n"
        "than the shape of what they make.\n\n"
        f"Python {platform.python_version()}, numpy {version('numpy')}, rolloutctl {version('rolloutctl')};"
        f" {asked.workers} {'process' if asked.workers == 1 else 'processes'}, {took_s:.0f} s. Measured on {today()}."
    )


if __name__ == "__main__":
    sys.exit(main())
