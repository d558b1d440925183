"""What views may ask of the engine: a closed list of commands, and the answer each gets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rolloutctl.errors import ExitCode


class CommandKind(StrEnum):
    ADVANCE = "advance"
    BACK = "back"
    HOLD = "hold"
    RESUME = "resume"
    APPROVE = "approve"
    SIGN = "gate"
    AMEND = "amend"
    ROLLBACK = "rollback"
    POSTPONE = "postpone"
    ABORT = "abort"
    CHECKED = "checked"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Command:
    """A request on one rollout by the operator of this process."""

    kind: CommandKind
    rollout: str
    """`name#n`."""
    why: str = ""
    to: str = ""
    """Phase name: ADVANCE (empty: the next), BACK, APPROVE (empty: the next)."""
    break_glass: str = ""
    """ADVANCE: why a way back that is not proved does not stop it; empty: it does."""
    gate: str = ""
    go: bool = True
    checks: tuple[str, ...] = ()
    plan_text: str = ""
    """AMEND: the plan to put in force; APPROVE: empty, or the plan whose amendment is approved."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a command ended: `code` is the exit code of the same command in a shell."""

    code: ExitCode
    sentence: str
    reasons: tuple[str, ...] = ()
    seq: int = 0
    """Sequence number of the request in the journal; 0: it was refused before it was written."""
