"""`kill -9` between intent and answer, with the request lost and with the answer lost, then another driver: exactly one change.

The driver is the real command in a process of its own; the flag server keeps its own event log, and that is what counts.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutctl.model.events import AdvanceRequested, RollbackRequested
from rolloutctl.model.kinds import Kind
from rolloutctl.model.state import Status, Step
from servers.faults import Delay, DelayAnswer, Fault
from servers.site import DrivingSite, driving_site, end

FOREVER_S = 3600.0


POSTGRES = [pytest.mark.service, pytest.mark.xdist_group("postgres")]


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrivingSite]:
    """With the journal in the store that the test names, else in SQLite."""
    callspec = getattr(request.node, "callspec", None)
    store = callspec.params.get("store", "sqlite") if callspec is not None else "sqlite"
    url = request.getfixturevalue("database").url if store == "postgres" else ""
    with driving_site(tmp_path, monkeypatch, url) as site:
        yield site


def run_to_five(site: DrivingSite) -> list[str]:
    driver = site.drive()
    try:
        site.until("baking", lambda state: state.step is Step.BAKING)
    finally:
        end(driver)
    return site.changes()


STEP = ["feature-strategy-add", "feature-strategy-update", "feature-environment-enabled"]
"""What one step from nothing to five percent is, by the flag server's log: never more than asked at any moment."""
WRITES = [("POST", "/strategies"), ("PATCH", "/strategies/"), ("POST", "/on")]
LOST: dict[str, Fault] = {"request": Delay(FOREVER_S), "answer": DelayAnswer(FOREVER_S)}


def test_an_undisturbed_step_is_what_the_sweep_compares_with(site: DrivingSite) -> None:
    site.ask(AdvanceRequested(to="five"))
    assert run_to_five(site) == STEP


def test_a_terminated_driver_exits_with_its_signal(site: DrivingSite) -> None:
    driver = site.drive()
    site.until("driven", lambda _: Kind.LEASE_TAKEN in site.kinds())
    driver.terminate()
    assert driver.wait(20) == 128 + signal.SIGTERM
    assert site.kinds()[-1] is Kind.LEASE_RELEASED


@pytest.mark.parametrize(
    ("store", "lost"),
    [*(pytest.param("sqlite", lost) for lost in sorted(LOST)), pytest.param("postgres", "answer", marks=POSTGRES)],
)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_driver_killed_within_a_step_leaves_exactly_one_change(
    site: DrivingSite, store: str, method: str, path: str, lost: str
) -> None:
    site.proxy.script(LOST[lost], method=method, path=path)
    site.ask(AdvanceRequested(to="five"))
    first = site.drive()
    deadline = time.monotonic() + 30
    while not any(r.method == method and path in r.path for r in site.proxy.arrived):
        assert time.monotonic() < deadline, (site.folder / "drive.log").read_text()[-2000:]
        time.sleep(0.01)
    if lost == "answer":
        while not any(r.method == method and path in r.path for r in site.proxy.reached):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    first.kill()
    first.wait()
    assert site.kinds()[-1] is Kind.FLAG_INTENT, "the intent is in the journal before the request is sent"
    assert run_to_five(site) == STEP
    kinds = site.kinds()
    assert kinds.count(Kind.FLAG_INTENT) == 1
    assert Kind.FLAG_RECONCILED in kinds


@pytest.mark.parametrize(
    ("store", "lost"),
    [*(pytest.param("sqlite", lost) for lost in sorted(LOST)), pytest.param("postgres", "request", marks=POSTGRES)],
)
def test_a_driver_killed_within_a_rollback_leaves_the_flag_off(site: DrivingSite, store: str, lost: str) -> None:
    site.ask(AdvanceRequested(to="five"))
    run_to_five(site)
    site.proxy.script(LOST[lost], method="POST", path="/off")
    site.ask(RollbackRequested(why="test"))
    first = site.drive()
    deadline = time.monotonic() + 30
    seen = site.proxy.arrived if lost == "request" else site.proxy.reached
    while not any(r.path.endswith("/off") for r in seen):
        assert time.monotonic() < deadline, (site.folder / "drive.log").read_text()[-2000:]
        time.sleep(0.01)
        seen = site.proxy.arrived if lost == "request" else site.proxy.reached
    first.kill()
    first.wait()
    second = site.drive()
    try:
        site.until("rolled back", lambda state: state.status is Status.ROLLED_BACK)
    finally:
        end(second)
    assert site.changes() == [*STEP, "feature-environment-disabled"]
