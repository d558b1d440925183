"""What a run may do next: a closed set, and the questions it may ask a person. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from rolloutctl.errors import ExitCode
from rolloutctl.model.run_words import CleanUp, Part, RunResult


class Topic(StrEnum):
    """What a question is about."""

    CONFIRM = "confirm"
    """Whether to begin the step."""
    FAILED = "failed"
    """How to go on after a step that failed."""
    UNKNOWN = "unknown"
    """What became of a step that nobody could tell of."""
    PREFLIGHT = "preflight"
    """Whether to go on although a check before the first step did not pass."""


class Answer(StrEnum):
    YES = "yes"
    """Begin it."""
    AGAIN = "again"
    """Do the step once more."""
    GO_ON = "go on"
    """Leave the step as it is and go on with the next."""
    DONE = "done"
    """A person looked: it has happened."""
    NOT_DONE = "not done"
    """A person looked: it has not happened; it may be done once more."""
    STOP = "stop"
    """Stop here; the run can be resumed."""
    END = "end"
    """End the run here, for good."""
    NOBODY = "nobody answered"
    """In time, or at all."""


@dataclass(frozen=True, slots=True)
class Question:
    step: str
    topic: Topic
    intent: int = 0
    """Sequence number of the intent it is about; 0 before there is one."""


@dataclass(frozen=True, slots=True)
class Said:
    answer: Answer
    text: str = ""
    """As the person typed it, or how it was resolved without one."""
    waited: timedelta = timedelta()


ANSWERS: dict[Topic, tuple[Answer, ...]] = {
    Topic.CONFIRM: (Answer.YES, Answer.STOP),
    Topic.FAILED: (Answer.AGAIN, Answer.GO_ON, Answer.STOP, Answer.END),
    Topic.UNKNOWN: (Answer.DONE, Answer.NOT_DONE, Answer.STOP, Answer.END),
    Topic.PREFLIGHT: (Answer.GO_ON, Answer.AGAIN, Answer.STOP, Answer.END),
}
"""What a person may answer, the first being what Enter means where it is safe."""


@dataclass(frozen=True, slots=True)
class Half:
    """A step, or its undo."""

    step: str
    part: Part = Part.FORWARD


@dataclass(frozen=True, slots=True)
class Begin:
    """Commit the intents of these, one after the other; they are then carried out together."""

    halves: tuple[Half, ...]
    skips: tuple[str, ...] = ()
    """Steps that are passed over on the way."""


@dataclass(frozen=True, slots=True)
class Carry:
    """Carry out what was begun, all at the same time, and commit each outcome."""

    halves: tuple[Half, ...]


@dataclass(frozen=True, slots=True)
class ReadBack:
    """See what became of these before anything else is done."""

    halves: tuple[Half, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    question: Question


@dataclass(frozen=True, slots=True)
class TakeWord:
    """Commit what a person found out about a step that nobody could tell of."""

    half: Half
    happened: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A question was not answered: tell people, and go on."""

    question: Question


@dataclass(frozen=True, slots=True)
class Prove:
    """Read back every effect of the run, to see whether all is as the run left it."""

    halves: tuple[Half, ...]


@dataclass(frozen=True, slots=True)
class End:
    result: RunResult
    clean_up: CleanUp = CleanUp.NONE
    skipped: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing more in this process; the run can be resumed where it is not over."""

    code: ExitCode
    why: str


Action = Begin | Carry | ReadBack | Ask | TakeWord | Page | Prove | End | Leave
