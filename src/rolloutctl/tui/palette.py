"""Themes, and the one table that turns an ink into a style in each of them.

Healthy is blue in the deuteranopia theme. Loud inks are reversed, so that they stay loud without any colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rich.style import Style
from rich.text import Text
from textual.theme import Theme as TextualTheme

from rolloutctl.tui.draw.ink import Ink, Line

Palette = Mapping[Ink, Style]

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "dark": "rolloutctl-dark",
        "light": "rolloutctl-light",
        "deuteranopia": "rolloutctl-deuteranopia",
        "ansi-dark": "ansi-dark",
        "ansi-light": "ansi-light",
    }
)
"""Textual's name of every `config.Theme`, by its value: a first screen is shown before the config's models are loaded."""


def _palette(good: str, bad: str, warn: str, wait: str, accent: str, dim: str, canary: str, baseline: str) -> Palette:
    styles = {
        Ink.PLAIN: "",
        Ink.DIM: dim,
        Ink.STRONG: "bold",
        Ink.GOOD: good,
        Ink.BAD: f"bold {bad}",
        Ink.WARN: warn,
        Ink.WAIT: wait,
        Ink.ACCENT: accent,
        Ink.KEY: f"bold {accent}",
        Ink.ALARM: f"bold reverse {bad}",
        Ink.CAUTION: f"bold reverse {warn}",
        Ink.CANARY: f"bold {canary}",
        Ink.BASELINE: baseline,
        Ink.BOUND: warn,
    }
    return {ink: Style.parse(text) if text else Style.null() for ink, text in styles.items()}


_PALETTES: Mapping[str, Palette] = {
    "rolloutctl-dark": _palette("#6fd08c", "#ff7b72", "#e3b341", "#79c0ff", "#a5c8ff", "#9aa4af", "#f2cc8f", "#8fa3b8"),
    "rolloutctl-light": _palette("#156a2e", "#b3261e", "#7a4900", "#0a55a2", "#0b4fa0", "#515a65", "#8a3b00", "#465768"),
    "rolloutctl-deuteranopia": _palette("#58a6ff", "#ff9f40", "#f0e442", "#c3b8ff", "#9ad1ff", "#9aa4af", "#ffcf8f", "#8fa3b8"),
    # The terminal's own 16 colours: only those that can be read on black, or on white, in the usual sets of them.
    "ansi-dark": _palette(
        "bright_green", "bright_red", "bright_yellow", "bright_cyan", "bright_cyan", "white", "bright_yellow", "bright_cyan"
    ),
    "ansi-light": _palette("blue", "red", "magenta", "black", "blue", "bright_black", "magenta", "black"),
}


def _scrollbars(track: str, thumb: str) -> dict[str, str]:
    """Quiet ones, the same in focus and out of it."""
    tracks = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active", "scrollbar-corner-color")
    return dict.fromkeys(tracks, track) | dict.fromkeys(("scrollbar", "scrollbar-hover", "scrollbar-active"), thumb)


THEMES: tuple[TextualTheme, ...] = (
    TextualTheme(
        name="rolloutctl-dark",
        primary="#5b8dd6",
        secondary="#8fa3b8",
        accent="#a5c8ff",
        foreground="#d7dde5",
        background="#0f1419",
        surface="#151b23",
        panel="#1f2833",
        success="#6fd08c",
        warning="#e3b341",
        error="#ff7b72",
        dark=True,
        variables=_scrollbars("#151b23", "#3a4757"),
    ),
    TextualTheme(
        name="rolloutctl-light",
        primary="#2f6fbf",
        secondary="#4f6275",
        accent="#0b4fa0",
        foreground="#1c2128",
        background="#fbfbf9",
        surface="#f3f3ef",
        panel="#e4e6e3",
        success="#156a2e",
        warning="#7a4900",
        error="#b3261e",
        dark=False,
        variables=_scrollbars("#f3f3ef", "#b9c2cc"),
    ),
    TextualTheme(
        name="rolloutctl-deuteranopia",
        primary="#4f8fe0",
        secondary="#8fa3b8",
        accent="#9ad1ff",
        foreground="#dfe3e8",
        background="#101318",
        surface="#161b22",
        panel="#20262f",
        success="#58a6ff",
        warning="#f0e442",
        error="#ff9f40",
        dark=True,
        variables=_scrollbars("#161b22", "#3a4554"),
    ),
)

_ASCII = str.maketrans(
    {
        **dict(zip("✔✖⚠◷∅?○•□●‖", "+x!~0?o*-*|", strict=True)),
        **dict(zip("▁▂▃▄▅▆▇█", "__.-=+*#", strict=True)),
        **dict(zip("▰▱╌─│┤└…·—−→≤≥▸↵∞", "#---|++..--><>><*", strict=True)),
        **{chr(0x2800 + bits): ("*" if bits else " ") for bits in range(256)},
    }
)


def palette_of(name: str, *, dark: bool) -> Palette:
    return _PALETTES.get(name) or _PALETTES["rolloutctl-dark" if dark else "rolloutctl-light"]


def ascii_only(text: str) -> str:
    """The same text, cell for cell, for a terminal that cannot show more."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def paint(lines: Sequence[Line], palette: Palette, *, unicode: bool) -> Text:
    """Lines as one rich Text; markup in them stays literal."""
    text = Text(no_wrap=True, end="")
    for index, drawn in enumerate(lines):
        if index:
            text.append("\n")
        for part in drawn:
            text.append(part.text if unicode else ascii_only(part.text), palette[part.ink])
    return text
