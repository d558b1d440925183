"""Render every screen from fixed snapshots into docs/screenshots/: NAME-WIDTHxHEIGHT.svg and .png, the same every time.

Run: uv run python scripts/screenshots.py [NAME …]. PNGs need a font with box and braille glyphs (fonts-dejavu).
"""

from __future__ import annotations

import asyncio
import html
import io
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import cairosvg
from PIL import Image
from textual.pilot import Pilot

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from rolloutctl.config import Theme  # noqa: E402
from rolloutctl.engine.snapshot import FleetSnapshot  # noqa: E402
from rolloutctl.tui.app import RolloutApp  # noqa: E402
from tui import worlds  # noqa: E402 - the tests' snapshots

SIZES = ((120, 36), (80, 24))
FONT = "DejaVu Sans Mono"
CELL_W, CELL_H = 12.2, 24.4
_TEXT = re.compile(r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')
_DOTS = ((0x01, 0, 0), (0x02, 0, 1), (0x04, 0, 2), (0x40, 0, 3), (0x08, 1, 0), (0x10, 1, 1), (0x20, 1, 2), (0x80, 1, 3))
Play = Callable[[Pilot[int], worlds.FakeHandle], Awaitable[None]]


@dataclass(frozen=True)
class Scene:
    fleet: Callable[[], FleetSnapshot]
    keys: tuple[str, ...] = ()
    theme: Theme = Theme.DARK
    play: Play | None = None


async def _roll_back(pilot: Pilot[int], handle: worlds.FakeHandle) -> None:
    await pilot.press("R", *"off", "!")
    handle.publish(worlds.fleet(worlds.rolling_back()))


SCENES: dict[str, Scene] = {
    "fleet": Scene(worlds.five),
    "fleet-light": Scene(worlds.five, theme=Theme.LIGHT),
    "fleet-deuteranopia": Scene(worlds.five, theme=Theme.DEUTERANOPIA),
    "fleet-empty": Scene(worlds.fleet),
    "fleet-read-only": Scene(
        lambda: worlds.fleet(worlds.unattended(), read_only=True, paused=True, parts=worlds.parts(prometheus=False))
    ),
    "rollout-breach": Scene(worlds.five, ("enter",)),
    "rollout-pending": Scene(lambda: worlds.fleet(worlds.rollout()), ("enter",)),
    "rollout-light": Scene(worlds.five, ("enter",), Theme.LIGHT),
    "rollout-held": Scene(lambda: worlds.fleet(worlds.held()), ("enter",)),
    "rollout-unknown": Scene(lambda: worlds.fleet(worlds.rollback_unknown()), ("enter",)),
    "rollout-unattended": Scene(lambda: worlds.fleet(worlds.unattended()), ("enter",)),
    "rollout-zoom": Scene(worlds.five, ("enter", "2", "z")),
    "go-no-go": Scene(lambda: worlds.fleet(worlds.ready()), ("enter", "A", *"pricing-cache")),
    "go-no-go-refused": Scene(worlds.five, ("enter", "A")),
    "rollback": Scene(worlds.five, ("enter", "R", *"off")),
    "rollback-running": Scene(worlds.five, ("enter",), play=_roll_back),
    "hold": Scene(worlds.five, ("enter", "H")),
    "sign": Scene(lambda: worlds.fleet(worlds.rollout()), ("enter", "S")),
    "back": Scene(lambda: worlds.fleet(worlds.rollout()), ("enter", "B")),
    "explain": Scene(worlds.five, ("enter", "e")),
    "journal": Scene(worlds.five, ("enter", "l")),
    "event": Scene(worlds.five, ("enter", "l", "enter")),
    "help": Scene(worlds.five, ("enter", "question_mark")),
    "palette": Scene(worlds.five, ("enter", "colon")),
    "command-log": Scene(worlds.five, ("w",)),
    "quit": Scene(worlds.five, ("q",)),
}


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


async def shoot(name: str, scene: Scene, size: tuple[int, int], folder: Path) -> None:
    handle = worlds.FakeHandle(scene.fleet(), driven=("fraud-model-v12#2", "search-prompt-3#1"))
    handle.reply = None
    app = RolloutApp(handle, theme=scene.theme, timezone=worlds.ZONE, now=lambda: worlds.NOW)
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.2)
        for key in scene.keys:
            await pilot.press(key)
            if len(key) > 1 or key.isupper():
                await pilot.pause(0.2)
        if scene.play is not None:
            await scene.play(pilot, handle)
        await pilot.pause(0.3)
        svg = app.export_screenshot(title="rolloutctl", simplify=True)
    target = folder / f"{name}-{size[0]}x{size[1]}"
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    target.with_suffix(".svg").write_text(svg, encoding="utf-8")
    local = _dotted(re.sub(r"@font-face\s*\{[^}]*\}", "", svg)).replace("Fira Code", FONT)
    local = _TEXT.sub(_on_grid, local)
    picture = Image.open(io.BytesIO(cairosvg.svg2png(bytestring=local.encode(), scale=1.0))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(target.with_suffix(".png"), optimize=True)


async def main(names: list[str]) -> None:
    folder = ROOT / "docs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        if names and name not in names:
            continue
        for size in SIZES:
            await shoot(name, scene, size, folder)
            print(f"{name} {size[0]}x{size[1]}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
