"""Rows of the fleet as cards have them: what is shown until the engine's first snapshot is there.

The columns are those of `fleet.py`, so that a row that is replaced stays where it is. Nothing in here says what a flag or source
says now: only what the journal said when the program was started.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

from rolloutctl.engine.cards.card import Card, holder
from rolloutctl.engine.cards.glance import Glance, Seen
from rolloutctl.engine.view.snapshot import Driving
from rolloutctl.model.state import Status
from rolloutctl.model.verdict import State
from rolloutctl.tui.draw.columns import Column, Row, fleet_columns
from rolloutctl.tui.draw.digits import NOTHING, share
from rolloutctl.tui.draw.fleet import bake_cell
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, clip, line, pack, span, width, wrap
from rolloutctl.tui.draw.when import When
from rolloutctl.tui.first import rank

READING = "from the journal, being read …"
_INKS = {"red": Ink.BAD, "yellow": Ink.WARN, "green": Ink.GOOD, "bold": Ink.WAIT}
_MISSING = frozenset(state.value for state in State if state.missing_evidence)


def columns(cells: int, rollouts: tuple[Seen, ...]) -> tuple[Column, ...]:
    """As those of the fleet, for a table `cells` wide."""
    return fleet_columns(
        cells,
        name=max((width(line(seen.rollout)) for seen in rollouts), default=20),
        phase=max((width(_phase(seen.card)) for seen in rollouts), default=12),
        verdict=max((len(_word(seen.card)) for seen in rollouts), default=16),
    )


def rows(rollouts: tuple[Seen, ...], shown: tuple[Column, ...], when: When) -> tuple[Row, ...]:
    """Worst first."""
    return tuple(_row(seen, shown, when) for seen in sorted(rollouts, key=rank))


def _row(seen: Seen, shown: tuple[Column, ...], when: When) -> Row:
    card = seen.card
    glyph, ink = (card.glyph, _INKS.get(card.ink, Ink.DIM)) if card is not None else ("…", Ink.DIM)
    name, mark, attempt = seen.rollout.rpartition("#")
    room = {column.key: column.width for column in shown}
    cells = {
        "state": line(span(glyph, ink)),
        "rollout": line(name, span(f"{mark}{attempt}", Ink.DIM if attempt == "1" else Ink.WARN)),
        "phase": _phase(card),
        "cohort": line(_cohort(card)),
        "verdict": line(span(_word(card), ink)),
        "criteria": _tally(card),
        "bake": _bake(card, when.now, room.get("bake", 0)),
        "next": _next(seen, when),
    }
    return Row(seen.rollout, tuple(clip(cells[column.key], column.width) for column in shown))


def _phase(card: Card | None) -> Line:
    if card is None:
        return EMPTY
    phase: dict[str, Any] | None = card.shape["phase"]
    if card.status.final:
        return line(span("ended", Ink.DIM))
    if phase is None:
        return line(span("→", Ink.DIM), card.shape["entering"] or "")
    return line(span(f"{phase['index'] + 1}/{phase['count']} ", Ink.DIM), phase["name"])


def _cohort(card: Card | None) -> str:
    if card is None:
        return ""
    phase: dict[str, Any] | None = card.shape["phase"]
    if phase is None or card.status is Status.ROLLED_BACK:
        return "off"
    cohort = phase["cohort"]
    percent = Fraction(str(cohort["percent"])) if cohort["percent"] is not None else Fraction(0)
    return share(percent) if percent else ", ".join(cohort["audiences"])


def _word(card: Card | None) -> str:
    if card is None:
        return ""
    if card.status.final or card.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}:
        return card.status.words
    if card.shape["breaches"]:
        return "BREACH"
    return "HOLD" if card.shape["held"] else card.doing[0].partition(":")[0]


def _tally(card: Card | None) -> Line:
    states = [criterion["state"] for criterion in card.shape["criteria"]] if card is not None else []
    if not states:
        return line(span(NOTHING, Ink.DIM))
    passing, pending = states.count(State.PASS.value), states.count(State.PENDING.value)
    missing = sum(state in _MISSING for state in states)
    broken = len(states) - passing - pending - missing
    last = span(f"{missing}∅", Ink.WARN) if missing else span(f"{broken}✖", Ink.BAD if broken else Ink.DIM)
    return line(
        span(f"{passing}✔ ", Ink.GOOD if passing else Ink.DIM), span(f"{pending}◷ ", Ink.WAIT if pending else Ink.DIM), last
    )


def _bake(card: Card | None, now: datetime, room: int) -> Line:
    baked = card.baked(now) if card is not None else None
    if card is None or baked is None or card.status.final or not card.bake:
        return line(span(NOTHING, Ink.DIM))
    part = min(1.0, baked / card.bake)
    words = "done" if part >= 1 else f"{int(part * 100):2d} %"
    return bake_cell(part, words, Ink.WARN if card.shape["held"] else Ink.GOOD if part >= 1 else Ink.WAIT, room)


def _next(seen: Seen, when: When) -> Line:
    card = seen.card
    if card is None:
        return line(span("reading …", Ink.DIM))
    if not card.status.final and card.shape["countdown"] is not None:
        left = when.left(datetime.fromisoformat(card.shape["countdown"]["fires_at"]))
        return line(span(f"rolls back in {left}" if left != "0s" else "rollback is due", Ink.ALARM))
    if card.driving(seen.lease, when.now) is Driving.UNATTENDED:
        return line(span("⚠ UNATTENDED", Ink.CAUTION))
    if card.status.final:
        return line(span(card.doing[0] if card.doing else "", Ink.DIM))
    return line(span(f"driven by {holder(seen.lease)}", Ink.DIM))


def matches(seen: Seen, wanted: str) -> bool:
    """Every word of the filter stands in what the row says."""
    card = seen.card
    text = " ".join((seen.rollout, card.title, card.owner, card.where, _word(card)) if card is not None else (seen.rollout,))
    return all(word in text.lower() for word in wanted.lower().split())


def peek(seen: Seen, when: When, cells: int) -> tuple[Line, ...]:
    """The rollout under the cursor in a few lines."""
    card = seen.card
    if card is None:
        return (line(span(seen.rollout, Ink.STRONG)), line(span("reading its events …", Ink.DIM)))
    head = pack([line(span(card.rollout, Ink.STRONG)), line(span("owner ", Ink.DIM), card.owner), line(card.where)], cells)[0]
    return (head, *wrap(card.condition(when.now), cells), *wrap(card.served, cells, Ink.DIM))


def title(glance: Glance, shown: int, wanted: str) -> str:
    total = len(glance.rollouts)
    return f"rollouts {shown}/{total} · filter {wanted}" if wanted else f"rollouts {total} · {READING}"


def lasting(glance: Glance, cells: int) -> tuple[Line, ...]:
    said = f"As the journal had it at event {glance.head[0]}; flags and metrics are being read. Nothing can be changed yet."
    return wrap(said, cells, Ink.DIM, first=(span("• ", Ink.ACCENT),), indent=2)
