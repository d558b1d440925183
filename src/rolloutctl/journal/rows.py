"""From a stored row to an `Event`, and from a body to what is stored. Pure.

Invariant: what `draft` lets through can be read back by `parse_body`, and its stored hash is both `event_hash` and `row_hash`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from rolloutctl.errors import InvalidInput, JournalCorrupt
from rolloutctl.journal.chain import Row, row_hash
from rolloutctl.model.events import KIND_OF, Body, Event, body_json, event_hash, parse_body
from rolloutctl.model.kinds import EventClass, Kind, class_of
from rolloutctl.ports import Author
from rolloutctl.units import show_time

_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and what is left of bytes that were no UTF-8."""
_OWN_KINDS = frozenset({Kind.LEASE_TAKEN, Kind.LEASE_RELEASED})


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything of an event that does not depend on its place in the chain."""

    actor: str
    host: str
    stream: str
    kind: Kind
    epoch: int
    body: Body
    body_json: str

    def place(self, seq: int, at: datetime, prev: str) -> Event:
        """Raises InvalidInput for text whose hash would depend on who computes it."""
        when = at.astimezone(UTC)
        digest = event_hash(seq, when, self.actor, self.host, self.stream, self.kind, self.epoch, self.body_json, prev)
        stored = row_hash(seq, show_time(when), self.actor, self.host, self.stream, self.kind, self.epoch, self.body_json, prev)
        if digest != stored:
            raise _no_canonical_form(self.kind)
        return Event(
            seq, when, self.actor, self.host, self.stream, self.kind, self.epoch, self.body, self.body_json, prev, digest
        )


def draft(stream: str, epoch: int, body: Body, author: Author) -> Draft:
    """Raises TypeError for a body that is no kind of event or holds a float, InvalidInput for text that cannot be stored."""
    kind = kind_of(body)
    try:
        text = body_json(body)
        text.encode()
        parsed = parse_body(kind, text, 0)[1]
    except UnicodeEncodeError:
        raise _no_canonical_form(kind) from None
    except JournalCorrupt as error:
        raise InvalidInput(
            f"this {kind} could not be read back from the journal once it is written.",
            remedy="Write its text again without control characters and lone accents; nothing was journalled.",
        ) from error
    return Draft(name(author.actor), name(author.host), stream_name(stream), kind, epoch, parsed, text)


def stream_name(stream: str) -> str:
    """The one spelling a stream is stored by. Raises InvalidInput."""
    if not stream or _NOT_TEXT.search(stream):
        raise InvalidInput(
            f"{stream!r} cannot name a stream of the journal.", remedy="Use a name without line breaks and control characters."
        )
    return unicodedata.normalize("NFC", stream)


def name(text: str) -> str:
    """The one spelling of an actor, host or holder.

    A rollback must not fail because a login name is not text: what cannot be shown is replaced, the rest is kept.
    """
    return unicodedata.normalize("NFC", _NOT_TEXT.sub("\ufffd", text))


def kind_of(body: Body) -> Kind:
    """Raises TypeError for a body that is no kind of event."""
    kind = KIND_OF.get(type(body))
    if kind is None:
        raise TypeError(f"{type(body).__name__} is not the body of a kind of event")
    return kind


def refuse_effect(body: Body) -> None:
    """Raises TypeError: an effect needs a lease."""
    kind = kind_of(body)
    if class_of(kind) is EventClass.EFFECT:
        raise TypeError(f"{kind} is an effect: it needs a lease (append_held)")


def refuse_own(body: Body) -> None:
    """Raises TypeError for what a store writes by itself."""
    kind = kind_of(body)
    if kind in _OWN_KINDS:
        raise TypeError(f"{kind} is written by taking and releasing a lease alone")


def event_of(row: Row) -> Event:
    """Raises JournalCorrupt, naming the event, for a row this version cannot read."""
    seq, at, actor, host, stream, kind, epoch, body, prev, digest = row
    if (
        type(seq) is not int
        or type(epoch) is not int
        or not all(type(text) is str for text in (at, actor, host, stream, kind, body, prev, digest))
    ):
        raise _unreadable(seq, "a column is not of its type")
    try:
        when = datetime.fromisoformat(at)
    except ValueError:
        raise _unreadable(seq, f"its time {at!r} is not a time") from None
    if when.tzinfo is None:
        raise _unreadable(seq, f"its time {at!r} has no zone")
    known, parsed = parse_body(kind, body, seq)
    return Event(seq, when.astimezone(UTC), actor, host, stream, known, epoch, parsed, body, prev, digest)


def row_of(event: Event) -> Row:
    return (
        event.seq,
        show_time(event.at),
        event.actor,
        event.host,
        event.stream,
        event.kind.value,
        event.epoch,
        event.body_json,
        event.prev,
        event.hash,
    )


def _no_canonical_form(kind: Kind) -> InvalidInput:
    return InvalidInput(
        f"the text of this {kind} has no canonical form: half a character, or an accent right after a control character.",
        remedy="Write the text again without it; nothing was journalled.",
    )


def _unreadable(seq: int, why: str) -> JournalCorrupt:
    return JournalCorrupt(f"event {seq} cannot be read: {why}.", remedy="Run `rolloutctl journal verify`.")
