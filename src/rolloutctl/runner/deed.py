"""What a step is to the run: something that can be prepared, carried out, and looked at. One class per type of step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from rolloutctl.model.kinds import Reality

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Ok:
    evidence: Mapping[str, str] = field(default_factory=dict)
    unchanged: bool = False
    recovered: bool = False
    why: str = ""
    waited: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Failed:
    """It definitely did not happen, or did not pass."""

    why: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    waited: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened."""

    why: str
    evidence: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """This process has to leave before it is over; nothing is known, and nothing is lost."""


Result = Ok | Failed | Unknown | Interrupted


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before the intent is committed; only reads were sent."""

    requests: tuple[str, ...] = ()
    """As they will be sent, without credentials."""
    before: str = ""
    """What the read-back gives now; empty: it was not asked, or told nothing."""
    refusal: str = ""
    """Why it must not be sent; empty: it may."""
    difference: str = ""
    """For people: `5 % → off`, or `already off`."""
    already: bool = False
    """It is so already: nothing needs to be sent."""


@dataclass(frozen=True, slots=True)
class Seen:
    found: Reality
    why: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """The real state cannot be read, or tells nothing."""

    why: str


Look = Seen | Unseen


class Deed(Protocol):
    async def prepare(self) -> Prepared:
        """Sends nothing but reads. Raises InvalidInput for what can never be sent."""
        ...

    async def carry(self, prepared: Prepared) -> Result:
        """Once the intent is committed."""
        ...

    async def look(self) -> Look:
        """The real state of what was begun by whomever, `before` being what the first intent kept."""
        ...
