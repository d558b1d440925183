"""How far a step of the flag is: asked, intent, applied, verified, each with its event of the journal and its time. Pure.

Nothing is ticked that was not journalled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Purpose, Reality
from rolloutctl.tui.draw.ink import Ink, Line, line, span, wrap
from rolloutctl.tui.draw.when import When

_STEPS = frozenset({Purpose.ADVANCE, Purpose.BACK})
_NOT_HAPPENED = (ev.FlagConflict, ev.FlagNeedsApproval, ev.FlagRejected, ev.FlagFailed)
_LABEL = 12
"""`✔ verified  `"""


@dataclass(frozen=True, slots=True)
class StepProgress:
    """What the journal has of one step since it was asked for."""

    asked: Event | None = None
    intent: Event | None = None
    settled: Event | None = None
    """The flag server says what we want."""
    unknown: Event | None = None
    """Sent, and no outcome is known yet."""
    failed: Event | None = None
    """It definitely did not happen."""
    verified: Event | None = None
    """Clients follow, and the phase's clock runs."""
    ended: Event | None = None

    @property
    def over(self) -> bool:
        """Nothing more comes of it."""
        return any((self.failed, self.verified, self.ended))


def followed(progress: StepProgress, events: Iterable[Event], request: int) -> StepProgress:
    """`progress` and what `events`, newer ones, oldest first, add to it; `request` is the sequence number of what was asked."""
    for event in events:
        progress = _with(progress, event, request)
    return progress


def _with(progress: StepProgress, event: Event, request: int) -> StepProgress:
    if event.seq < request or progress.over:
        return progress
    intent = progress.intent.seq if progress.intent is not None else 0
    match event.body:
        case _ if event.seq == request:
            return replace(progress, asked=event)
        case ev.FlagIntent(purpose=purpose) if purpose in _STEPS:
            return replace(progress, intent=event, settled=None, unknown=None)
        case ev.FlagReconciled(intent=of, found=found) if intent and of == intent:
            return _reconciled(progress, event, found)
        case ev.FlagSettled(intent=of) if intent and of == intent:
            return replace(progress, settled=event, unknown=None)
        case ev.FlagUnknown(intent=of) if intent and of == intent:
            return replace(progress, unknown=event)
        case ev.FlagOutcome(intent=of) as body if intent and of == intent and isinstance(body, _NOT_HAPPENED):
            return replace(progress, failed=event, unknown=None)
        case ev.PhaseBaking() if progress.settled is not None:
            return replace(progress, verified=event)
        case ev.RolloutEnded():
            return replace(progress, ended=event)
        case _:
            return progress


def _reconciled(progress: StepProgress, event: Event, found: Reality) -> StepProgress:
    match found:
        case Reality.APPLIED:
            return replace(progress, settled=event, unknown=None)
        case Reality.FOREIGN:
            return replace(progress, failed=event, unknown=None)
        case Reality.NOT_APPLIED:
            return replace(progress, unknown=None)


def step_progress(progress: StepProgress, when: When, cells: int) -> tuple[Line, ...]:
    asked, intent = progress.asked, progress.intent
    who = f"by {asked.actor}, event {asked.seq}" if asked is not None else "not in the journal yet"
    lines = list(_part("asked", asked, who, when, cells))
    if progress.ended is not None and intent is None:
        return (*lines, *_part("ended", progress.ended, _why(progress.ended), when, cells))
    where = f"event {intent.seq}" if intent is not None else "in the journal before anything is sent"
    lines += _part("intent", intent, where, when, cells)
    lines += _applied(progress, when, cells)
    if progress.failed is None:
        lines += _verified(progress, when, cells)
    if progress.ended is not None:
        lines += _part("ended", progress.ended, _why(progress.ended), when, cells)
    return tuple(lines)


def _applied(progress: StepProgress, when: When, cells: int) -> tuple[Line, ...]:
    for event, glyph in ((progress.failed, "✖"), (progress.unknown, "?")):
        if event is not None:
            return _part("applied", event, _why(event), when, cells, glyph=glyph, ink=Ink.BAD)
    settled = progress.settled.body if progress.settled is not None else None
    state = settled.state if isinstance(settled, ev.FlagOutcome) else None
    says = f"the flag server says {state}" if state is not None else "the flag server has taken it"
    return _part("applied", progress.settled, says if settled is not None else "waiting for the flag server", when, cells)


def _verified(progress: StepProgress, when: When, cells: int) -> tuple[Line, ...]:
    baking = progress.verified.body if progress.verified is not None else None
    if isinstance(baking, ev.PhaseBaking):
        how = f": {baking.how_verified}" if baking.how_verified else ""
        return _part("verified", progress.verified, f"phase {baking.phase} bakes{how}", when, cells)
    settled = progress.settled.body if progress.settled is not None else None
    if isinstance(settled, ev.FlagSettled):
        return _part("verified", None, f"clients are given until {when.stamp(settled.settle_until)} to follow", when, cells)
    return _part("verified", None, "after that, when clients have followed", when, cells)


def _why(event: Event) -> str:
    match event.body:
        case ev.FlagOutcome(why=why) | ev.RolloutEnded(reason=why):
            return why or event.kind.value
        case _:
            return event.kind.value


def _part(
    name: str, event: Event | None, words: str, when: When, cells: int, *, glyph: str = "✔", ink: Ink = Ink.GOOD
) -> tuple[Line, ...]:
    if event is None:
        return wrap(words, cells, Ink.DIM, first=line(span(f"◷ {name:<{_LABEL - 2}}", Ink.WAIT)), indent=_LABEL)
    return wrap(f"{when.stamp(event.at)}  {words}", cells, first=line(span(f"{glyph} {name:<{_LABEL - 2}}", ink)), indent=_LABEL)
