"""A drawing of many backtests as SVG: when each began, and how long until it was READY or a breach. Pure.

Every mark has a title of its own, so that a browser tells on hovering what a screen reader reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from rolloutctl.engine.once.sliding import Slid
from rolloutctl.units import show_clock

_WIDTH, _HEIGHT = 960, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 20, 50, 60
_READY, _BREACH, _NEVER = "#2e7d32", "#c62828", "#9e9e9e"
_LINES = 4


def svg(title: str, slid: Sequence[Slid]) -> str:
    """Height is seconds into the phase; a mark at the upper end never became READY."""
    begins = [each.stretch.start.timestamp() for each in slid]
    first, last = min(begins), max(begins)
    longest = max((each.stretch.end - each.stretch.start).total_seconds() for each in slid)
    place = _Place(first, max(last - first, 1.0), longest)
    shapes = [*_frame(title, place, first, last), *(_mark(each, place) for each in slid), *_legend()]
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


class _Place:
    def __init__(self, first: float, span: float, longest: float) -> None:
        self._first, self._span, self._longest = first, span, longest

    def x(self, time: float) -> float:
        return _LEFT + (time - self._first) / self._span * (_WIDTH - _LEFT - _RIGHT)

    def y(self, seconds: float) -> float:
        return _HEIGHT - _BOTTOM - seconds / self._longest * (_HEIGHT - _TOP - _BOTTOM)

    def levels(self) -> Iterator[float]:
        return (self._longest * line / _LINES for line in range(_LINES + 1))


def _frame(title: str, place: _Place, first: float, last: float) -> Iterator[str]:
    yield f'<text x="{_LEFT}" y="24" font-size="16">{escape(title)}</text>'
    for seconds in place.levels():
        y = place.y(seconds)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#e0e0e0"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{show_clock(seconds)}</text>'
    for time, anchor in ((first, "start"), (last, "end")):
        when = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")
        yield f'<text x="{place.x(time):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="{anchor}">{when}</text>'


def _mark(slid: Slid, place: _Place) -> str:
    found, when = slid.found, slid.stretch.start
    length = (slid.stretch.end - slid.stretch.start).total_seconds()
    if found.first_breach is not None:
        seconds, colour, what = found.first_breach.after_s, _BREACH, f"breach of {found.first_breach.criterion}"
    elif found.first_ready_after_s is not None:
        seconds, colour, what = found.first_ready_after_s, _READY, "READY"
    else:
        seconds, colour, what = length, _NEVER, f"never READY, in the end {found.final.value}"
    kind = "incident" if slid.stretch.incident else "quiet"
    label = f"{when.astimezone(UTC):%Y-%m-%d %H:%M UTC}, {kind}: {what} after {show_clock(seconds)}"
    x, y = place.x(when.timestamp()), place.y(seconds)
    shape = (
        f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}">'
        if slid.stretch.incident
        else f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">'
    )
    return f"{shape}<title>{escape(label)}</title></{'rect' if slid.stretch.incident else 'circle'}>"


def _legend() -> Iterator[str]:
    x = _LEFT
    for colour, text in ((_READY, "READY"), (_BREACH, "breach"), (_NEVER, "neither")):
        yield f'<circle cx="{x}" cy="{_HEIGHT - 18}" r="4" fill="{colour}"/>'
        yield f'<text x="{x + 10}" y="{_HEIGHT - 14}">{text}</text>'
        x += 90
    yield f'<text x="{x}" y="{_HEIGHT - 14}">round: quiet, square: incident</text>'
