"""A runbook of 50 steps against a slow and a quick server, beside a bare httpx loop and Chaos Toolkit."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Most, Row, Unit, pairs, row
from bench.processes import ROLLOUTCTL, BenchError, as_installed, timed
from bench.registry import Benchmark, Run

STEPS = 50
CHAOS = "chaostoolkit==1.19.0"
_PLACE = Path(__file__).resolve().parents[2] / ".cache" / "chaostoolkit"
_BARE = """
import sys, httpx
for number in range({steps}):
    answer = httpx.put(f"{{sys.argv[1]}}/generation/{{number}}", json={{"generation": "stable"}}, trust_env=False)
    assert answer.json()["generation"] == "stable"
"""
_CONFIG = """
format = 1
[journal]
url = "sqlite:///{folder}/journal.db"
[operator]
name = "bench"
[adapters.cache]
url = "{url}"
[environments.production]
production = true
"""
_HEAD = """
format = 1
id = "fifty"
title = "Fifty steps"
owner = "bench"
[objective]
time_to_rollback = "5m"
stop = "last_critical"
"""
_STEP = """
[[steps]]
id = "step-{number}"
type = "http"
adapter = "cache"
effect = "idempotent"
request = {{ method = "PUT", path = "/generation/{number}", json = {{ generation = "stable" }} }}
expect = {{ json = [{{ path = "generation", equals = "stable" }}] }}
  [steps.readback]
  request = {{ path = "/generation/{number}" }}
  expect = {{ json = [{{ path = "generation", equals = "stable" }}] }}
"""


@contextmanager
def _server(delay_s: float) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.slow_server", str(delay_s)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise BenchError("the server did not begin.")
        yield url
    finally:
        process.communicate(timeout=30)


def _chaos() -> Path:
    """Chaos Toolkit in a virtual environment of its own, made once. Raises BenchError."""
    program = _PLACE / "bin" / "chaos"
    if not program.exists():
        venv.create(_PLACE, with_pip=True, clear=True)
        made = subprocess.run([_PLACE / "bin" / "pip", "install", "-q", CHAOS], capture_output=True, check=False, timeout=600)
        if made.returncode or not program.exists():
            raise BenchError(f"Chaos Toolkit cannot be installed: {made.stderr.decode()[-300:]}")
    return program


def _experiment(url: str) -> dict[str, object]:
    def action(number: int) -> dict[str, object]:
        provider = {
            "type": "http",
            "url": f"{url}/generation/{number}",
            "method": "PUT",
            "headers": {"Content-Type": "application/json"},
            "arguments": {"generation": "stable"},
        }
        return {"type": "action", "name": f"step-{number}", "provider": provider}

    return {"title": "Fifty steps", "description": "As many requests.", "method": [action(number) for number in range(STEPS)]}


def measure(run: Run) -> list[Row]:
    rows: list[Row] = []
    for delay_s, bars in ((0.02, (Most(times=1.15), Most(times=1.0))), (0.0, (Most(), Most(times=1.3)))):
        rows += _rows(run, delay_s, *bars)
    return rows


def _rows(run: Run, delay_s: float, beside_httpx: Most, beside_chaos: Most) -> list[Row]:
    folder = run.folder / f"{delay_s * 1000:.0f}ms"
    folder.mkdir(parents=True)
    (folder / "fifty.toml").write_text(_HEAD + "".join(_STEP.format(number=number) for number in range(STEPS)))
    environment = as_installed()
    with _server(delay_s) as url:
        (folder / "config.toml").write_text(_CONFIG.format(folder=folder, url=url))
        (folder / "experiment.json").write_text(json.dumps(_experiment(url)))
        line = [*ROLLOUTCTL, "--config", str(folder / "config.toml"), "runbook", "run", "./fifty.toml"]

        def ours() -> float:
            return timed([*line, "--mode", "live", "--env", "production"], environment, folder)

        def bare() -> float:
            return timed([sys.executable, "-c", _BARE.format(steps=STEPS), url], environment, folder)

        title = f"{STEPS} steps, server of {delay_s * 1000:.0f} ms"
        ours(), bare()
        mine, theirs = pairs(run.times, ours, bare)
        rows = [row(f"{title}, beside bare httpx", Unit.SECONDS, mine, theirs, beside_httpx)]
        try:
            chaos = [str(_chaos()), "--no-version-check", "run", "experiment.json"]
            timed(chaos, environment, folder)
        except BenchError as error:
            run.notes.append(f"{title}: not compared with Chaos Toolkit: {error}")
            return rows
        mine, theirs = pairs(run.times, ours, lambda: timed(chaos, environment, folder))
    return [*rows, row(f"{title}, beside Chaos Toolkit", Unit.SECONDS, mine, theirs, beside_chaos)]


BENCHMARK = Benchmark(
    "runbook",
    f"`rolloutctl runbook run` of a runbook of {STEPS} steps, process start included: every intent is durable before it is sent"
    " and every outcome after, and at the end each step is read back. Anchors, as processes of their own: a bare loop of"
    " `httpx.put`, which keeps no record, and `chaos run` of an experiment of as many actions, whose record is written at its"
    " end.",
    measure,
)
