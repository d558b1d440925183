"""What people are told through a channel, and what came of telling them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Urgency(StrEnum):
    """How fast a person has to look."""

    INFO = "info"
    """Good to know."""
    WARNING = "warning"
    """Somebody should look today."""
    CRITICAL = "critical"
    """Somebody must look now."""


class Matter(StrEnum):
    """Where the matter stands that a message is about: what pages people opens, acknowledges and closes it by this."""

    NEWS = "news"
    """Nothing is expected of anybody."""
    OPEN = "open"
    """Somebody has to act."""
    SEEN = "seen"
    """Somebody acts."""
    CLOSED = "closed"
    """Nobody has to act any more."""


@dataclass(frozen=True, slots=True)
class Message:
    """Plain text: every channel escapes it for where it lands."""

    title: str
    """One line."""
    text: str
    """Any number of lines; may be empty."""
    at: datetime
    urgency: Urgency = Urgency.INFO
    matter: Matter = Matter.NEWS
    about: str = ""
    """Names the matter: messages with the same belong together, such as those of one rollout."""
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values, shown below the text, such as the journal's head."""
    key: str = ""
    """Names this message, the same for every attempt to send it; empty: it has no name."""


class Ending(StrEnum):
    """What came of telling people."""

    TAKEN = "taken"
    """The channel's server has taken the message."""
    REFUSED = "refused"
    """The channel's server has said no: nobody was told."""
    NOT_SENT = "not_sent"
    """The channel's server was not reached: nobody was told."""
    UNKNOWN = "unknown"
    """It was sent and no usable answer came back: people may have been told."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one message, after every attempt."""

    ending: Ending
    why: str
    """For people: what came back, or what was in the way; without secrets."""
    attempts: int
    elapsed_s: float

    @property
    def ok(self) -> bool:
        return self.ending is Ending.TAKEN
