"""A driver that is stopped past its lease and woken: another one has taken over, and nothing of the stale one is written.

Real processes, on both stores; once while it is idle, once while a request of its is on its way.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from rolloutctl.engine.opening import open_journal
from rolloutctl.errors import JournalUnreachable
from rolloutctl.model.events import AdvanceRequested, RollbackRequested
from rolloutctl.model.kinds import Kind
from rolloutctl.model.state import Status, Step
from servers.faults import DelayAnswer
from servers.site import DrivingSite, driving_site, end

POSTGRES = [pytest.mark.service, pytest.mark.xdist_group("postgres")]
STORES = ["sqlite", pytest.param("postgres", marks=POSTGRES)]
STEP = ["feature-strategy-add", "feature-strategy-update", "feature-environment-enabled"]
FOREVER_S = 3600.0


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrivingSite]:
    url = request.getfixturevalue("database").url if request.node.callspec.params["store"] == "postgres" else ""
    with driving_site(tmp_path, monkeypatch, url) as site:
        yield site


Drive = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def drive(site: DrivingSite) -> Iterator[Drive]:
    """Starts drivers; wakes and ends those that still run."""
    drivers: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        drivers.append(site.drive())
        return drivers[-1]

    yield start
    for driver in drivers:
        if driver.poll() is None:
            driver.send_signal(signal.SIGCONT)
            end(driver)


def stop_without_the_lock(site: DrivingSite, driver: subprocess.Popen[bytes]) -> None:
    """Where it does not hold the writers' lock: one that is stopped with it in hand keeps everybody waiting, which is another test."""
    for _ in range(50):
        driver.send_signal(signal.SIGSTOP)
        journal = open_journal(site.settings)
        try:
            with journal.patience(0.2):
                journal.put_blob(os.urandom(8))
        except JournalUnreachable:
            driver.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        else:
            return
        finally:
            journal.close()
    pytest.fail("it always held the lock")


def taken(site: DrivingSite) -> list[int]:
    return [event.epoch for event in site.events() if event.kind is Kind.LEASE_TAKEN]


@pytest.mark.parametrize("in_flight", [False, True], ids=["idle", "in flight"])
@pytest.mark.parametrize("store", STORES)
def test_woken_after_its_lease_it_writes_nothing_more(site: DrivingSite, drive: Drive, store: str, in_flight: bool) -> None:
    site.ask(AdvanceRequested(to="five"))
    if in_flight:
        site.proxy.script(DelayAnswer(FOREVER_S), method="POST", path="/on")
    first = drive()
    if in_flight:
        deadline = time.monotonic() + 60
        while not any(each.path.endswith("/on") for each in site.proxy.reached):
            assert time.monotonic() < deadline, (site.folder / "drive.log").read_text()
            time.sleep(0.01)
    else:
        site.until("baking", lambda state: state.step is Step.BAKING)
    stop_without_the_lock(site, first)
    drive()
    site.until("taken over", lambda _: taken(site) == [1, 2])
    site.until("baking", lambda state: state.step is Step.BAKING)
    first.send_signal(signal.SIGCONT)
    site.ask(RollbackRequested(why="errors"))
    site.until("rolled back", lambda state: state.status is Status.ROLLED_BACK)
    end(first)
    events = site.events()
    fenced = [event.epoch for event in events if event.epoch]
    assert all(earlier <= later for earlier, later in pairwise(fenced)), "no epoch comes back"
    after = next(event.seq for event in events if event.kind is Kind.LEASE_TAKEN and event.epoch == 2)
    assert {event.epoch for event in events if event.seq > after and event.epoch} == {2}
    assert site.changes() == [*STEP, "feature-environment-disabled"], "every effect once"


@pytest.mark.parametrize("store", STORES)
def test_a_killed_driver_is_named_until_its_lease_lapses(site: DrivingSite, drive: Drive, store: str) -> None:
    site.config.write_text(site.config.read_text().replace('lease = "1s"', 'lease = "1h"'))
    first = drive()
    site.until("driven", lambda _: taken(site) == [1])
    first.kill()
    first.wait()
    (shown,) = json.loads(command(site, "status", "--json"))["rollouts"]
    assert shown["driver"]["driving"] == "elsewhere"
    assert shown["driver"]["holder"].endswith(f":{first.pid}")
    assert shown["driver"]["lease_until"] > time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    for arguments in (["status"], ["status", "checkout"]):
        assert re.search(rf":{first.pid}, lease runs out in \d\dm unless renewed", command(site, *arguments))


def command(site: DrivingSite, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rolloutctl", "--config", str(site.config), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=site.environ,
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout
