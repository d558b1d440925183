"""`kill -9` at every write of a driver to the journal, on both stores; then another driver: every effect exactly once, one chain.

The sweep goes from the first write to behind the last one of a step: a last test says that the last number is behind the end.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutctl.model.events import AdvanceRequested
from rolloutctl.model.kinds import Kind
from rolloutctl.model.state import Step
from servers import mortal
from servers.site import DrivingSite, driving_site, end

STEP = ["feature-strategy-add", "feature-strategy-update", "feature-environment-enabled"]
"""What one step from nothing to five percent is, by the flag server's log."""
WRITES = 6
"""Lease, decision, intent, outcome, baking and, when it ends, the lease again."""
POSTGRES = [pytest.mark.service, pytest.mark.xdist_group("postgres")]


STORES = ["sqlite", pytest.param("postgres", marks=POSTGRES)]
SWEEP = [
    *(pytest.param("sqlite", fatal, "after") for fatal in range(1, WRITES)),
    *(pytest.param("postgres", fatal, "before", marks=POSTGRES) for fatal in range(1, WRITES)),
]
"""Before the n-th is after the effects behind the one before: each store sees every place, each place one store at least."""


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrivingSite]:
    store = request.node.callspec.params["store"]
    url = request.getfixturevalue("database").url if store == "postgres" else ""
    with driving_site(tmp_path, monkeypatch, url) as site:
        yield site


def mortal_driver(site: DrivingSite, fatal: int, when: str) -> subprocess.Popen[bytes]:
    with (site.folder / "drive.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, mortal.__file__, str(fatal), when, "--config", str(site.config), "drive"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=site.environ,
        )


@pytest.mark.parametrize(("store", "fatal", "when"), SWEEP)
def test_killed_at_the_nth_write_every_effect_happens_once(site: DrivingSite, store: str, fatal: int, when: str) -> None:
    site.ask(AdvanceRequested(to="five"))
    first = mortal_driver(site, fatal, when)
    assert first.wait(60) == -signal.SIGKILL, (site.folder / "drive.log").read_text()
    second = site.drive()
    try:
        site.until("baking", lambda state: state.step is Step.BAKING)
    finally:
        end(second)
    assert site.changes() == STEP
    kinds = site.kinds()
    assert kinds.count(Kind.FLAG_INTENT) == 1
    assert kinds.count(Kind.PHASE_BAKING) == 1
    epochs = [event.epoch for event in site.events() if event.kind is Kind.LEASE_TAKEN]
    assert epochs == list(range(1, len(epochs) + 1)), "no epoch twice, none left out"


@pytest.mark.parametrize("store", STORES)
def test_that_was_every_write(site: DrivingSite, store: str) -> None:
    site.ask(AdvanceRequested(to="five"))
    driver = mortal_driver(site, 0, "never")
    try:
        site.until("baking", lambda state: state.step is Step.BAKING)
    finally:
        end(driver)
    assert f"writes: {WRITES}\n" in (site.folder / "drive.log").read_text()
    assert site.changes() == STEP
