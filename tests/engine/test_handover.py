"""Quitting while this process drives: a `rolloutctl drive` in the background takes over, or nobody does, and it says so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolloutctl.engine.engine import Drives
from rolloutctl.engine.opening import open_journal
from rolloutctl.engine.thread import EngineThread
from rolloutctl.engine.view.handle import Leaving
from rolloutctl.engine.wiring import Options, engine_thread
from servers.site import STREAM, DrivingSite, driving_site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrivingSite]:
    with driving_site(tmp_path, monkeypatch) as site:
        yield site


def driving(site: DrivingSite) -> EngineThread:
    engine = engine_thread(Options(site.settings, drives=Drives.FREE))
    engine.start()
    deadline = time.monotonic() + 20
    while engine.drives() != ("checkout#1",):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return engine


def holder(site: DrivingSite) -> tuple[str, bool]:
    journal = open_journal(site.settings, read_only=True)
    try:
        lease = journal.lease(STREAM)
    finally:
        journal.close()
    assert lease is not None
    return lease.holder, lease.expires_in_s > 0


def test_handing_over_leaves_a_driver_in_the_background(site: DrivingSite) -> None:
    engine = driving(site)
    said = engine.stop(Leaving.HAND_OVER).result(40)
    who, live = holder(site)
    pid = int(who.rsplit(":", 1)[1])
    try:
        assert live
        assert pid != os.getpid()
        assert f"driven by process {pid}" in said
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def test_releasing_says_that_nobody_drives(site: DrivingSite) -> None:
    said = driving(site).stop(Leaving.RELEASE).result(40)
    assert "UNATTENDED" in said
    assert not holder(site)[1]
