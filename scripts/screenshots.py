"""Pictures of the real program in docs/screenshots/: the demo's world, journal and engine, the screen in a headless terminal.

Run: python scripts/screenshots.py [--speed N] [--pngs FOLDER] [SCENE …]. Every scene waits for a condition with a name; what
it shows is then held still, so that sizes and themes show the same moment. The users' seed is fixed; times are those of the
run. PNGs need a font with box and braille glyphs (fonts-dejavu); the few that are kept stand beside the SVGs.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

import cairosvg
from PIL import Image
from textual.pilot import Pilot

from rolloutctl.config import Theme
from rolloutctl.demo.plans import DemoFiles, environment, write_files
from rolloutctl.demo.process import running_world, wait_until_scraped
from rolloutctl.demo.scenarios import Scenario
from rolloutctl.engine.config.settings import Settings, Surroundings, read_settings
from rolloutctl.engine.engine import Drives
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.thread import EngineThread
from rolloutctl.engine.view.commands import Command, CommandKind, Reply
from rolloutctl.engine.view.handle import EngineHandle, Leaving
from rolloutctl.engine.view.snapshot import FleetSnapshot, JournalPage
from rolloutctl.engine.wiring import Options, engine_options, open_world
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import State
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Verified
from rolloutctl.tui.app import RolloutApp

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
WIDE, NARROW, TOO_SMALL = (120, 36), (80, 24), (56, 14)
FONT = "DejaVu Sans Mono"
CELL_W, CELL_H = 12.2, 24.4
LIMIT_S = 150.0
VOICE, SEARCH, CHECKOUT = "assistant-voice-v3#1", "search-rewrite-v2#1", "checkout-ranker-v7#1"
WHO = {"ROLLOUTCTL_OPERATOR__NAME": "ana.ruiz", "ROLLOUTCTL_OPERATOR__TIMEZONE": "UTC"}
_TEXT = re.compile(r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')
_DOTS = ((0x01, 0, 0), (0x02, 0, 1), (0x04, 0, 2), (0x40, 0, 3), (0x08, 1, 0), (0x10, 1, 1), (0x20, 1, 2), (0x80, 1, 3))

Moment = Callable[[FleetSnapshot], bool]


@dataclass(frozen=True)
class Scene:
    moment: str
    """Key of MOMENTS."""
    select: str = ""
    """Rollout under the cursor."""
    keys: tuple[str, ...] = ()
    themes: tuple[Theme, ...] = (Theme.DARK,)
    sizes: tuple[tuple[int, int], ...] = (WIDE, NARROW)
    no_color: bool = False
    png: bool = False
    """Keep the dark, wide one as PNG as well."""


BOTH = (Theme.DARK, Theme.LIGHT)
SCENES: dict[str, Scene] = {
    "fleet": Scene("troubles", VOICE, themes=BOTH, png=True),
    "fleet-deuteranopia": Scene("troubles", VOICE, themes=(Theme.DEUTERANOPIA,), sizes=(WIDE,)),
    "fleet-ansi-dark": Scene("troubles", VOICE, themes=(Theme.ANSI_DARK,), sizes=(NARROW,)),
    "fleet-no-color": Scene("troubles", VOICE, no_color=True, sizes=(NARROW,)),
    "fleet-too-small": Scene("troubles", VOICE, sizes=(TOO_SMALL,)),
    "fleet-empty": Scene("empty"),
    "rollout": Scene("troubles", VOICE, ("enter",), themes=BOTH, png=True),
    "rollout-missing-evidence": Scene("troubles", SEARCH, ("enter",), sizes=(WIDE,)),
    "explain": Scene("troubles", VOICE, ("enter", "e"), themes=BOTH, png=True),
    "go-no-go": Scene("ready", CHECKOUT, ("enter", "A", *"checkout-ranker-v7"), themes=BOTH, png=True),
    "go-no-go-refused": Scene("troubles", VOICE, ("enter", "A"), sizes=(WIDE,)),
    "rollback": Scene("troubles", VOICE, ("enter", "R", *"off"), themes=BOTH, png=True),
    "journal": Scene("troubles", VOICE, ("enter", "l"), png=True),
    "doctor": Scene("troubles", VOICE, ("o",), png=True),
    "command-log": Scene("troubles", VOICE, ("w",)),
    "help": Scene("troubles", VOICE, ("enter", "question_mark")),
    "palette": Scene("troubles", VOICE, ("enter", "colon")),
    "rolled-back": Scene("rolled back", VOICE, ("enter",), themes=BOTH, png=True),
}


def _states(fleet: FleetSnapshot, name: str) -> set[State]:
    return {verdict.state for rollout in fleet.rollouts if rollout.id == name for verdict in rollout.verdicts}


def _step(fleet: FleetSnapshot, name: str) -> Step | None:
    return next((rollout.state.step for rollout in fleet.rollouts if rollout.id == name), None)


def _counting(fleet: FleetSnapshot, name: str) -> bool:
    return any(rollout.state.countdown is not None for rollout in fleet.rollouts if rollout.id == name)


MOMENTS: dict[str, Moment] = {
    "ready": lambda fleet: _step(fleet, CHECKOUT) is Step.READY,
    "troubles": lambda fleet: (
        _counting(fleet, VOICE)
        and State.BREACH in _states(fleet, VOICE)
        and any(state.missing_evidence for state in _states(fleet, SEARCH))
        and State.PASS in _states(fleet, VOICE)
    ),
    "rolled back": lambda fleet: any(r.id == VOICE and r.state.status is Status.ROLLED_BACK for r in fleet.rollouts),
}


@dataclass(frozen=True)
class Still:
    """The engine's view of one moment: everything is answered as it was then; nothing can be sent."""

    engine: EngineHandle
    fleet: FleetSnapshot

    def snapshot(self) -> FleetSnapshot:
        return self.fleet

    def subscribe(self, callback: Callable[[FleetSnapshot], None]) -> Callable[[], None]:
        del callback
        return lambda: None

    def send(self, command: Command) -> Future[Reply]:
        raise AssertionError(f"a picture sends nothing: {command}")

    def events(self, rollout: str | None, after: int = 0, limit: int = 500) -> Future[JournalPage]:
        page = self.engine.events(rollout, after, limit).result(10)
        known = tuple(event for event in page.events if event.at <= self.fleet.at)
        future: Future[JournalPage] = Future()
        future.set_result(replace(page, events=known))
        return future

    def verify_journal(self) -> Future[Verified]:
        return self.engine.verify_journal()

    def refresh(self) -> None: ...

    def set_paused(self, paused: bool) -> None: ...

    def set_interval(self, seconds: float) -> None: ...

    def drives(self) -> tuple[str, ...]:
        return ()

    def stop(self, leaving: Leaving) -> Future[str]:
        del leaving
        future: Future[str] = Future()
        future.set_result("")
        return future


