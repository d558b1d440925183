"""Most of a day of history in a real Prometheus: a phase slid over them, and over an incident, as people and scripts ask for it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from cli.conforming import unlike
from engine.evidence import Phase
from rolloutctl.cli.answers.commands import SlidShape
from rolloutctl.config import PrometheusSource as PrometheusSettings
from rolloutctl.engine.evidence.replaying import replay
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.samples import Answer, Query
from servers.places import work_folder
from servers.prometheus import PrometheusServer, running_prometheus

HOURS = 22
EVERY_S = 30
PLAN = """
format = 1
name = "past"
owner = "ana"
[flag]
provider = "any"
key = "k"
environment = "production"
[metrics]
source = "metrics"
canary = 'version="2"'
baseline = 'version="1"'
host = "instance"
history = "30m"
step = "30s"
max_sample_age = "2m"
[[criteria]]
id = "errors"
type = "ratio"
bad = 'bad_total{$arm}'
total = 'requests_total{$arm}'
[[phases]]
name = "five"
owner = "ana"
cohort = { percent = 20 }
bake = "30m"
deadline = "2h"
"""


class Past:
    def __init__(self, server: PrometheusServer, folder: Path, end: float) -> None:
        self.server, self.folder, self.end = server, folder, end
        self.begin = end - HOURS * 3600
        self.incident = (end - 10 * 3600, end - 9 * 3600)
        config = folder / "config.toml"
        config.write_text(f'[sources.metrics]\ntype = "prometheus"\nurl = "{server.url}"\n')
        plan = folder / "plan.toml"
        plan.write_text(PLAN)
        self.command = [
            *(sys.executable, "-m", "rolloutctl", "--config", str(config), "backtest", str(plan), "--phase", "five"),
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def past(prometheus_binary: Path) -> Iterator[Past]:
    promtool = prometheus_binary.with_name("promtool")
    with work_folder("backtests") as folder:
        end = float(int(time.time()) // 3600 * 3600)
        source, data = folder / "past.om", folder / "prometheus" / "data"
        data.parent.mkdir(parents=True)
        source.write_text("\n".join(_lines(end)) + "\n# EOF\n")
        made = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(source), str(data)]
        subprocess.run(made, check=True, capture_output=True, timeout=120)
        flags = ["--web.enable-admin-api"]
        with running_prometheus([], work=folder / "prometheus", scrape_interval="1h", flags=flags) as server:
            yield Past(server, folder, end)


def _lines(end: float) -> Iterator[str]:
    """Two arms of two hosts; during the incident the canary fails ten times as often."""
    begin = end - HOURS * 3600
    bad_from, bad_until = end - 10 * 3600, end - 9 * 3600
    for name in ("requests", "bad"):
        yield f"# TYPE {name} counter"
        for version, host in (("1", "a"), ("1", "b"), ("2", "c"), ("2", "d")):
            shown = 0
            for n in range(HOURS * 3600 // EVERY_S + 1):
                at = begin + n * EVERY_S
                worse = version == "2" and bad_from < at <= bad_until
                shown += 900 + n % 7 if name == "requests" else (10 if worse else 1) * (8 + (n * 7 + ord(host)) % 5)
                yield f'{name}_total{{version="{version}",instance="{host}"}} {shown} {at:.0f}'


def test_it_is_calm_and_would_have_caught_the_incident(past: Past) -> None:
    spans = "..".join(datetime.fromtimestamp(each, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for each in past.incident)
    drawing = past.folder / "calm.svg"
    done = past.run("--since", "21h", "--every", "1h", "--incident", spans, "--json", "--plot", str(drawing))
    found = json.loads(done.stdout)
    assert unlike(found, SlidShape) == []
    assert found["complete"] is True
    quiet = found["quiet"]
    # The incident lies in one or two of them.
    bad = [each for each in quiet if each["first_breach"] is not None]
    assert {each["first_breach"]["criterion"] for each in bad} == {"errors"}
    assert found["summary"]["quiet"] == len(quiet) >= 18
    assert 1 <= len(bad) == found["summary"]["breaches"] <= 2
    assert found["summary"]["ready"] >= 14
    (incident,) = found["incidents"]
    assert incident["caught"]
    assert incident["first_breach"]["after_s"] == found["summary"]["caught_after_s"] <= 600
    assert done.returncode == 1
    assert drawing.read_text().count("<circle") > 18
    alone = json.loads(past.run("--start", quiet[0]["start"], "--json").stdout)
    assert alone == quiet[0]


def test_a_quiet_time_is_calm_and_a_table_says_so(past: Past) -> None:
    done = past.run("--since", "9h", "--every", "1h30m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Quiet: 0 of" in done.stdout
    assert "READY" in done.stdout
    assert done.stderr == ""


def test_an_incident_that_left_no_trace_was_not_caught(past: Past) -> None:
    start = datetime.fromtimestamp(past.begin + 2 * 3600, UTC)
    done = past.run("--incident", f"{start:%Y-%m-%dT%H:%MZ}..50m")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Incidents: 0 of 1 would have been caught." in done.stdout


def test_a_signal_leaves_what_was_judged_until_then(past: Past) -> None:
    process = subprocess.Popen(
        [*past.command, "--since", "21h", "--every", "1m", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    # The first line of progress: something was judged, and much is left.
    assert " judged, up to " in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    found = json.loads(out)
    assert unlike(found, SlidShape) == []
    assert found["complete"] is False
    assert 0 < len(found["quiet"]) < 2000
    assert found["summary"]["quiet"] == len(found["quiet"])


class Live:
    """What a process sees that has just been started."""

    def __init__(self, url: str) -> None:
        self._settings = PrometheusSettings(type="prometheus", url=url)

    def answer(self, query: Query) -> Answer:
        async def ask() -> Answer:
            source = PrometheusSource(self._settings, lambda _: "")
            try:
                return (await source.fetch([query]))[query]
            finally:
                await source.close()

        return asyncio.run(ask())


def test_what_prometheus_no_longer_has_is_in_the_checkpoints(past: Past) -> None:
    """Last of all here: it removes samples."""
    with closing(open_sqlite(past.folder / "journal.db", 0o600, lambda: datetime.now(UTC))) as journal:
        phase = Phase(journal, PLAN, Live(past.server.url), start=past.end - 5 * 3600)
        phase.begin()
        phase.look(3600)
        phase.look(7260)
        assert phase.kept.until is not None
        uninterrupted = phase.judgement(3 * 3600)
        gone = {"match[]": '{__name__=~".+_total"}', "end": f"{phase.kept.until - 600:.0f}"}
        url = f"{past.server.url}/api/v1/admin/tsdb/delete_series"
        httpx.post(url, params=gone, timeout=30, trust_env=False).raise_for_status()
        live = phase.another_process()
        query = next(query for query in uninterrupted.answers or {} if query.text.startswith("bad"))
        assert live.world.answer(query) != (uninterrupted.answers or {})[query]
        assert live.judgement(3 * 3600) == uninterrupted
        _, events = live.look(3 * 3600)
        assert all(replay(journal, event.seq).differences == () for event in events)
