"""What a dialog shows before anything happens: exact effect, requests, every reason; and afterwards the answer."""

from __future__ import annotations

from collections.abc import Mapping

from rolloutctl.engine.view.commands import CommandKind, Reply
from rolloutctl.engine.view.snapshot import Proposal, RolloutSnapshot
from rolloutctl.keymap import DEFAULTS
from rolloutctl.model.kinds import Purpose
from rolloutctl.model.state import Status
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.draw.when import When


def effect(proposal: Proposal, cells: int) -> tuple[Line, ...]:
    return wrap(proposal.effect, cells, Ink.STRONG)


def requests(proposal: Proposal, cells: int) -> tuple[Line, ...]:
    """What would be sent for it."""
    lines: list[Line] = []
    for request in proposal.requests:
        lines += wrap(request, cells, Ink.DIM, first=line(span("sends ", Ink.DIM)), indent=6)
    return tuple(lines)


def reasons(proposal: Proposal, cells: int) -> tuple[Line, ...]:
    """Against first: what stops you is what you look for."""
    lines: list[Line] = []
    for reason in sorted(proposal.reasons, key=lambda reason: reason.ok):
        glyph = span("✔ ", Ink.GOOD) if reason.ok else span("✖ ", Ink.BAD)
        lines += wrap(reason.text, cells, first=line(glyph), indent=2)
    return tuple(lines)


def checklist(proposal: Proposal, cells: int) -> tuple[Line, ...]:
    lines: list[Line] = []
    for check in proposal.checks:
        lines += wrap(check, cells, first=line(span("□ ", Ink.ACCENT)), indent=2)
    if proposal.comms:
        lines += wrap(proposal.comms, cells, first=line(span("tell  ", Ink.DIM)), indent=6)
    return tuple(lines)


def whole(proposal: Proposal, cells: int) -> tuple[Line, ...]:
    """What decides comes first: where there is little room, the requests are what has to be scrolled to."""
    drawn = (part(proposal, cells) for part in (effect, reasons, checklist, requests))
    blocks = [block for block in drawn if block]
    lines: list[Line] = []
    for block in blocks:
        lines += [EMPTY, *block] if lines else block
    return tuple(lines)


def answer(reply: Reply, kind: CommandKind, cells: int) -> tuple[Line, ...]:
    mark = marks.of_reply(kind, reply.code)
    lines = list(wrap(reply.sentence, cells, first=line(span(f"{mark.glyph} {mark.word}", mark.ink), "  "), indent=2))
    for reason in reply.reasons:
        lines += wrap(reason, cells, first=line(span("  - ", Ink.DIM)), indent=4)
    return tuple(lines)


def rollback_progress(rollout: RolloutSnapshot, when: When, cells: int, keys: Mapping[str, str] = DEFAULTS) -> tuple[Line, ...]:
    """Asked, intent, applied, verified: each with what is known now. Nothing is ticked that was not seen."""
    state = rollout.state
    over = state.status is Status.ROLLED_BACK
    unknown = state.status is Status.ROLLBACK_UNKNOWN
    running = state.status is Status.ROLLING_BACK
    intent = state.open_intent if state.open_intent and state.open_intent.intent.purpose is Purpose.ROLLBACK else None
    applied = over or (running and state.rollback_settled)
    lines: list[Line] = []
    asked = (
        f"{when.stamp(state.rollback_at)} by {state.rollback_by}" if state.rollback_at is not None else "not in the journal yet"
    )
    lines.append(_step(over or unknown or running, "asked", asked))
    where = f"event {intent.seq}" if intent else "in the journal before anything is sent"
    lines.append(_step(over or unknown or applied or intent is not None, "intent", where))
    if intent is not None and intent.unknown:
        lines += wrap(intent.unknown, cells, first=line(span("? applied   ", Ink.BAD)), indent=12)
    else:
        lines.append(_step(applied, "applied", "the flag server has taken it" if applied else "waiting for the flag server"))
    served = f"the flag server says {rollout.flag.state}" if rollout.flag.state is not None else "read back"
    read = f", read {when.age(rollout.flag.read_at)} ago" if rollout.flag.read_at is not None else ""
    lines.append(_step(over, "verified", f"{served}{read}"))
    if state.flag_failure and not over:
        lines += wrap(state.flag_failure, cells, Ink.BAD, first=line(span("✖ ", Ink.BAD)), indent=2)
    if over:
        took = _took(rollout)
        lines += [EMPTY, line(span(f" ✔ ROLLED BACK{took} ", Ink.GOOD), " ", state.ended_why)]
    if unknown:
        key = keys["rollout.checked"]
        look = f"Nobody knows whether {state.target} is off. Look at it yourself, then {key} says that it was checked."
        lines += [EMPTY, line(span(" ? ROLLBACK UNKNOWN ", Ink.ALARM)), *wrap(look, cells)]
    return tuple(lines)


def _step(done: bool, name: str, words: str) -> Line:
    glyph, ink = ("✔", Ink.GOOD) if done else ("◷", Ink.WAIT)
    return line(span(f"{glyph} {name:<9} ", ink), span(words, Ink.PLAIN if done else Ink.DIM))


def _took(rollout: RolloutSnapshot) -> str:
    asked, ended = rollout.state.rollback_at, rollout.state.ended_at
    return f" in {(ended - asked).total_seconds():.0f}s" if asked is not None and ended is not None else ""
