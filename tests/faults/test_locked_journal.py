"""Somebody holds the journal's write lock and does not let go: a rollback turns the flag off all the same, at once."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rolloutctl.model.events import AdvanceRequested, RollbackRequested
from rolloutctl.model.kinds import Kind
from rolloutctl.model.state import Status, Step
from servers.site import DrivingSite, driving_site, end

WITHIN_S = 20.0
"""Far above what it takes, far under for ever: a slow machine is no wrong program."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrivingSite]:
    with driving_site(tmp_path, monkeypatch) as site:
        yield site


@contextmanager
def locked(site: DrivingSite) -> Iterator[None]:
    with closing(sqlite3.connect(site.folder / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def baking(site: DrivingSite) -> subprocess.Popen[bytes]:
    driver = site.drive()
    site.ask(AdvanceRequested(to="five"))
    site.until("baking", lambda state: state.step is Step.BAKING)
    return driver


def roll_back(site: DrivingSite) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rolloutctl", "--config", str(site.config), "rollback", "checkout", "--why", "errors"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=site.environ,
    )


def off(site: DrivingSite) -> bool:
    return site.changes()[-1] == "feature-environment-disabled"


def test_the_command_turns_it_off_twice_over_a_record_that_waits(site: DrivingSite) -> None:
    """The second time a local record of the first waits to be taken in: that must not stand in the way either."""
    end(baking(site))
    with locked(site):
        for _ in range(2):
            done = roll_back(site)
            assert done.returncode == 0, done.stderr
            assert "The journal cannot be written" in done.stdout
            assert off(site)
    driver = site.drive()
    site.until("taken in", lambda _: Kind.FLAG_DRIFTED in site.kinds())
    end(driver)


def test_the_driver_turns_it_off(site: DrivingSite) -> None:
    driver = baking(site)
    driver.send_signal(signal.SIGSTOP)
    site.ask(RollbackRequested(why="errors"))
    with locked(site):
        driver.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + WITHIN_S
        while not off(site) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert off(site)
    site.until("rolled back", lambda state: state.status is Status.ROLLED_BACK)
    end(driver)