@contextmanager
def engine_on(settings: Settings, notice: str) -> Iterator[EngineThread]:
    """A real engine that drives whatever is there."""
    options = engine_options(Options(settings, drives=Drives.FREE, notice=notice))
    engine = EngineThread(lambda: open_world(settings), replace(options, holder="ana.ruiz@ops-1:4711"), ())
    engine.start()
    try:
        yield engine
    finally:
        engine.stop(Leaving.RELEASE).result(20)


def settings_of(files: DemoFiles) -> Settings:
    here = Surroundings.here()
    return read_settings(files.config, replace(here, environ={**here.environ, **WHO}))


async def seal_all(settings: Settings, files: DemoFiles) -> tuple[str, ...]:
    world, names = open_world(settings), []
    for path in files.plans.values():
        text = path.read_text(encoding="utf-8")
        names.append((await seal(world, read_plan(text, path.name), text, adopt=False)).id)
    for provider in world.providers.values():
        await provider.close()
    await asyncio.to_thread(world.journal.close)
    return tuple(names)


def wait_for(engine: EngineHandle, what: str, condition: Moment) -> FleetSnapshot:
    """Raises AssertionError when it does not come within LIMIT_S."""
    return _wait(what, lambda: fleet if condition(fleet := engine.snapshot()) else None)


