"""Drivers and commands that share a journal in a real PostgreSQL: a take-over, a kill, a lost server, and moving there and back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rolloutctl.engine.world.witness import parse_witness, read_witnesses
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import AdvanceRequested, RollbackRequested
from rolloutctl.model.kinds import Kind
from rolloutctl.model.state import Status, Step
from servers.cutproxy import cut_proxy
from servers.postgres import Database
from servers.site import DrivingSite, driving_site, end


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database) -> Iterator[DrivingSite]:
    with driving_site(tmp_path, monkeypatch, database.url) as site:
        yield site


@pytest.fixture
def drive(site: DrivingSite) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts drivers; ends those that still run."""
    drivers: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        drivers.append(site.drive())
        return drivers[-1]

    yield start
    for driver in drivers:
        if driver.poll() is None:
            end(driver)


Drive = Callable[[], subprocess.Popen[bytes]]


def command(site: DrivingSite, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rolloutctl", "--config", str(site.config), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=site.environ,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def test_a_driver_that_is_killed_is_replaced_within_the_lease(site: DrivingSite, drive: Drive) -> None:
    first = drive()
    site.until("driven", lambda _: Kind.LEASE_TAKEN in site.kinds())
    drive()
    site.ask(AdvanceRequested(to="five"))
    site.until("baking", lambda state: state.step is Step.BAKING)
    first.kill()
    first.wait()
    began = time.monotonic()
    site.until("taken over", lambda _: site.kinds().count(Kind.LEASE_TAKEN) == 2)
    assert time.monotonic() - began < 5, "the lease lasts one second"
    site.ask(RollbackRequested(why="errors"))
    site.until("rolled back", lambda state: state.status is Status.ROLLED_BACK)
    changes = site.changes()
    assert (changes.count("feature-environment-enabled"), changes.count("feature-environment-disabled")) == (1, 1)


def test_commands_of_a_person_reach_the_driver_through_the_database(site: DrivingSite, drive: Drive) -> None:
    drive()
    command(site, "advance", "checkout", "--no-wait")
    site.until("baking", lambda state: state.step is Step.BAKING)
    shown = json.loads(command(site, "status", "--json"))
    assert [each["rollout"] for each in shown["rollouts"]] == ["checkout#1"]
    assert shown["rollouts"][0]["driver"]["driving"] == "elsewhere"
    assert shown["journal"]["path"].startswith("postgresql://")
    assert "phase.baking" in command(site, "journal", "show", "checkout")
    assert json.loads(command(site, "journal", "verify", "--json"))["ok"]


def test_a_database_that_goes_away_is_said_and_a_rollback_works_all_the_same(
    site: DrivingSite, drive: Drive, database: Database
) -> None:
    drive()
    command(site, "advance", "checkout", "--no-wait")
    site.until("baking", lambda state: state.step is Step.BAKING)
    database.server.stop()
    try:
        command(site, "status", code=7)
        command(site, "off", "flags", "checkout", "--env", "production")
        assert site.changes()[-1] == "feature-environment-disabled"
    finally:
        database.server.start()
    site.until("seen", lambda state: bool(state.drifted) or state.status is not Status.ACTIVE)
    assert Kind.FLAG_DRIFTED in site.kinds()


def test_a_driver_that_is_cut_off_is_replaced_and_follows_again_when_it_is_back(
    site: DrivingSite, drive: Drive, database: Database
) -> None:
    with cut_proxy(database.server.port) as proxy:
        far = site.folder / "far.toml"
        far.write_text(site.config.read_text().replace(f":{database.server.port}/", f":{proxy.port}/"))
        log = site.folder / "far.log"
        first = site.drive(far, log.name)
        try:
            site.ask(AdvanceRequested(to="five"))
            site.until("baking", lambda state: state.step is Step.BAKING)
            proxy.refuse = True
            proxy.cut_all()
            drive()
            site.until("taken over", lambda _: site.kinds().count(Kind.LEASE_TAKEN) == 2)
            site.until("said", lambda _: "does not answer" in log.read_text())
            site.ask(RollbackRequested(why="errors"))
            site.until("rolled back", lambda state: state.status is Status.ROLLED_BACK)
            assert "ROLLED BACK" not in log.read_text()
            proxy.refuse = False
            site.until("heard of it", lambda _: "ROLLED BACK" in log.read_text())
        finally:
            end(first)
    fenced = [event.epoch for event in site.events() if event.epoch]
    assert fenced == sorted(fenced), "the one that was cut off wrote nothing any more"
    changes = site.changes()
    assert (changes.count("feature-environment-enabled"), changes.count("feature-environment-disabled")) == (1, 1)


def test_there_and_back(site: DrivingSite, tmp_path: Path) -> None:
    before = site.kinds()
    copied = json.loads(command(site, "journal", "copy", str(tmp_path / "copy.db"), "--json"))
    copy = open_sqlite(tmp_path / "copy.db", 0o600, lambda: pytest.fail("nothing is written"), read_only=True)
    assert [event.kind for event in copy.read("rollout/checkout#1")] == before
    assert copy.head() == (copied["head_seq"], copied["head_hash"])
    copy.close()
    assert "holds a journal already" in _refused(site, "journal", "copy", str(tmp_path / "copy.db"))
    exported = tmp_path / "journal.jsonl"
    exported.write_text(command(site, "journal", "export"))
    witness = f"{copied['head_seq']} {copied['head_hash']}"
    assert json.loads(command(site, "journal", "verify", str(exported), "--witness", witness, "--json"))["ok"]


def _refused(site: DrivingSite, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rolloutctl", "--config", str(site.config), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=site.environ,
    )
    assert done.returncode == 6, done
    return done.stderr


def test_commands_leave_receipts_and_witnesses(site: DrivingSite, drive: Drive, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "witnesses"
    site.config.write_text(site.config.read_text().replace("[journal]\n", f'[journal]\nwitness = "{file}"\n'))
    driver = drive()
    asked = json.loads(command(site, "advance", "checkout", "--no-wait", "--json"))
    seq, digest = parse_witness(asked["receipt"])
    assert seq >= asked["request"]
    site.until("baking", lambda state: state.step is Step.BAKING)
    end(driver)
    said = re.search(r"^receipt: (\d+ [0-9a-f]{64})$", (site.folder / "drive.log").read_text(), re.MULTILINE)
    assert said is not None
    witnesses = read_witnesses(file)
    assert parse_witness(said[1]) == witnesses[-1]
    shown = json.loads(command(site, "journal", "verify", "--witness", f"{seq} {digest}", "--json"))
    assert (shown["ok"], shown["witnesses"], shown["vouched"]) == (True, len(witnesses) + 1, witnesses[-1][0])
    rewritten = json.loads(command(site, "journal", "verify", "--witness", f"{seq} {'0' * 64}", "--json", code=1))
    assert rewritten["findings"][0]["seq"] == seq
