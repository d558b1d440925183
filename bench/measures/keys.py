"""From a key to the moved cursor on the terminal, while a hundred rollouts are polled."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.figures import Most, Row, Unit, quantile, row
from bench.names import minimal_app
from bench.processes import ROLLOUTCTL, BenchError, Terminal, terminal
from bench.registry import Benchmark, Run
from bench.worlds import baking_rollouts, servers, wait_until_scraped

ROLLOUTS = 100
INTERVAL_S = 5
_ROW = re.compile(rb"48;2;(\d+;\d+;\d+)m[^\x1b]*?(rollout-\d{3})")
"""A row's name, and the background it is painted on: that of the cursor is another."""
_P50, _P95 = 0.060, 0.120
_ANCHOR_P50, _ANCHOR_P95 = 0.027, 0.096
"""The minimal app on the machine that the bars were set on: the bars are scaled by what it takes here."""


def latencies(command: Sequence[str], environment: Mapping[str, str], folder: Path, settle_s: float, keys: int) -> list[float]:
    """Seconds from each key to the repainted row under the cursor."""
    chance = random.Random(1)
    with terminal(command, environment, folder) as opened:
        opened.until(lambda output: len(set(_ROW.findall(output))) > 15)
        opened.watch(settle_s)
        painted = Counter(background for background, _ in set(_ROW.findall(bytes(opened.output))))
        cursor = painted.most_common()[-1][0]
        found: list[float] = []
        before = [_cursor_at(opened, cursor)]
        for number in range(keys):
            opened.watch(chance.uniform(0.05, 0.25))
            since = len(opened.output)
            pressed = opened.press("j" if (number // 10) % 2 == 0 else "k")
            seen = opened.until(lambda output: _moved(output, cursor, before), since, within_s=10)
            found.append(seen - pressed)
        return found


def _cursor_at(opened: Terminal, cursor: bytes) -> bytes:
    rows = [name for background, name in _ROW.findall(bytes(opened.output)) if background == cursor]
    if not rows:
        raise BenchError("no row under a cursor was drawn.")
    return bytes(rows[-1])


def _moved(output: bytes, cursor: bytes, before: list[bytes]) -> bool:
    """Another row is under the cursor; remembers which."""
    rows = [name for background, name in _ROW.findall(output) if background == cursor and name != before[0]]
    if rows:
        before[0] = rows[-1]
    return bool(rows)


def measure(run: Run) -> list[Row]:
    world = run.stack.enter_context(servers(run.folder / "servers", ROLLOUTS, scrape_s=INTERVAL_S))
    wait_until_scraped(world.metrics, "count(queue_length)", 2 * ROLLOUTS)
    config = baking_rollouts(run.folder / "world", world, 0, ROLLOUTS, f"{INTERVAL_S}s")
    blocks, keys = (2, 30) if run.quick else (5, 60)
    ours_command = [*ROLLOUTCTL, "--config", str(config)]
    anchor_command = minimal_app(ROLLOUTS)
    ours: list[list[float]] = []
    anchor: list[list[float]] = []
    for _ in range(blocks):
        anchor.append(latencies(anchor_command, world.environment, run.folder, 1.0, keys))
        ours.append(latencies(ours_command, world.environment, run.folder, 2.0 * INTERVAL_S, keys))
    what = f"key to paint, {ROLLOUTS} rollouts polled every {INTERVAL_S} s"
    found: list[Row] = []
    for name, share, bar, there in (("p50", 0.5, _P50, _ANCHOR_P50), ("p95", 0.95, _P95, _ANCHOR_P95)):
        mine, theirs = ([quantile(block, share) for block in blocks] for blocks in (ours, anchor))
        found.append(row(f"{what}, {name}", Unit.SECONDS, mine, theirs, Most(value=bar)))
        found.append(row(f"{what}, {name}, bar scaled", Unit.SECONDS, mine, theirs, Most(value=bar * median(theirs) / there)))
    return found


BENCHMARK = Benchmark(
    "keys",
    "From writing `j` or `k` to the pseudo terminal to the repainted row under the moved cursor; keys at random distances, in"
    " blocks that alternate with the anchor's. The screen drives 100 rollouts of four criteria against a real Prometheus and"
    " the demo's flag server, all on this machine. Anchor: the minimal app, which polls nothing. The second line of each pair"
    " scales the bar by what the minimal app takes here against where the bar was set (27 and 96 ms).",
    measure,
)