def _wait(what: str, look: Callable[[], FleetSnapshot | None]) -> FleetSnapshot:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f'"{what}" did not come within {LIMIT_S:g} s')


class Watch:
    """Keeps the first snapshot of every moment: none is missed while pictures of another are taken."""

    def __init__(self, engine: EngineHandle) -> None:
        self._caught: dict[str, FleetSnapshot] = {}
        engine.subscribe(self._look)

    def _look(self, fleet: FleetSnapshot) -> None:
        for name, condition in MOMENTS.items():
            if name not in self._caught and condition(fleet):
                self._caught[name] = fleet

    def wait(self, name: str) -> FleetSnapshot:
        return _wait(name, lambda: self._caught.get(name))


def begin(engine: EngineHandle, name: str) -> None:
    wait_for(
        engine,
        f"{name} may begin",
        lambda fleet: any(r.id == name and r.advance is not None and r.advance.allowed for r in fleet.rollouts),
    )
    engine.send(Command(CommandKind.ADVANCE, name, why="the first step")).result(30)


def moments(speed: float) -> Iterator[tuple[str, Still]]:
    """Each moment once, with the engine it came from still running."""
    with (
        tempfile.TemporaryDirectory(prefix="rolloutctl-pictures-") as folder,
        running_world(speed=speed, scenarios=tuple(Scenario), seed=7) as world,
    ):
        os.environ.update(environment(world))
        wait_until_scraped(world)
        empty = settings_of(write_files(Path(folder) / "empty", world, speed))
        with engine_on(empty, "") as engine:
            asked = wait_for(engine, "every part was asked", lambda fleet: all(part.health for part in fleet.parts))
            yield "empty", Still(engine, asked)
        files = write_files(Path(folder) / "demo", world, speed)
        settings = settings_of(files)
        names = asyncio.run(seal_all(settings, files))
        with engine_on(settings, f"DEMO at {speed:g}x") as engine:
            for name in sorted(names, key=lambda name: name == CHECKOUT):
                begin(engine, name)
            watch = Watch(engine)
            for moment in MOMENTS:
                yield moment, Still(engine, watch.wait(moment))


async def _press(pilot: Pilot[int], keys: Sequence[str]) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.3 if len(key) > 1 or key.isupper() else 0.02)


async def shoot(still: Still, scene: Scene, theme: Theme, size: tuple[int, int]) -> str:
    """The picture as SVG, without anything that is fetched from elsewhere."""
    app = RolloutApp(still, theme=theme, timezone="UTC", now=lambda: still.fleet.at.astimezone(UTC))
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.3)
        order = [rollout.id for rollout in still.fleet.rollouts]
        if scene.select in order:
            await _press(pilot, ["j"] * order.index(scene.select))
        await _press(pilot, scene.keys)
        for field in app.screen.query("Input"):
            field.cursor_blink = False  # type: ignore[attr-defined]
        await pilot.pause(0.4)
        svg = app.export_screenshot(title="rolloutctl", simplify=True)
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", re.sub(r"terminal-\d+", "terminal", svg))
    return re.sub(r"font-family: Fira Code[^;]*;", "font-family: Fira Code, DejaVu Sans Mono, Menlo, Consolas, monospace;", svg)


