"""The world as a process: it says when it is ready, serves loopback only, and never outlives whoever started it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rolloutctl.demo.process import running_world, wait_until_scraped
from rolloutctl.demo.ready import WorldUrls
from rolloutctl.demo.scenarios import SERVICES, Scenario
from rolloutctl.errors import Failed

WORLD = [sys.executable, "-m", "rolloutctl.demo.world"]
ENDS_WITHIN_S = 10.0


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen, WorldUrls]]:
    process = subprocess.Popen([*WORLD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        try:
            yield process, WorldUrls.model_validate_json(process.stdout.readline())
        finally:
            process.kill()


def is_alive(pid: int) -> bool:
    """Whether it still runs: one that waits for its parent to look is dead."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def wait_gone(*pids: int) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, f"{pids} still run"
        time.sleep(0.05)


def refused(url: str) -> bool:
    port = httpx.URL(url).port
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def listening(pid: int) -> set[str]:
    """Addresses (in the kernel's hexadecimal) on which the process listens."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(descriptor.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1].split(":")[0])
    return found


def test_ends_on_sigterm_with_everything_it_served():
    with started("--embedded-metrics", "--scenario=good", "--speed=5") as (process, urls):
        assert urls.pid == process.pid
        assert (urls.metrics, urls.metrics_pid, urls.speed) == ("embedded", None, 5)
        assert urls.scenarios == (Scenario.GOOD,)
        assert listening(process.pid) == {"0100007F"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENDS_WITHIN_S) == 0
        assert refused(urls.flags_url)
        assert refused(urls.metrics_url)
        assert refused(urls.targets_url)


def test_ends_when_its_input_closes():
    with started("--embedded-metrics", "--scenario=good") as (process, _):
        process.stdin.close()
        assert process.wait(ENDS_WITHIN_S) == 0


def test_ends_after_its_duration():
    with started("--embedded-metrics", "--scenario=good", "--duration=0.5") as (process, _):
        assert process.wait(ENDS_WITHIN_S) == 0


def test_a_wrong_option_is_a_sentence():
    done = subprocess.run([*WORLD, "--speed=0"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--speed must be above 0" in done.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([*WORLD, f"--port={port}"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "cannot run" in done.stderr
    assert "Traceback" not in done.stderr


LAUNCHER = """
import sys, time
from rolloutctl.demo.process import running_world
from rolloutctl.demo.scenarios import Scenario
with running_world(speed=20, scenarios=[Scenario.GOOD], embedded_metrics=sys.argv[1] == "embedded") as urls:
    print(urls.model_dump_json(), flush=True)
    time.sleep(60)
"""


def killed_launcher(metrics: str) -> WorldUrls:
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, metrics], stdout=subprocess.PIPE) as launcher:
        urls = WorldUrls.model_validate_json(launcher.stdout.readline())
        assert is_alive(urls.pid)
        launcher.kill()
    return urls


def test_dies_with_whoever_started_it():
    wait_gone(killed_launcher("embedded").pid)


@pytest.mark.service
def test_a_real_prometheus_dies_with_it(prometheus_binary):
    urls = killed_launcher("real")
    assert urls.metrics.startswith("prometheus ")
    assert urls.metrics_pid is not None
    wait_gone(urls.pid, urls.metrics_pid)


@pytest.mark.service
def test_a_real_prometheus_dies_even_when_the_world_is_killed(prometheus_binary, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a killed world cannot clear up its files
    with started("--scenario=good") as (process, urls):
        assert urls.metrics_pid is not None
        assert listening(urls.metrics_pid) == {"0100007F"}
        process.kill()
        process.wait(ENDS_WITHIN_S)
        wait_gone(urls.metrics_pid)


def test_a_prometheus_that_does_not_start_is_replaced_and_said(tmp_path, monkeypatch):
    broken = tmp_path / "prometheus"
    broken.write_text("#!/bin/sh\necho no disk left >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with running_world(scenarios=[Scenario.GOOD]) as urls:
        assert urls.metrics == "embedded"
        assert "no disk left" in urls.metrics_note
        wait_until_scraped(urls)


def test_a_world_that_cannot_start_fails_with_its_reason():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Failed, match="cannot run"), running_world(flags_port=taken.getsockname()[1]):
            pytest.fail("it cannot be ready")


def query(client: httpx.Client, expression: str) -> dict[str, float]:
    """job -> value."""
    result = client.get("/api/v1/query", params={"query": expression}).json()["data"]["result"]
    return {row["metric"]["job"]: float(row["value"][1]) for row in result}


def switch_on(urls: WorldUrls, scenario: Scenario, percent: int) -> None:
    flag = SERVICES[scenario].flag
    place = f"/api/admin/projects/default/features/{flag}/environments/production"
    parameters = {"rollout": str(percent), "stickiness": "userId", "groupId": flag}
    with httpx.Client(base_url=urls.flags_url, headers={"Authorization": urls.admin_token}, trust_env=False) as admin:
        body = {"name": "flexibleRollout", "parameters": parameters}
        assert admin.post(f"{place}/strategies", json=body).status_code == 200
        assert admin.post(f"{place}/on").status_code == 200


def switch_off(urls: WorldUrls, scenario: Scenario) -> None:
    place = f"/api/admin/projects/default/features/{SERVICES[scenario].flag}/environments/production"
    headers = {"Authorization": urls.admin_token}
    assert httpx.post(f"{urls.flags_url}{place}/off", headers=headers, trust_env=False).status_code == 200


def wait_for(condition, what: str, limit_s: float = 25.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit_s:g} s for: {what}"
        time.sleep(0.25)


@pytest.fixture(params=["embedded", pytest.param("prometheus", marks=pytest.mark.service)])
def all_of_it(request) -> Iterator[WorldUrls]:
    if request.param == "prometheus":
        request.getfixturevalue("prometheus_binary")
    with running_world(speed=20, embedded_metrics=request.param == "embedded") as urls:
        assert urls.metrics.startswith(request.param)
        wait_until_scraped(urls)
        yield urls


RATE = "sum by (job) (rate(http_requests_total{%s}[5s]))"
CANARY = RATE % 'arm="canary"'
ERRORS = RATE % 'arm="canary",code="500"' + " / " + CANARY


def test_from_flag_to_metrics_and_back(all_of_it):
    """Through real HTTP: a flag goes on, the canary's metrics move; it goes off, the errors end."""
    urls = all_of_it
    assert json.loads(urls.model_dump_json())["scenarios"] == [each.value for each in Scenario]
    for scenario in Scenario:
        switch_on(urls, scenario, 5)
    with httpx.Client(base_url=urls.metrics_url, trust_env=False) as metrics:
        share = f"{CANARY} / {RATE % ''}"
        wait_for(lambda: abs(query(metrics, share).get("checkout", 0) - 0.05) < 0.01, "5 % of checkout's requests")
        wait_for(lambda: query(metrics, ERRORS).get("billing", 0) > 0.03, "billing's bad host")
        wait_for(lambda: query(metrics, ERRORS).get("assistant", 0) > 0.02, "assistant's late regression")
        wait_for(lambda: "search" not in query(metrics, CANARY), "search's canary to vanish")
        assert query(metrics, "sum by (job) (up)") == dict.fromkeys((each.job for each in SERVICES.values()), 6)
        assert query(metrics, ERRORS)["checkout"] < 0.01
        switch_off(urls, Scenario.LATE_REGRESSION)
        wait_for(lambda: query(metrics, CANARY)["assistant"] == 0, "no request on assistant's canary")
        assert query(metrics, RATE % 'code="500"')["assistant"] < 0.005 * 600 * 20
