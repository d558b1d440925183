"""A flag server behind a fault proxy, a sealed plan, a config, and real `rolloutctl drive` processes that come and go."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rolloutctl.demo.flag_server import FlagServer, Tokens, new_store
from rolloutctl.demo.flag_store import FlagStore
from rolloutctl.engine.config.settings import Settings, Surroundings, read_settings
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.opening import open_journal
from rolloutctl.engine.wiring import open_world
from rolloutctl.model.events import AdvanceRequested, Event, RollbackRequested
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import Kind
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Author
from servers.faultproxy import FaultProxy, running_fault_proxy

FLAG = "checkout"
STREAM = f"rollout/{FLAG}#1"
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
class DrivingSite:
    """A flag server behind a fault proxy, a config that names it, and drivers that come and go."""

    folder: Path
    store: FlagStore
    proxy: FaultProxy
    config: Path
    environ: dict[str, str]

    def drive(self, config: Path | None = None, log: str = "drive.log") -> subprocess.Popen[bytes]:
        """`config`: another one than the site's, which reads the same journal."""
        with (self.folder / log).open("ab") as log_file:
            return subprocess.Popen(
                [sys.executable, "-m", "rolloutctl", "--config", str(config or self.config), "drive"],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                env=self.environ,
            )

    @property
    def settings(self) -> Settings:
        return read_settings(self.config, Surroundings.here())

    def state(self) -> RolloutState:
        journal = open_journal(self.settings, read_only=True)
        try:
            state = fold(journal.read(STREAM))
        finally:
            journal.close()
        assert state is not None
        return state

    def events(self) -> list[Event]:
        """Of the rollout, from a journal that verifies."""
        journal = open_journal(self.settings, read_only=True)
        try:
            assert journal.verify().findings == ()
            return list(journal.read(STREAM))
        finally:
            journal.close()

    def kinds(self) -> list[Kind]:
        return [event.kind for event in self.events()]

    def ask(self, body: AdvanceRequested | RollbackRequested) -> None:
        journal = open_journal(self.settings)
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


@contextmanager
def driving_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: str = "") -> Iterator[DrivingSite]:
    """The plan is sealed as `checkout#1`; nobody drives yet. The metrics source is a port where nothing listens.

    `journal`: its URL; default: a SQLite file in the folder.
    """
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
url = "{journal or f"sqlite:///{tmp_path / 'journal.db'}"}"
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
        site = DrivingSite(tmp_path, store, proxy, config, dict(os.environ))
        asyncio.run(_seal(site))
        yield site


async def _seal(site: DrivingSite) -> None:
    world = open_world(site.settings)
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