def _dotted(svg: str) -> str:
    """Braille as circles: few monospaced fonts have it, and the renderer does not fall back to another."""

    def draw(match: re.Match[str]) -> str:
        ink, left, base = match[1], float(match[2]), float(match[3])
        dots = []
        for column, char in enumerate(html.unescape(match[4])):
            for bit, across, down in _DOTS:
                if 0x2800 <= ord(char) <= 0x28FF and ord(char) - 0x2800 & bit:
                    x, y = left + CELL_W * (column + 0.27 + 0.46 * across), base - 16 + CELL_H * (0.1 + 0.25 * down)
                    dots.append(f'<circle class="{ink}" cx="{x:.1f}" cy="{y:.1f}" r="2.0"/>')
        rest = re.sub("[\u2800-\u28ff]", "\u00a0", html.unescape(match[4]))
        text = match[0].replace(f">{match[4]}<", f">{html.escape(rest)}<") if dots else match[0]
        return text + "".join(dots)

    return _TEXT.sub(draw, svg)


def _on_grid(match: re.Match[str]) -> str:
    """Every character in its own cell: the font that is there is not as wide as the one the page was laid out for."""
    left = float(match[2])
    cells = " ".join(f"{left + CELL_W * index:.1f}" for index in range(len(html.unescape(match[4]))))
    return f'<text class="{match[1]}" x="{cells}" y="{match[3]}">{match[4]}</text>'


def png_of(svg: str, target: Path) -> None:
    local = _TEXT.sub(_on_grid, _dotted(re.sub(r"font-family: [^;]*;", f"font-family: {FONT};", svg)))
    picture = Image.open(io.BytesIO(cairosvg.svg2png(bytestring=local.encode(), scale=1.0))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)


@contextmanager
def no_color(*, asked: bool) -> Iterator[None]:
    """As a person would set it, for this picture only."""
    before = os.environ.pop("NO_COLOR", None)
    if asked:
        os.environ["NO_COLOR"] = "1"
    try:
        yield
    finally:
        os.environ.pop("NO_COLOR", None)
        if before is not None:
            os.environ["NO_COLOR"] = before


def take(name: str, scene: Scene, still: Still, pngs: Path | None) -> Iterator[Path]:
    for theme in scene.themes:
        for size in scene.sizes:
            with no_color(asked=scene.no_color):
                svg = asyncio.run(shoot(still, scene, theme, size))
            stem = f"{name.removesuffix(f'-{theme.value}')}-{theme.value}-{size[0]}x{size[1]}"
            target = FOLDER / f"{stem}.svg"
            target.write_text(svg, encoding="utf-8")
            if scene.png and theme is Theme.DARK and size == WIDE:
                png_of(svg, target.with_suffix(".png"))
            if pngs is not None:
                png_of(svg, pngs / f"{stem}.png")
            yield target


def main() -> None:
    parser = argparse.ArgumentParser(description="Take pictures of the real program.")
    parser.add_argument("scene", nargs="*", choices=[*SCENES, []], help="default: all")
    parser.add_argument("--speed", type=float, default=10.0, help="of the demo's world")
    parser.add_argument("--pngs", type=Path, help="put a PNG of every picture here, to look at")
    chosen = parser.parse_args()
    wanted = {name: scene for name, scene in SCENES.items() if not chosen.scene or name in chosen.scene}
    FOLDER.mkdir(parents=True, exist_ok=True)
    taken: set[Path] = set()
    needed = {scene.moment for scene in wanted.values()}
    for moment, still in moments(chosen.speed):
        needed.discard(moment)
        for name, scene in wanted.items():
            if scene.moment == moment:
                for target in take(name, scene, still, chosen.pngs):
                    taken |= {target, target.with_suffix(".png")} if scene.png else {target}
                    sys.stdout.write(f"{target.relative_to(FOLDER.parent.parent)}\n")
        if not needed:
            break
    if not chosen.scene:
        for old in {*FOLDER.glob("*.svg"), *FOLDER.glob("*.png")} - taken:
            old.unlink()


if __name__ == "__main__":
    main()
