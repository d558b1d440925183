"""A flag server in memory whose next answers are scripted: it does, refuses, loses the request or loses the answer."""

import json
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from rolloutctl.model import outcome as out
from rolloutctl.model.cohort import OFF, Cohort, CohortState


class Answers(StrEnum):
    DOES_IT = "does it"
    REJECTS = "rejects"
    NEEDS_APPROVAL = "needs approval"
    RATE_LIMITED = "rate limited"
    UNAVAILABLE = "unavailable"
    """Nothing was sent."""
    CONFLICT = "conflict"
    """Somebody else wrote in between; what they wrote stands."""
    LOSES_REQUEST = "loses the request"
    LOSES_ANSWER = "loses the answer"
    LANDS_LATE = "lands late"
    """No answer, and the change happens when `land` is called."""
    CRASH_BEFORE = "crash before it was sent"
    CRASH_AFTER = "crash after it was sent"


class CrashError(Exception):
    """The driver died between intent and outcome."""


class DownError(Exception):
    """The flag server cannot be read."""


def state_of(enabled: bool, cohort: Cohort | None, note: str = "") -> CohortState:
    native = json.dumps({"enabled": enabled, "cohort": str(cohort), "note": note}, sort_keys=True)
    return CohortState(enabled=enabled, cohort=cohort, native=native, why_foreign="" if cohort is not None else "foreign rules")


@dataclass
class FlagServer:
    state: CohortState = field(default_factory=lambda: state_of(False, OFF))
    script: deque[Answers] = field(default_factory=deque)
    readable: bool = True
    writes: list[tuple[int, CohortState]] = field(default_factory=list)
    """Every write that changed something: the intent's key and what stood afterwards."""
    late: list[tuple[int, CohortState]] = field(default_factory=list)
    other: CohortState = field(default_factory=lambda: state_of(True, Cohort(percent=77)))
    """What somebody else writes at a conflict."""

    @property
    def serves(self) -> Cohort | None:
        return self.state.effective

    def read(self) -> CohortState:
        if not self.readable:
            raise DownError("connection refused")
        return self.state

    def somebody(self, state: CohortState) -> None:
        self.state = state

    def land(self) -> None:
        for key, state in self.late:
            self._write(key, state)
        self.late.clear()

    def _write(self, key: int, state: CohortState) -> None:
        if state.native != self.state.native:
            self.writes.append((key, state))
        self.state = state

    def write(self, key: int, want: CohortState) -> out.Outcome:
        answer = self.script.popleft() if self.script else Answers.DOES_IT
        match answer:
            case Answers.DOES_IT:
                same = self.state.native == want.native
                self._write(key, want)
                return out.Unchanged(want) if same else out.Applied(want)
            case Answers.REJECTS:
                return out.Rejected("422: percentage must be even")
            case Answers.NEEDS_APPROVAL:
                return out.NeedsApproval("http://127.0.0.1/change-requests/7", "a change request was opened")
            case Answers.RATE_LIMITED:
                return out.RateLimited(30.0, "429")
            case Answers.UNAVAILABLE:
                return out.Unavailable("connection refused")
            case Answers.CONFLICT:
                self.state = self.other
                return out.Conflict(self.other, "read-back shows something else")
            case Answers.LOSES_REQUEST:
                return out.Unknown("no answer within 8 s")
            case Answers.LOSES_ANSWER:
                self._write(key, want)
                return out.Unknown("no answer within 8 s")
            case Answers.LANDS_LATE:
                self.late.append((key, want))
                return out.Unknown("no answer within 8 s")
            case Answers.CRASH_BEFORE:
                raise CrashError
            case Answers.CRASH_AFTER:
                self._write(key, want)
                raise CrashError
