"""One tree of errors, each a sentence for a person and an exit code for a script.

    RolloutctlError
    ├── InvalidInput            2  a file, an argument or a query is wrong; says where and what to do
    │   └── FileInvalid             a whole file, with every finding
    │       ├── PlanInvalid
    │       ├── RunbookInvalid
    │       └── ConfigInvalid
    ├── Failed                  1  it definitely did not work
    │   └── JournalCorrupt
    ├── NotYet                  5  pending, held, timed out; may be tried again
    ├── Refused                 6  role, lease, approval, freeze, read-only
    │   └── LeaseLost
    └── Unreachable             7  source, provider or journal does not answer
        ├── SourceUnreachable
        ├── ProviderUnreachable
        └── JournalUnreachable

Invariant: the message never holds a secret, and says what is wrong; `remedy` says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    """Done, clean, READY, recovered in time."""
    FAILED = 1
    """Failed, BREACH, findings, differs."""
    INVALID = 2
    """Invalid input or usage."""
    OBJECTIVE_MISSED = 3
    """Done, but the time objective was missed."""
    UNKNOWN = 4
    """Unknown: a person must look."""
    NOT_YET = 5
    """Not yet: PENDING, HOLD, paused, timed out; may be resumed."""
    REFUSED = 6
    """Refused: role, lease, rehearsal, approval, freeze, read-only."""
    UNREACHABLE = 7
    """Source, provider or journal not reachable."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a wrong value stands: file, 1-based line, dotted key; each may be missing."""

    file: str | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        file_line = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return " ".join(part for part in (file_line, self.key) if part)


class RolloutctlError(Exception):
    """Base of everything this program raises on purpose."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, remedy: str = "", place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.place = place

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place and str(self.place) else ""
        return f"{where}{self.message}" + (f" {self.remedy}" if self.remedy else "")


class InvalidInput(RolloutctlError):
    exit_code = ExitCode.INVALID


class FileInvalid(InvalidInput):
    """A file cannot be read; holds every finding, not only the first."""

    def __init__(self, problems: tuple[InvalidInput, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class PlanInvalid(FileInvalid):
    pass


class RunbookInvalid(FileInvalid):
    pass


class ConfigInvalid(FileInvalid):
    pass


class Failed(RolloutctlError):
    exit_code = ExitCode.FAILED


class JournalCorrupt(Failed):
    """The chain or the database does not hold what it claims."""


class NotYet(RolloutctlError):
    exit_code = ExitCode.NOT_YET


class Refused(RolloutctlError):
    exit_code = ExitCode.REFUSED


class LeaseLost(Refused):
    """Another driver has taken the rollout: this process may not cause effects on it any more."""


class Unreachable(RolloutctlError):
    exit_code = ExitCode.UNREACHABLE


class SourceUnreachable(Unreachable):
    pass


class ProviderUnreachable(Unreachable):
    pass


class JournalUnreachable(Unreachable):
    pass
