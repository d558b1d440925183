"""The integration map: every source, provider and the journal, how it is and what it is allowed; only parts that exist."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.engine.view.snapshot import FleetSnapshot, PartHealth
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, Span, line, span, wrap
from rolloutctl.tui.draw.when import When
from rolloutctl.units import show_age

_LABEL = 14


def doctor(fleet: FleetSnapshot, when: When, cells: int) -> tuple[Line, ...]:
    room = max((len(part.name) for part in fleet.parts), default=0)
    lines: list[Line] = []
    for part in fleet.parts:
        lines += [*_part(part, room, when, cells), EMPTY]
    return (*lines, *_clock(fleet, cells))


def _part(part: PartHealth, room: int, when: When, cells: int) -> Iterator[Line]:
    ready, latency = _ready(part)
    asked = f"asked {when.age(part.at)} ago" if part.at is not None else "not asked yet"
    yield line(ready, span(f"  {part.name:<{room}}", Ink.STRONG), f"  {part.kind:<9}", f"{latency:>8}  ", span(asked, Ink.DIM))
    if part.health is not None and not part.health.text.startswith("answers in"):
        yield from wrap(part.health.text, cells, first=line("  "), indent=2)
    told = dict(part.told)
    if part.health is not None:
        told |= {label: text for label, text in part.health.facts.items() if text not in told.values()}
    for label, text in told.items():
        yield from wrap(text, cells, first=line(span(f"  {label:<{_LABEL}}", Ink.DIM)), indent=_LABEL + 2)
    yield from _failure(part, when, cells)


def _ready(part: PartHealth) -> tuple[Span, str]:
    if part.health is None:
        return span("◷ asking   ", Ink.WAIT), "—"
    latency = f"{part.health.latency_s * 1000:.0f} ms" if part.kind != "journal" else "—"
    return (span("✔ ready    ", Ink.GOOD), latency) if part.health.ok else (span("✖ NOT READY", Ink.BAD), latency)


def _failure(part: PartHealth, when: When, cells: int) -> Iterator[Line]:
    first = line(span(f"  {'last failure':<{_LABEL}}", Ink.DIM))
    if not part.failure or part.failed_at is None:
        yield line(*first, span("none since this screen was opened", Ink.DIM))
        return
    over = part.health is not None and part.health.ok
    at = f"{when.stamp(part.failed_at)}, {when.age(part.failed_at)} ago{', over' if over else ''}: "
    yield from wrap(f"{at}{part.failure}", cells, Ink.DIM if over else Ink.BAD, first=first, indent=_LABEL + 2)


def _clock(fleet: FleetSnapshot, cells: int) -> tuple[Line, ...]:
    off = abs(fleet.skew_s)
    side = "ahead of" if fleet.skew_s > 0 else "behind"
    how = f"is {show_age(off)} {side}" if off >= 1 else "agrees with"
    text = f"this machine's clock {how} the source's, whose time decides"
    polls = f"everything is asked every {fleet.interval_s:g}s" + (", PAUSED" if fleet.paused else "")
    return (*wrap(text, cells, Ink.DIM), *wrap(polls, cells, Ink.DIM))
