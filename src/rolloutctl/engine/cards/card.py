"""A rollout's card: what the journal says of it, as far as no clock has a say, ready to be shown.

A card is made from the plan and the fold (`card_of.py`) and may be kept beside the journal (`card_file.py`). What depends on the
time is computed here from the times in the card, so that a kept card and a fresh one are shown alike. Loads no pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rolloutctl.engine.cards.plain import plain
from rolloutctl.engine.view.snapshot import Driving
from rolloutctl.model.state import BakeClock, Status
from rolloutctl.ports import Lease
from rolloutctl.units import show_age, show_duration, show_time

Shape = dict[str, Any]
FORMAT = 2
"""Raise it whenever a field, its meaning, or the way from events to a card changes: older cards are then made anew."""
_WORDS = ("title", "owner", "where", "served", "criteria", "verdicts", "waits_for", "sealed")
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Card:
    rollout: str
    """`name#n`."""
    seq: int
    """The newest event it was made from."""
    status: Status
    glyph: str
    ink: str
    """red, yellow, green, bold or dim; the words say the same."""
    title: str
    owner: str
    where: str
    """`five (2/4), 5 %`."""
    served: str
    """`unleash: ranker in production: 5 %`: what the flag says as far as the journal knows."""
    criteria: str
    """`3 PASS, 1 PENDING`."""
    verdicts: str
    """`errors PASS, latency PENDING`."""
    waits_for: str
    sealed: str
    """Digest and by whom."""
    doing: tuple[str, ...]
    """What it is doing, in a few words; the bake clock is missing."""
    clocked: bool
    """The bake clock is shown behind the first of them."""
    clock: BakeClock | None
    bake: timedelta
    """Bake time that the phase which is served declares; zero before the first."""
    watched_until: datetime | None
    """After a rollback: until when a driver is needed."""
    shape: Shape
    """As `status --json` prints it, without `phase.baked_s` and `driver`."""

    def baked(self, now: datetime) -> timedelta | None:
        """None: nothing has begun to bake."""
        return min(self.clock.baked(now), self.bake) if self.clock is not None else None

    def condition(self, now: datetime) -> str:
        """What it is doing, in a few words."""
        baked = self.baked(now)
        if not self.clocked or baked is None:
            return ", ".join(self.doing)
        first, *rest = self.doing
        return ", ".join([first, f"{show_age(baked.total_seconds())} of {show_duration(self.bake)}", *rest])

    def needs_driver(self, now: datetime) -> bool:
        """A rollout that has ended needs none, but for the watch after a rollback."""
        return not self.status.final or (self.watched_until is not None and now <= self.watched_until)

    def driving(self, lease: Lease | None, now: datetime) -> Driving:
        if not self.needs_driver(now):
            return Driving.NOT_NEEDED
        return Driving.ELSEWHERE if holder(lease) else Driving.UNATTENDED

    def driven(self, lease: Lease | None, now: datetime) -> Shape:
        """As `status --json` prints it."""
        alive = lease is not None and bool(holder(lease))
        until = show_time(lease.expires_at) if lease is not None and alive else None
        driver = {"driving": self.driving(lease, now).value, "holder": holder(lease) or None, "lease_until": until}
        return self.shaped(now) | {"driver": driver}

    def shaped(self, now: datetime) -> Shape:
        """`shape` with the bake clock in it: a copy that the caller may add to."""
        shape = {key: dict(value) if isinstance(value, dict) else value for key, value in self.shape.items()}
        if shape["phase"] is not None:
            shape["phase"]["baked_s"] = plain(self.baked(now))
        return shape


def holder(lease: Lease | None) -> str:
    """Who drives; empty: nobody."""
    return lease.holder if lease is not None and lease.expires_in_s > 0 else ""


def to_json(card: Card) -> Shape:
    clock = card.clock
    return {
        "rollout": card.rollout,
        "seq": card.seq,
        "status": card.status.value,
        "mark": [card.glyph, card.ink],
        "words": {name: getattr(card, name) for name in _WORDS},
        "doing": list(card.doing),
        "clocked": card.clocked,
        "clock": None
        if clock is None
        else [show_time(clock.started_at), clock.held // _MICROSECOND, _text(clock.held_since), _text(clock.stopped_at)],
        "bake": card.bake // _MICROSECOND,
        "watched_until": _text(card.watched_until),
        "shape": card.shape,
    }


def from_json(found: Mapping[str, Any]) -> Card:
    """Raises KeyError, TypeError or ValueError for what is no card."""
    glyph, ink = found["mark"]
    clock = None
    if found["clock"] is not None:
        started_at, held, held_since, stopped_at = found["clock"]
        clock = BakeClock(datetime.fromisoformat(started_at), held * _MICROSECOND, _time(held_since), _time(stopped_at))
    return Card(
        rollout=found["rollout"],
        seq=found["seq"],
        status=Status(found["status"]),
        glyph=glyph,
        ink=ink,
        **{name: str(found["words"][name]) for name in _WORDS},
        doing=tuple(found["doing"]),
        clocked=found["clocked"],
        clock=clock,
        bake=found["bake"] * _MICROSECOND,
        watched_until=_time(found["watched_until"]),
        shape=dict(found["shape"]),
    )


def _text(at: datetime | None) -> str | None:
    return show_time(at) if at is not None else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
