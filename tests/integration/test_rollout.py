"""The main job on real servers: Prometheus, Unleash with PostgreSQL, a service with users, and the real commands.

Nothing in here is pretended: the service polls Unleash as an SDK does, Prometheus scrapes the service, rolloutctl runs as a user
runs it, and the share of users is counted with the evaluation engine of Unleash's own SDKs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from rolloutctl.demo.every import Every
from rolloutctl.demo.flag_poller import FlagPoller
from rolloutctl.demo.http import LoopbackServer
from rolloutctl.demo.scenarios import SERVICES, Scenario
from rolloutctl.demo.service import SimulatedService
from rolloutctl.demo.targets import Targets, scrape_config
from rolloutctl.demo.users import Population
from servers.evaluation import enabled_users
from servers.prometheus import PrometheusServer, running_prometheus
from servers.unleash import UnleashServer

USERS = [f"user-{number}" for number in range(20_000)]


@dataclass
class Site:
    unleash: UnleashServer
    prometheus: PrometheusServer
    service: SimulatedService
    flag: str
    folder: Path

    def run(self, *arguments: str, code: int = 0, timeout: float = 90) -> str:
        """A command as a user types it; fails with what it said when it exits with another code."""
        done = subprocess.run(
            [sys.executable, "-m", "rolloutctl", "--config", str(self.folder / "config.toml"), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, f"{arguments} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def share(self) -> float:
        """Of 20,000 users, by the engine that SDKs run, from what SDKs are served."""
        return len(enabled_users(self.unleash.client_features(), self.flag, USERS)) / len(USERS)

    def status(self) -> dict[str, object]:
        return json.loads(self.run("status", "checkout", "--json"))["rollouts"][0]


@pytest.fixture
def site(
    unleash_server: UnleashServer, prometheus_binary: Path, unleash_flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    assert prometheus_binary
    unleash_server.create_flag(unleash_flag)
    spec = dataclasses.replace(SERVICES[Scenario.GOOD], flag=unleash_flag, job="service")
    service = SimulatedService(spec, Population(), 1.0, 7, time.monotonic())
    with ExitStack() as stack:
        targets = stack.enter_context(LoopbackServer(Targets([service], time.monotonic).answer))
        poller = FlagPoller([service], unleash_server.url, unleash_server.client_token(), time.monotonic)
        stack.callback(poller.close)
        for interval, action in ((0.5, poller.poll), (0.5, lambda: service.advance(time.monotonic()))):
            loop = Every(interval, action)
            loop.start()
            stack.callback(loop.stop)
        jobs = scrape_config([service], targets.url.removeprefix("http://"), 1.0)
        prometheus = stack.enter_context(running_prometheus((), work=tmp_path / "prometheus", config_extra=json.loads(jobs)))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        monkeypatch.setenv("SITE_ADMIN", unleash_server.admin_token)
        monkeypatch.setenv("SITE_CLIENT", unleash_server.client_token())
        _files(tmp_path, unleash_server.url, prometheus.url, unleash_flag, spec.canary_version, spec.baseline_version)
        yield Site(unleash_server, prometheus, service, unleash_flag, tmp_path)


def _files(folder: Path, unleash: str, prometheus: str, flag: str, canary: str, baseline: str) -> None:
    (folder / "config.toml").write_text(
        f"""
format = 1
[journal]
url = "sqlite:///{folder / "journal.db"}"
lease = "3s"
[ui]
interval = "1s"
[sources.prometheus]
type = "prometheus"
url = "{prometheus}"
timeout = "3s"
[providers.unleash]
type = "unleash"
url = "{unleash}"
auth = {{ type = "token", token = {{ env = "SITE_ADMIN" }} }}
client_auth = {{ type = "token", token = {{ env = "SITE_CLIENT" }} }}
settle_time = "2s"
[environments.production]
production = true
"""
    )
    phases = "".join(
        f"""
[[phases]]
name = "{name}"
owner = "ana"
cohort = {{ percent = {percent} }}
bake = "{bake}"
deadline = "5m"
"""
        for name, percent, bake in (("five", 5, "25s"), ("thirty", 30, "6s"), ("everyone", 100, "6s"))
    )
    (folder / "plan.toml").write_text(
        f"""
format = 1
name = "checkout"
owner = "ana"
[flag]
provider = "unleash"
key = "{flag}"
environment = "production"
stickiness = "userId"
[metrics]
source = "prometheus"
canary = 'version="{canary}"'
baseline = 'version="{baseline}"'
requests = 'http_requests_total{{job="service",$arm}}'
exposure = "60%"
host = "instance"
step = "1s"
max_sample_age = "8s"
[judge]
min_time = "5s"
[[criteria]]
id = "errors"
type = "ratio"
bad = 'http_requests_total{{job="service",code=~"5..",$arm}}'
total = 'http_requests_total{{job="service",$arm}}'
test = "threshold"
max = 0.05
window = "5s"
breach_after = "3s"
[[criteria]]
id = "score"
type = "value"
expr = 'avg(eval_score{{job="service",$arm}})'
test = "threshold"
min = 0.5
window = "5s"
breach_after = "3s"
{phases}
"""
    )


def test_a_rollout_from_off_to_everyone_and_back(site: Site) -> None:
    site.run("check", str(site.folder / "plan.toml"))
    site.run("start", str(site.folder / "plan.toml"), "--no-drive")
    assert site.share() == 0
    site.run("advance", "checkout", code=0)
    assert site.share() == pytest.approx(0.05, abs=0.01)
    refused = site.run("advance", "checkout", "--json", code=5)
    assert json.loads(refused)["reasons"]
    with (site.folder / "drive.log").open("wb") as log:
        driver = subprocess.Popen(
            [sys.executable, "-m", "rolloutctl", "--config", str(site.folder / "config.toml"), "drive"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        for percent in (30, 100):
            site.run("wait", "checkout", "--for", "ready", "--timeout", "60s")
            site.run("advance", "checkout")
            assert site.share() == pytest.approx(percent / 100, abs=0.02)
        site.run("rollback", "checkout", "--why", "the test says so")
        assert site.share() == 0
    finally:
        driver.terminate()
        driver.wait(20)
    assert site.status()["status"] == "ROLLED_BACK"
    site.run("journal", "verify")
    kinds = [event["kind"] for event in json.loads(site.run("journal", "show", "checkout", "--json"))["events"]]
    assert kinds.count("flag.intent") == 4
    assert kinds.count("flag.applied") == 4


def test_a_rollback_goes_through_while_prometheus_hangs(site: Site) -> None:
    site.run("start", str(site.folder / "plan.toml"), "--no-drive")
    site.run("advance", "checkout")
    site.prometheus.pause()
    try:
        began = time.monotonic()
        site.run("rollback", "checkout", "--why", "prometheus hangs")
        took = time.monotonic() - began
    finally:
        site.prometheus.resume()
    assert site.share() == 0
    assert took < 15, "turning it off must not wait for the metrics"


def test_off_needs_no_journal(site: Site) -> None:
    site.run("start", str(site.folder / "plan.toml"), "--no-drive")
    site.run("advance", "checkout")
    (site.folder / "journal.db").chmod(0)
    os.rename(site.folder / "journal.db", site.folder / "lost.db")  # noqa: PTH104
    site.run("off", "unleash", site.flag, "--env", "production")
    assert site.share() == 0


def test_the_flag_server_gone_is_never_a_rollback(site: Site) -> None:
    site.run("start", str(site.folder / "plan.toml"), "--no-drive")
    site.run("advance", "checkout")
    site.unleash.kill()
    site.run("off", "unleash", site.flag, "--env", "production", code=7)
