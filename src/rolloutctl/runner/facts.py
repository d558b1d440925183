"""What the next action depends on besides the runbook and the journal: all of it dies with the process, and may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rolloutctl.runner.action import Question, Said

LOOKS = 3
"""How often what nobody could tell of is read back before a person is asked."""
TRIES = 3
"""How often a step is begun by itself when its read-back says that it did not happen."""


class Crew(StrEnum):
    """Whom a run may ask."""

    PERSON = "person"
    """Somebody who may answer: at the terminal."""
    NOBODY = "nobody"
    """Nobody, and it was started by hand: it stops where it would ask, and may be resumed."""
    UNATTENDED = "unattended"
    """Nobody, and it must come to its end: what nobody answers pages and goes on."""


@dataclass(frozen=True, slots=True)
class Facts:
    crew: Crew = Crew.NOBODY
    yes: bool = False
    """A person has confirmed every step beforehand; a second person is asked all the same."""
    since: int = 0
    """Number of the newest event when this process took over: what had failed by then is tried again."""
    fresh: frozenset[int] = frozenset()
    """Intents that this process has written and not carried out yet."""
    looked: Mapping[int, int] = field(default_factory=dict)
    """By intent: how often it was read back since this process took over, and nothing was found out."""
    said: Mapping[Question, Said] = field(default_factory=dict)
    paged: frozenset[Question] = frozenset()
    """Questions that nobody answered and people were told of."""
    stopping: str = ""
    """Why this process has to leave, such as a signal; empty: it need not."""
    proved: bool | None = None
    """What the proof at the end showed; None: it was not tried yet."""
    wrong: tuple[str, ...] = ()
    """What the proof found to be otherwise, as sentences."""
    undoing: bool = False
    """Only undo what the run did."""
    giving_up: str = ""
    """Why a person ends the run where it is; empty: nobody does."""
