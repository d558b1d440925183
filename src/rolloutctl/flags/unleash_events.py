"""Unleash's event log of a flag: who changed what, and whether a change of ours was the only one.

The log is append-only with ids that only grow, and a write that changes nothing makes no entry. So every entry after a
known id is either the trace of a request of ours or somebody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rolloutctl.flags.unleash_document import Strategy, parse_strategy
from rolloutctl.model.fields import Instant
from rolloutctl.model.outcome import ForeignEdit
from rolloutctl.wire.text import clean

ADDED, UPDATED, REMOVED = "feature-strategy-add", "feature-strategy-update", "feature-strategy-remove"
ENABLED, DISABLED = "feature-environment-enabled", "feature-environment-disabled"

_EVERYWHERE = frozenset(
    {
        "feature-archived",
        "feature-deleted",
        "feature-revived",
        "feature-project-change",
        "feature-dependency-added",
        "feature-dependency-removed",
        "feature-dependencies-removed",
    }
)
"""Entries without an environment that change what every environment serves."""
_WORDS = {ADDED: "added", UPDATED: "changed", REMOVED: "removed", ENABLED: "turned the flag on", DISABLED: "turned the flag off"}


class Event(BaseModel):
    """One entry; wire names as aliases."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int
    type: str
    who: Annotated[str, BeforeValidator(lambda value: str(value or "somebody"))] = Field(default="somebody", alias="createdBy")
    at: Instant = Field(alias="createdAt")
    environment: str | None = None
    data: Any = None
    before: Any = Field(default=None, alias="preData")

    def concerns(self, environment: str) -> bool:
        return self.environment == environment or not self.environment

    def changes(self, environment: str) -> bool:
        """Whether who is served there may be another after it."""
        return self.environment == environment or self.type in _EVERYWHERE

    def edit(self) -> ForeignEdit:
        return ForeignEdit(str(self.id), self.at, clean(self.who, most=80), self.what())

    def what(self) -> str:
        words = _WORDS.get(self.type, clean(self.type.removeprefix("feature-").replace("-", " "), most=60))
        new, old = _strategy(self.data), _strategy(self.before)
        shown = new or old
        if shown is None or self.type not in {ADDED, UPDATED, REMOVED}:
            return words
        text = f"{words} the strategy {shown.label()}"
        if new is not None and old is not None and new.rollout != old.rollout:
            return f"{text}: rollout {clean(old.rollout, most=20)} → {clean(new.rollout, most=20)}"
        return text


def parse_events(document: Any) -> tuple[Event, ...]:
    """Newest first, as the server gives them. Raises ValueError, without the input in it."""
    entries = document.get("events") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        msg = "not a list of events"
        raise ValueError(msg)
    try:
        events = [Event.model_validate(each) for each in entries]
    except ValidationError:
        msg = "an event without an id, a type or a time"
        raise ValueError(msg) from None
    return tuple(sorted(events, key=lambda each: -each.id))


@dataclass(frozen=True, slots=True)
class Trace:
    """The entry that a request of ours may leave; both are empty for on and off, the rollout for a removal, too."""

    type: str
    strategy: str = ""
    rollout: str = ""


def not_ours(events: Sequence[Event], environment: str, traces: Sequence[Trace]) -> tuple[Event, ...]:
    """The entries that no request of ours explains, oldest first; each trace explains one entry at most."""
    left = list(traces)
    strangers: list[Event] = []
    for event in sorted(events, key=lambda each: each.id):
        if not event.changes(environment):
            continue
        trace = _trace(event)
        if trace in left:
            left.remove(trace)
        else:
            strangers.append(event)
    return tuple(strangers)


def _trace(event: Event) -> Trace:
    strategy = _strategy(event.data) or _strategy(event.before)
    if strategy is None or event.type in {ENABLED, DISABLED}:
        return Trace(event.type)
    return Trace(event.type, strategy.id, "" if event.type == REMOVED else strategy.rollout)


def _strategy(value: Any) -> Strategy | None:
    try:
        return parse_strategy(value) if isinstance(value, dict) else None
    except ValueError:
        return None
