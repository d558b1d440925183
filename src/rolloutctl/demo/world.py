"""The demo world's process: `python -m rolloutctl.demo.world --speed 20`.

It prints one JSON line (`ready.WorldUrls`) when everything answers, and ends on SIGTERM or SIGINT, when its standard
input closes (if that is a pipe), when its parent dies, or after `--duration` seconds. Nothing outlives it.
"""

import argparse
import os
import select
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rolloutctl.demo.every import Every
from rolloutctl.demo.flag_model import Constraint
from rolloutctl.demo.flag_poller import FlagPoller
from rolloutctl.demo.flag_server import FlagServer, Tokens, new_store
from rolloutctl.demo.flag_store import FlagStore
from rolloutctl.demo.http import LoopbackServer
from rolloutctl.demo.prometheus_api import PrometheusApi
from rolloutctl.demo.prometheus_process import PrometheusProcess, find_prometheus
from rolloutctl.demo.ready import WorldUrls
from rolloutctl.demo.scenarios import MAX_SPEED, SERVICES, Scenario
from rolloutctl.demo.scraper import RETAINED_SCRAPES, Clocks, Scraper
from rolloutctl.demo.service import SimulatedService
from rolloutctl.demo.targets import Targets, scrape_config
from rolloutctl.demo.tsdb import Tsdb
from rolloutctl.demo.users import AUDIENCE, Population
from rolloutctl.errors import Failed

SCRAPE_INTERVAL_S: Final = 1.0
_LOOK_S: Final = 0.2
_CLOCKS: Final = Clocks(monotonic=time.monotonic, wall_ms=lambda: time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Options:
    scenarios: tuple[Scenario, ...]
    speed: float
    seed: int
    port: int
    embedded: bool
    duration_s: float | None


def poll_interval_s(speed: float) -> float:
    """Return how often the services ask the flag server, in seconds."""
    return max(0.25, 1.0 / speed)


@contextmanager
def world(options: Options, stopped: Callable[[], bool]) -> Iterator[WorldUrls]:
    """Run a world; everything has ended when the block has. Raises Failed."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rolloutctl-demo-")))
        population, tokens, store = Population(), Tokens.make(), new_store()
        services = [
            SimulatedService(SERVICES[each], population, options.speed, options.seed, _CLOCKS.monotonic())
            for each in options.scenarios
        ]
        _prepare(store, services, population)
        flags = FlagServer(store, tokens).server(options.port)
        targets = LoopbackServer(Targets(services, _CLOCKS.monotonic).answer)
        config = scrape_config(services, targets.url.removeprefix("http://"), SCRAPE_INTERVAL_S)
        binary = None if options.embedded else find_prometheus()
        prometheus = None if binary is None else PrometheusProcess(binary, config, work)
        if prometheus is not None:
            stack.callback(prometheus.stop)
        for server in (flags, targets):
            stack.enter_context(server)
        poller = FlagPoller(services, flags.url, tokens.client, _CLOCKS.monotonic)
        stack.callback(poller.close)
        poller.poll()
        _every(stack, poll_interval_s(options.speed), poller.poll)
        _every(stack, SCRAPE_INTERVAL_S, lambda: _advance(services))
        metrics_url, metrics, note = _metrics(stack, prometheus, services, config, stopped)
        yield WorldUrls(
            pid=os.getpid(),
            flags_url=flags.url,
            admin_token=tokens.admin,
            client_token=tokens.client,
            metrics_url=metrics_url,
            metrics=metrics,
            metrics_pid=prometheus.pid if prometheus is not None and metrics != "embedded" else None,
            metrics_note=note,
            targets_url=targets.url,
            scrape_interval_s=SCRAPE_INTERVAL_S,
            speed=options.speed,
            scenarios=options.scenarios,
        )


def _prepare(store: FlagStore, services: Sequence[SimulatedService], population: Population) -> None:
    """Make the audience and, for each service, its flag: off, without a strategy."""
    members = Constraint(contextName="userId", operator="IN", values=tuple(population.employees))
    store.create_segment(AUDIENCE, "People who work here", [members], "demo")
    for service in services:
        store.create_flag("default", service.spec.flag, "release", service.spec.title, "demo")


def _advance(services: Sequence[SimulatedService]) -> None:
    for service in services:
        service.advance(_CLOCKS.monotonic())


def _every(stack: ExitStack, interval_s: float, action: Callable[[], None]) -> None:
    loop = Every(interval_s, action)
    loop.start()
    stack.callback(loop.stop)


def _metrics(
    stack: ExitStack,
    prometheus: PrometheusProcess | None,
    services: Sequence[SimulatedService],
    config: str,
    stopped: Callable[[], bool],
) -> tuple[str, str, str]:
    """Return the URL, the name and a note of what serves metrics; a Prometheus that fails is replaced."""
    note = ""
    if prometheus is not None:
        try:
            return prometheus.url, f"prometheus {prometheus.wait_ready(stopped)}", ""
        except Failed as error:
            note = error.message
    tsdb = Tsdb(round(RETAINED_SCRAPES * SCRAPE_INTERVAL_S * 1000))
    scraper = Scraper(services, tsdb, SCRAPE_INTERVAL_S, _CLOCKS)
    scraper.start()
    stack.callback(scraper.stop)
    server = stack.enter_context(LoopbackServer(PrometheusApi(tsdb, config, _CLOCKS.wall_ms).answer))
    return server.url, "embedded", note


class Ending:
    """Knows when the world should end."""

    def __init__(self, duration_s: float | None) -> None:
        self._until = None if duration_s is None else time.monotonic() + duration_s
        self._parent = os.getppid()
        self._signalled = False
        self._inputs = [0] if _is_pipe(0) else []
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def due(self) -> bool:
        """Look, for at most a fifth of a second."""
        if self._signalled or os.getppid() != self._parent:
            return True
        if self._until is not None and time.monotonic() >= self._until:
            return True
        readable, _, _ = select.select(self._inputs, [], [], _LOOK_S)
        return bool(readable) and os.read(0, 4096) == b""

    def signalled(self) -> bool:
        return self._signalled or os.getppid() != self._parent

    def _on_signal(self, _: int, __: object) -> None:
        self._signalled = True


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="rolloutctl.demo.world", description="Serve the demo's world on loopback.")
    parser.add_argument("--scenario", action="append", choices=[each.value for each in Scenario], help="default: all")
    parser.add_argument("--speed", type=float, default=1.0, help=f"divides durations; above 0, at most {MAX_SPEED:g}")
    parser.add_argument("--seed", type=int, default=1, help="of the users' random behaviour")
    parser.add_argument("--port", type=int, default=0, help="of the flag server; default: any free one")
    parser.add_argument("--embedded-metrics", action="store_true", help="do not use the prometheus on PATH")
    parser.add_argument("--duration", type=float, help="end by itself after so many seconds")
    found = parser.parse_args(arguments)
    if not 0 < found.speed <= MAX_SPEED:
        parser.error(f"--speed must be above 0 and at most {MAX_SPEED:g}")
    scenarios = tuple(dict.fromkeys(Scenario(each) for each in found.scenario or list(Scenario)))
    return Options(scenarios, found.speed, found.seed, found.port, found.embedded_metrics, found.duration)


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    ending = Ending(options.duration_s)
    try:
        with world(options, ending.signalled) as urls:
            sys.stdout.write(urls.model_dump_json() + "\n")
            sys.stdout.flush()
            while not ending.due():
                pass
    except (OSError, Failed) as error:
        sys.stderr.write(f"the demo's world cannot run: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
