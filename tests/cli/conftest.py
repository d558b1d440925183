from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.worlds import Bench, environment
from rolloutctl.demo.process import running_world, wait_until_scraped
from rolloutctl.demo.ready import WorldUrls
from rolloutctl.demo.scenarios import Scenario


@pytest.fixture(scope="session")
def demo_world() -> Iterator[WorldUrls]:
    with running_world(speed=10, scenarios=[Scenario.GOOD], embedded_metrics=True) as world:
        wait_until_scraped(world)
        yield world


@pytest.fixture
def bench(demo_world: WorldUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    name = f"flag-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=demo_world.flags_url, headers={"Authorization": demo_world.admin_token}, trust_env=False) as http:
        http.post("/api/admin/projects/default/features", json={"name": name, "type": "release"}).raise_for_status()
    env = environment(tmp_path, demo_world)
    for variable, value in env.items():
        if os.environ.get(variable) != value:
            monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    return Bench(tmp_path, demo_world, name, env)
