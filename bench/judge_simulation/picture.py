"""The same numbers as a picture: a column for each weather, a line for each rule. It brings its own paper."""

from __future__ import annotations

import math
from html import escape

from bench.judge_rules.traffic import Weather
from bench.judge_simulation.figures import Delay, Share
from bench.judge_simulation.games import AFTER_S, REGRESSIONS, RULES
from bench.judge_simulation.page import ALT, Results

_COLOURS = ("#9a5b00", "#1d6fa5", "#b3261e")
"""Of the three sizes of a regression; they differ in shape as well."""
_ALARM, _ALARM_SOON = "#b3261e", "#6b7280"
_STYLE = """\
.paper{fill:#fbfaf7;stroke:#d9d5cb}
.ours{fill:#e8f1fb}
.grid{stroke:#d9d5cb;stroke-width:1}
text{font-family:"DejaVu Sans","Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2937;font-size:12.5px}
.head{font-size:14.5px;font-weight:600}
.small{font-size:11px;fill:#57606a}
"""
_WIDTH = 960
_LEFT, _PANEL, _GAP = 122, 172, 36
_LINE, _HEAD, _FOOT = 26, 46, 30
_TOP = 40
_DELAYS_S = (15.0, 60.0, 300.0, 1800.0, 7200.0)


def picture(results: Results) -> str:
    height = _TOP + 3 * (_HEAD + _FOOT + _LINE * len(RULES)) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(ALT)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" x="1" y="1" width="{_WIDTH - 2}" height="{height - 2}" rx="12"/>',
        *(_words(_left(column) + _PANEL / 2, 28, weather.value, "head") for column, weather in enumerate(Weather)),
    ]
    block = _HEAD + _FOOT + _LINE * len(RULES)
    for row, draw in enumerate((_alarms, _shares, _delays)):
        parts += draw(results, _TOP + row * block)
    return "\n".join([*parts, "</svg>\n"])


def _alarms(results: Results, top: float) -> list[str]:
    day = "a day" if results.hours == 24 else f"{results.hours:g} hours"
    parts = _frame(top, "False alarms: harmless releases rolled back, %", _percents())
    parts += _key(top, [("within an hour", 0, _ALARM_SOON), (f"within {day}", 1, _ALARM)])
    for column, weather in enumerate(Weather):
        for line, rule in enumerate(RULES):
            parts += _share(results.hourly[weather, rule], column, _y(top, line) - 5, 0, _ALARM_SOON)
            parts += _share(results.daily[weather, rule], column, _y(top, line) + 5, 1, _ALARM)
    return parts


def _shares(results: Results, top: float) -> list[str]:
    parts = _frame(top, f"Detected: regressions rolled back within {AFTER_S / 3600:g} hours, %", _percents())
    parts += _key(top, [(f"x {times:g}", shape, _COLOURS[shape]) for shape, times in enumerate(REGRESSIONS)])
    for column, weather in enumerate(Weather):
        for line, rule in enumerate(RULES):
            if not any(results.detections[weather, times, rule].found.whole for times in REGRESSIONS):
                parts.append(_words(_left(column) + _PANEL / 2, _y(top, line) + 4, "all rolled back before", "small"))
            for shape, times in enumerate(REGRESSIONS):
                found = results.detections[weather, times, rule].found
                parts += _share(found, column, _y(top, line) + 7 * (shape - 1), shape, _COLOURS[shape])
    return parts


def _delays(results: Results, top: float) -> list[str]:
    names = [("15 s", 15.0), ("1 min", 60.0), ("5", 300.0), ("30", 1800.0), ("2 h", 7200.0)]
    parts = _frame(top, "Median delay of those detected", [(name, _place(at)) for name, at in names])
    parts += _key(top, [(f"x {times:g}", shape, _COLOURS[shape]) for shape, times in enumerate(REGRESSIONS)])
    for column, weather in enumerate(Weather):
        for line, rule in enumerate(RULES):
            for shape, times in enumerate(REGRESSIONS):
                delay = results.detections[weather, times, rule].delay
                parts += _delay(delay, column, _y(top, line) + 7 * (shape - 1), shape)
    return parts


def _delay(delay: Delay, column: int, y: float, shape: int) -> list[str]:
    if math.isnan(delay.median):
        return []
    low, middle, high = (_left(column) + _PANEL * _place(at) for at in (delay.low, delay.median, delay.high))
    return _mark(low, middle, high, y, shape, _COLOURS[shape])


def _place(seconds: float) -> float:
    """0 to 1 along a panel, logarithmic."""
    first, last = math.log(_DELAYS_S[0]), math.log(_DELAYS_S[-1])
    return (math.log(max(seconds, _DELAYS_S[0])) - first) / (last - first)


def _percents() -> list[tuple[str, float]]:
    return [(f"{100 * at:g}", at) for at in (0.0, 0.25, 0.5, 0.75, 1.0)]


def _frame(top: float, title: str, ticks: list[tuple[str, float]]) -> list[str]:
    upper, lower = top + _HEAD - 4, top + _HEAD + _LINE * len(RULES)
    right = _left(len(Weather) - 1) + _PANEL + 10
    parts = [
        _words(14, top + 24, title, "head", "start"),
        f'<rect class="ours" x="8" y="{upper + 2:g}" width="{right - 2:g}" height="{_LINE:g}" rx="5"/>',
        *(_words(14, _y(top, line) + 4, rule, "", "start") for line, rule in enumerate(RULES)),
    ]
    for column in range(len(Weather)):
        for name, at in ticks:
            x = _left(column) + _PANEL * at
            parts.append(f'<line class="grid" x1="{x:g}" x2="{x:g}" y1="{upper:g}" y2="{lower:g}"/>')
            parts.append(_words(x, lower + 15, name, "small"))
    return parts


def _key(top: float, marks: list[tuple[str, int, str]]) -> list[str]:
    parts: list[str] = []
    x = _left(2) + 60.0
    for name, shape, colour in marks:
        parts += [_shape(x, top + 20, shape, colour), _words(x + 10, top + 24, name, "small", "start")]
        x += 26 + 7 * len(name)
    return parts


def _share(share: Share, column: int, y: float, shape: int, colour: str) -> list[str]:
    if not share.whole:
        return []
    low, middle, high = (_left(column) + _PANEL * at for at in (share.interval[0], share.value, share.interval[1]))
    return _mark(low, middle, high, y, shape, colour)


def _mark(low: float, middle: float, high: float, y: float, shape: int, colour: str) -> list[str]:
    line = f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y:g}" y2="{y:g}" stroke="{colour}" stroke-width="1.6"/>'
    return [line, _shape(middle, y, shape, colour)]


def _shape(x: float, y: float, shape: int, colour: str) -> str:
    """Ring, disc or diamond."""
    match shape:
        case 0:
            return f'<circle cx="{x:.1f}" cy="{y:g}" r="3.2" fill="#fbfaf7" stroke="{colour}" stroke-width="1.8"/>'
        case 1:
            return f'<circle cx="{x:.1f}" cy="{y:g}" r="3.8" fill="{colour}"/>'
        case _:
            path = f"M{x:.1f} {y - 4.6:g} L{x + 4.6:.1f} {y:g} L{x:.1f} {y + 4.6:g} L{x - 4.6:.1f} {y:g} z"
            return f'<path d="{path}" fill="{colour}"/>'


def _left(column: int) -> float:
    return _LEFT + column * (_PANEL + _GAP)


def _y(top: float, line: int) -> float:
    return top + _HEAD + _LINE * line + _LINE / 2 - 2


def _words(x: float, y: float, text: str, kind: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
