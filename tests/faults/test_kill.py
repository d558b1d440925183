"""`kill -9` between intent and answer, with the request lost and with the answer lost, then another driver: exactly one change.

The driver is the real command in a process of its own; the flag server keeps its own event log, and that is what counts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rolloutctl.demo.flag_server import FlagServer, Tokens, new_store
from rolloutctl.demo.flag_store import FlagStore
from rolloutctl.engine.sealing import seal
from rolloutctl.engine.settings import Surroundings, read_settings
from rolloutctl.engine.wiring import open_journal, open_world
from rolloutctl.model.events import AdvanceRequested, Kind, RollbackRequested
from rolloutctl.model.fold import fold
from rolloutctl.model.state import RolloutState, Status, Step
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Author
from servers.faultproxy import FaultProxy, running_fault_proxy
from servers.faults import Delay, DelayAnswer, Fault

FLAG = "checkout"
STREAM = f"rollout/{FLAG}#1"
FOREVER_S = 3600.0
PLAN = f"""
format = 1
name = "{FLAG}"
owner = "ana"
[flag]
provider = "flags"
key = "{FLAG}"
environment = "production"
[metrics]
source = "metrics"
canary = 'version="2"'
baseline = 'version="1"'
[rollback]
watch_after = "1s"
[[criteria]]
id = "queue"
type = "value"
expr = 'queue_length{{$arm}}'
test = "threshold"
max = 10
[[phases]]
name = "five"
owner = "ana"
cohort = {{ percent = 5 }}
bake = "1h"
[[phases]]
name = "everyone"
owner = "ana"
cohort = {{ percent = 100 }}
bake = "1h"
"""


@dataclass
class Site:
    """A flag server behind a fault proxy, a config that names it, and drivers that come and go."""

    folder: Path
    store: FlagStore
    proxy: FaultProxy
    config: Path
    environ: dict[str, str]

    def drive(self) -> subprocess.Popen[bytes]:
        with (self.folder / "drive.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "rolloutctl", "--config", str(self.config), "drive"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environ,
            )

    def state(self) -> RolloutState:
        journal = open_journal(read_settings(self.config, Surroundings.here()), read_only=True)
        try:
            state = fold(journal.read(STREAM))
        finally:
            journal.close()
        assert state is not None
        return state

    def kinds(self) -> list[Kind]:
        journal = open_journal(read_settings(self.config, Surroundings.here()), read_only=True)
        try:
            assert journal.verify().findings == ()
            return [event.kind for event in journal.read(STREAM)]
        finally:
            journal.close()

    def ask(self, body: AdvanceRequested | RollbackRequested) -> None:
        journal = open_journal(read_settings(self.config, Surroundings.here()))
        journal.append(STREAM, body, Author("ana", "here"))
        journal.close()

    def changes(self) -> list[str]:
        """What the flag server's own log says was changed, oldest first."""
        newest_first = self.store.events(flag=FLAG)
        return [event.type.value for event in reversed(newest_first) if event.type.value != "feature-created"]

    def until(self, what: str, condition: Callable[[RolloutState], bool], within_s: float = 30.0) -> RolloutState:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            state = self.state()
            if condition(state):
                return state
            time.sleep(0.1)
        log = (self.folder / "drive.log").read_text()[-2000:]
        pytest.fail(f"not within {within_s} s: {what}; {state.status} {state.step} {state.flag_failure}\n{log}")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    tokens, store = Tokens.make(), new_store()
    store.create_flag("default", FLAG, "release", None, "ana")
    monkeypatch.setenv("KILL_ADMIN", tokens.admin)
    monkeypatch.setenv("KILL_CLIENT", tokens.client)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with FlagServer(store, tokens).server() as server, running_fault_proxy(server.url) as proxy:
        config = tmp_path / "config.toml"
        config.write_text(
            f"""
[journal]
url = "sqlite:///{tmp_path / "journal.db"}"
lease = "1s"
[ui]
interval = "500ms"
[sources.metrics]
type = "prometheus"
url = "http://127.0.0.1:9"
[providers.flags]
type = "unleash"
url = "{proxy.url}"
auth = {{ type = "token", token = {{ env = "KILL_ADMIN" }} }}
client_auth = {{ type = "token", token = {{ env = "KILL_CLIENT" }} }}
settle_time = "200ms"
[environments.production]
production = true
"""
        )
        site = Site(tmp_path, store, proxy, config, dict(os.environ))
        asyncio.run(_seal(site))
        yield site


async def _seal(site: Site) -> None:
    world = open_world(read_settings(site.config, Surroundings.here()))
    await seal(world, read_plan(PLAN, "plan.toml"), PLAN, adopt=False)
    for provider in world.providers.values():
        await provider.close()
    for source in world.sources.values():
        await source.close()
    await asyncio.to_thread(world.journal.close)


def end(driver: subprocess.Popen[bytes]) -> None:
    driver.terminate()
    try:
        driver.wait(20)
    except subprocess.TimeoutExpired:
        driver.kill()
        driver.wait()
        pytest.fail("the driver did not end on SIGTERM")


def run_to_five(site: Site) -> list[str]:
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


def test_an_undisturbed_step_is_what_the_sweep_compares_with(site: Site) -> None:
    site.ask(AdvanceRequested(to="five"))
    assert run_to_five(site) == STEP


def test_a_terminated_driver_exits_with_its_signal(site: Site) -> None:
    driver = site.drive()
    site.until("driven", lambda _: Kind.LEASE_TAKEN in site.kinds())
    driver.terminate()
    assert driver.wait(20) == 128 + signal.SIGTERM
    assert site.kinds()[-1] is Kind.LEASE_RELEASED


@pytest.mark.parametrize("lost", sorted(LOST))
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_driver_killed_within_a_step_leaves_exactly_one_change(site: Site, method: str, path: str, lost: str) -> None:
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


@pytest.mark.parametrize("lost", sorted(LOST))
def test_a_driver_killed_within_a_rollback_leaves_the_flag_off(site: Site, lost: str) -> None:
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
