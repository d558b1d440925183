"""Servers on loopback and journals full of rollouts, for as long as a benchmark runs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.names import rollout_name
from bench.plans import ADMIN, CLIENT, four_criteria, plan_text, write_config
from bench.processes import as_installed
from rolloutctl.demo.prometheus_process import PrometheusProcess, find_prometheus
from rolloutctl.engine.config.settings import Surroundings, read_settings
from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.wiring import Options, engine_options, open_world
from rolloutctl.errors import ExitCode
from rolloutctl.model.state import Step
from rolloutctl.plan.read import read_plan

_READY_S = 90.0


class NoPrometheusError(RuntimeError):
    """A benchmark needs the real Prometheus and there is none."""


@dataclass(frozen=True, slots=True)
class Servers:
    flags: str
    page: str
    metrics: str
    metrics_pid: int
    environment: dict[str, str]
    """Of the programs that are measured: tokens, and XDG folders of their own."""

    def turned_off(self, flag: str) -> float | None:
        """When the flag server last turned it off, by `time.monotonic`; None: never."""
        found = httpx.get(f"{self.page}/off", trust_env=False).json()
        return float(found[flag]) if flag in found else None


@contextmanager
def servers(folder: Path, flags: int, scrape_s: int = 15) -> Iterator[Servers]:
    """A flag server, and a real Prometheus that scrapes as many services. Raises NoPrometheusError."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bench.servers", str(flags)]
    world = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert world.stdout is not None
        urls = json.loads(world.stdout.readline())
        scrape = {
            "job_name": "bench",
            "honor_labels": True,
            "static_configs": [{"targets": [urls["page"].removeprefix("http://")]}],
        }
        interval = f"{scrape_s}s"
        times = {"scrape_interval": interval, "scrape_timeout": interval}
        with prometheus(folder, json.dumps({"global": times, "scrape_configs": [scrape]})) as (url, pid):
            environment = {**as_installed(), ADMIN: urls["admin"], CLIENT: urls["client"]}
            environment |= {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CONFIG", "CACHE", "DATA")}
            yield Servers(urls["flags"], urls["page"], url, pid, environment)
    finally:
        assert world.stdin is not None
        world.stdin.close()
        world.terminate()
        world.wait(10)


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[tuple[str, int]]:
    """(url, process id) of a Prometheus whose blocks are in `folder`/data."""
    binary = find_prometheus()
    if binary is None:
        raise NoPrometheusError("there is no `prometheus` on PATH: apt-get install prometheus")
    process = PrometheusProcess(binary, config, folder)
    try:
        process.wait_ready(lambda: False)
        yield process.url, process.pid
    finally:
        process.stop()


def wait_until_scraped(url: str, query: str, at_least: float) -> None:
    """Until an instant query gives at least so much. Raises TimeoutError."""
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        result = httpx.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False).json()["data"]["result"]
        if result and float(result[0]["value"][1]) >= at_least:
            return
        time.sleep(0.2)
    raise TimeoutError(f"{query} did not reach {at_least:g} in {_READY_S:g} s")


def baking_rollouts(folder: Path, made_of: Servers, first: int, count: int, interval: str) -> Path:
    """A config whose journal holds `count` rollouts in their first phase, begun by a real engine; returns the config."""
    config = write_config(folder, made_of.metrics, made_of.flags, interval)
    kept = dict(os.environ)
    os.environ.update(made_of.environment)
    try:
        asyncio.run(_begin(config, first, count))
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return config


async def _begin(config: Path, first: int, count: int) -> None:
    settings = read_settings(config, Surroundings.here())
    world = open_world(settings)
    for number in range(first, first + count):
        text = plan_text(number, four_criteria(number))
        await seal(world, read_plan(text, rollout_name(number)), text, adopt=False)
    engine = Engine(world, engine_options(Options(settings, drives=Drives.FREE)), lambda _: None)
    try:
        await engine.start()
        await _until(lambda: len(engine.drives()) == count)
        await _until(lambda: all(record.observed.flag.read_at is not None for record in engine.records.values()))
        for name in list(engine.records):
            reply = await engine.command(Command(CommandKind.ADVANCE, name, why="begin"))
            if reply.code is not ExitCode.OK:
                raise RuntimeError(f"{name} did not begin: {reply.sentence}")
        await _until(lambda: all(record.state.step is Step.BAKING for record in engine.records.values()))
    finally:
        await engine.stop()
        await engine.close()


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(_READY_S * 2):
        while not done():  # noqa: ASYNC110 - nothing tells when several records are there
            await asyncio.sleep(0.05)
