"""Journal rows and one event opened."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rolloutctl.model.events import Event
from rolloutctl.model.kinds import EventClass, class_of
from rolloutctl.telling import values
from rolloutctl.tui.draw.columns import Column, Row
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, clip, line, span, wrap
from rolloutctl.tui.draw.when import When

_INKS = {
    EventClass.REQUEST: Ink.ACCENT,
    EventClass.FACT: Ink.PLAIN,
    EventClass.EFFECT: Ink.WARN,
    EventClass.HOUSEKEEPING: Ink.DIM,
}


def columns(cells: int, *, every: bool = False) -> tuple[Column, ...]:
    """`every`: events of all rollouts, which then have to be named."""
    fixed = [Column("seq", "seq", 6), Column("at", "time", 8)]
    if every:
        fixed.append(Column("stream", "rollout", 20))
    if cells >= 96:
        fixed.append(Column("actor", "by", 12))
    fixed.append(Column("kind", "event", 20 if cells >= 96 else 18))
    room = cells - sum(column.width + 2 for column in fixed) - 2
    return (*fixed, Column("what", "what", max(12, room)))


def row(event: Event, shown: tuple[Column, ...], when: When) -> Row:
    drawn = {
        "seq": line(span(str(event.seq), Ink.DIM)),
        "at": line(when.clock(event.at)),
        "actor": line(event.actor),
        "stream": line(event.stream.removeprefix("rollout/")),
        "kind": line(span(event.kind.value, _INKS[class_of(event.kind)])),
        "what": line(values(event)),
    }
    return Row(str(event.seq), tuple(clip(drawn[column.key], column.width) for column in shown))


def matches(event: Event, wanted: str) -> bool:
    text = f"{event.seq} {event.kind} {event.actor} {event.host} {event.stream} {values(event)}".lower()
    return all(word in text for word in wanted.lower().split())


def opened(event: Event, when: When, cells: int) -> tuple[Line, ...]:
    """One event with its whole body and its place in the chain."""
    fields: Mapping[str, str] = {
        "event": f"{event.seq} {event.kind} ({class_of(event.kind).value})",
        "time": when.full(event.at),
        "by": f"{event.actor} on {event.host}",
        "stream": event.stream,
        "epoch": str(event.epoch),
        "prev": event.prev,
        "hash": event.hash,
    }
    lines: list[Line] = []
    for label, text in fields.items():
        lines += wrap(text, cells, first=line(span(f"{label:<8}", Ink.DIM)), indent=8)
    lines.append(EMPTY)
    for text in json.dumps(json.loads(event.body_json), indent=2, ensure_ascii=False).splitlines():
        indent = len(text) - len(text.lstrip())
        lines += wrap(text.strip(), cells, first=line(" " * indent), indent=indent + 4)
    return tuple(lines)
