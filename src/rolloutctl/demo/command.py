"""`rolloutctl demo`: a world to try everything in, the screen on it, and nothing left behind afterwards.

The world is a process of its own: a service with users, a flag server, metrics. The plans are sealed and driven by the same
engine as ever; nothing here knows how a rollout works.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rolloutctl.cli import signals
from rolloutctl.cli.worlds import in_world
from rolloutctl.demo.plans import DemoFiles, environment, write_files
from rolloutctl.demo.process import running_world, wait_until_scraped
from rolloutctl.demo.ready import WorldUrls
from rolloutctl.demo.scenarios import MAX_SPEED, SERVICES, Scenario
from rolloutctl.engine.config.files import PREFIX
from rolloutctl.engine.config.settings import Settings, Surroundings, read_settings
from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.thread import EngineThread
from rolloutctl.engine.unexpected.listening import listen
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.view.handle import Leaving
from rolloutctl.engine.wiring import Options, engine_options, open_world
from rolloutctl.engine.world.world import World
from rolloutctl.errors import InvalidInput, RolloutctlError
from rolloutctl.plan.read import read_plan

_BEGIN_WITHIN_S = 20.0
_LEFT_TO_PEOPLE = Scenario.GOOD
"""This one waits for a person's first key; the others begin by themselves, so that there is something to see."""


class DemoEngine(EngineThread):
    """The world ends with the screen, so quitting does not ask who drives on."""

    def drives(self) -> tuple[str, ...]:
        return ()

    async def _farewell(self, _engine: Engine, _left: tuple[str, ...], _leaving: Leaving, /) -> str:
        return ""


def demo(
    speed: Annotated[
        float, typer.Option(help="Divides the durations of the demo's plans; no clock is warped.", min=0.1, max=MAX_SPEED)
    ] = 5.0,
    scenario: Annotated[list[Scenario] | None, typer.Option(help="Only these; give it several times for several.")] = None,
    embedded_metrics: Annotated[
        bool, typer.Option(help="Use the built-in metrics server even where Prometheus is installed.")
    ] = False,
    folder: Annotated[Path | None, typer.Option(help="Keep the demo's config, plans and journal here.")] = None,
    screen: Annotated[
        bool, typer.Option(help="Open the screen; without it, print how to reach the demo and serve until Ctrl+C.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of the simulated users.")] = 1,
) -> None:
    """A simulated service, a flag server and metrics on this machine, and five rollouts to try everything on."""
    if screen and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput("the demo's screen needs a terminal.", remedy="Without one: `rolloutctl demo --no-screen`.")
    scenarios = tuple(scenario or Scenario)
    listen()
    # A signal is an exception here, so that the world and its folder go whenever it comes.
    with signals.raising(), _folder(folder) as place:
        print("rolloutctl: starting the demo's service, flag server and metrics …", file=sys.stderr)  # noqa: T201
        with running_world(speed=speed, scenarios=scenarios, seed=seed, embedded_metrics=embedded_metrics) as world:
            os.environ.update(environment(world))
            wait_until_scraped(world)
            files = write_files(place, world, speed)
            code = _with_screen(world, files, speed) if screen else _without_screen(world, files)
    raise typer.Exit(code)


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="rolloutctl-demo-") as name:
            yield Path(name)
        return
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty.", remedy="Name a folder that is empty or not there yet.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield folder


def _with_screen(world: WorldUrls, files: DemoFiles, speed: float) -> int:
    from rolloutctl.tui.run import run_app

    settings = read_settings(files.config, _apart(files.config.parent))
    names = _seal(settings, files)
    options = Options(settings, drives=Drives.FREE, notice=notice(world, speed))
    engine = DemoEngine(lambda: open_world(settings), engine_options(options), drive_command=())
    engine.start()
    ended = threading.Event()
    beginner = threading.Thread(target=_begin, args=(engine, names, ended.is_set), daemon=True)
    beginner.start()
    try:
        ui, me = settings.config.ui, settings.config.operator
        return run_app(engine, theme=ui.theme, timezone=me.timezone, keys=ui.keys)
    finally:
        ended.set()


def _apart(folder: Path) -> Surroundings:
    """The demo reads no config, no variable and no record of the user's, and leaves none behind."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    return Surroundings(folder, environ, folder / "no-config", folder)


def notice(world: WorldUrls, speed: float) -> str:
    """What the screen says all the time: that it is a demo, at which speed, and who serves the metrics."""
    who = world.metrics if world.metrics != "embedded" else "a built-in stand-in"
    why = f" ({world.metrics_note})" if world.metrics_note else ""
    return f"DEMO at {speed:g}x · metrics from {who}{why}"


def _seal(settings: Settings, files: DemoFiles) -> dict[Scenario, str]:
    async def sealing(world: World) -> dict[Scenario, str]:
        names: dict[Scenario, str] = {}
        for scenario, path in files.plans.items():
            text = path.read_text(encoding="utf-8")
            names[scenario] = (await seal(world, read_plan(text, path.name), text, adopt=False)).id
        return names

    return asyncio.run(in_world(settings, sealing))


def _begin(engine: EngineThread, names: dict[Scenario, str], ended: Callable[[], bool]) -> None:
    """Press the first key for the rollouts that are there to be watched, once their flag has been read."""
    waiting = {name for scenario, name in names.items() if scenario is not _LEFT_TO_PEOPLE}
    deadline = time.monotonic() + _BEGIN_WITHIN_S
    while waiting and time.monotonic() < deadline and not ended():
        ready = [rollout.id for rollout in engine.snapshot().rollouts if rollout.advance is not None and rollout.advance.allowed]
        for name in waiting.intersection(ready):
            # The screen may be quit meanwhile: the engine and its loop are gone then.
            with contextlib.suppress(RolloutctlError, RuntimeError):
                engine.send(Command(CommandKind.ADVANCE, name, why="the demo begins it")).result(_BEGIN_WITHIN_S)
            waiting.discard(name)
        time.sleep(0.1)


def _without_screen(world: WorldUrls, files: DemoFiles) -> int:
    """Say how to reach it from another terminal, and serve until somebody ends it; returns the exit code."""
    # Blocked first: a signal that is not waited for yet would end us with the demo's folder left behind.
    ending = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    for name, value in environment(world).items():
        print(f"export {name}={value}")  # noqa: T201
    print(f"# config: {files.config}")  # noqa: T201
    for scenario, path in files.plans.items():
        print(f"# {scenario}: rolloutctl --config {files.config} start {path}   ({SERVICES[scenario].title})")  # noqa: T201
    print("# Ctrl+C ends it.", flush=True)  # noqa: T201
    ended_by = signal.sigwait(ending)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)
    return 0 if ended_by == signal.SIGINT else 128 + ended_by
