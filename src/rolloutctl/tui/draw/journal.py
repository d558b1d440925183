"""Journal rows, one sentence per event, and one event opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from rolloutctl.model.cohort import CohortState
from rolloutctl.model.events import Body, Event, EventClass, class_of
from rolloutctl.tui.draw.fleet import Column, Row
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, clip, line, span, wrap
from rolloutctl.tui.draw.when import When

_INKS = {
    EventClass.REQUEST: Ink.ACCENT,
    EventClass.FACT: Ink.PLAIN,
    EventClass.EFFECT: Ink.WARN,
    EventClass.HOUSEKEEPING: Ink.DIM,
}
_QUIET = {
    "v",
    "at",
    "blob",
    "codes",
    "snapshot",
    "evidence",
    "settle_until",
    "before_token",
    "plan_blob",
    "requests",
    "was",
    "index",
    "pid",
}
"""Left out of the one-line sentence; opening the event shows everything."""


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
        "what": line(what(event)),
    }
    return Row(str(event.seq), tuple(clip(drawn[column.key], column.width) for column in shown))


def what(event: Event) -> str:
    """The body as one line: the values that matter."""
    body: Body = event.body
    parts: list[str] = []
    # The phase and its attempt are the same for many events in a row: what is particular comes first.
    for key in sorted(type(body).model_fields, key=lambda key: key in {"phase", "attempt"}):
        value = getattr(body, key)
        if key in _QUIET or value in ("", (), None, {}):
            continue
        if isinstance(value, CohortState) or (value is False and key not in {"accepted", "go"}):
            continue
        parts.append(_part(key, value))
    return " · ".join(parts)


def _part(key: str, value: object) -> str:
    if isinstance(value, bool):
        return key if value else f"not {key}"
    if isinstance(value, tuple):
        return "; ".join(str(item) for item in value)
    if isinstance(value, datetime):
        return f"{key.replace('_', ' ')} {value.strftime('%H:%M:%S')} UTC"
    if key in {"why", "reason", "text", "phase", "criterion", "action", "to", "want", "plan", "state", "segment"}:
        return str(value)
    return f"{key.replace('_', ' ')} {value}"


def matches(event: Event, wanted: str) -> bool:
    text = f"{event.seq} {event.kind} {event.actor} {event.host} {event.stream} {what(event)}".lower()
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
