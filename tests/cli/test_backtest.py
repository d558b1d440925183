"""`backtest` as people and scripts call it, against the demo's metrics."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolloutctl.demo.ready import WorldUrls

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
canary = 'version="7.2.0"'
baseline = 'version="6.9.4"'
host = "instance"
history = "1m"
step = "1s"
[[criteria]]
id = "errors"
type = "ratio"
bad = 'http_requests_total{job="checkout",code=~"5..",$arm}'
total = 'http_requests_total{job="checkout",$arm}'
slack = "50%"
[[phases]]
name = "five"
owner = "ana"
cohort = { percent = 5 }
bake = "5s"
"""


@pytest.fixture
def files(demo_world: WorldUrls, tmp_path: Path) -> tuple[str, str]:
    config, plan = tmp_path / "config.toml", tmp_path / "plan.toml"
    config.write_text(
        f'[sources.metrics]\ntype = "prometheus"\nurl = "{demo_world.metrics_url}"\n[providers.any]\ntype = "fake"\n'
    )
    plan.write_text(PLAN)
    return str(config), str(plan)


def run(config: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rolloutctl", "--config", config, "backtest", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def recently() -> str:
    return (datetime.now(UTC) - timedelta(seconds=8)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_one_object_for_scripts(files: tuple[str, str]) -> None:
    done = run(files[0], files[1], "--phase", "five", "--start", recently(), "--json")
    assert done.returncode in {0, 1, 5}, done.stderr
    found = json.loads(done.stdout)
    names = ["phase", "start", "end", "first_breach", "first_ready_after_s", "first_hold", "holds", "final", "looks"]
    assert list(found) == names
    assert found["phase"] == "five"
    assert found["looks"] >= 1
    assert done.stderr == ""


def test_lines_for_people(files: tuple[str, str]) -> None:
    done = run(files[0], files[1], "--phase", "five", "--start", recently())
    assert done.returncode in {0, 1, 5}, done.stderr
    assert "first breach" in done.stdout
    assert "errors" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--phase", "six", "--start", "2026-01-05T10:00:00Z"), 'no phase "six"'),
        (("--phase", "five", "--start", "yesterday"), "not a time with a zone"),
        (("--phase", "five", "--start", "2026-01-05T10:00:00"), "not a time with a zone"),
        (("--phase", "five", "--start", "2199-01-05T10:00:00Z"), "nothing to look at"),
    ],
)
def test_a_mistake_gets_a_sentence(files: tuple[str, str], arguments: tuple[str, ...], said: str) -> None:
    done = run(files[0], files[1], *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_source_that_does_not_answer_is_said_so(files: tuple[str, str], tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.toml"
    nowhere.write_text('[sources.metrics]\ntype = "prometheus"\nurl = "http://127.0.0.1:9"\n')
    done = run(str(nowhere), files[1], "--phase", "five", "--start", recently())
    assert done.returncode == 7
    assert done.stdout == ""
