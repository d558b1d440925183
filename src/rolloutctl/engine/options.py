"""What a process wants of its engine: which rollouts it drives, under which name, and whether it looks at the world at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Drives(StrEnum):
    """Which rollouts a process takes the lease of."""

    NONE = "none"
    """Only looks; a command may take one for as long as it needs."""
    FREE = "free"
    """Every active one that nobody else drives."""
    NAMED = "named"
    """Only those it was told to."""


class Prompts(StrEnum):
    """Whether whoever signs may be asked for a passphrase."""

    TERMINAL = "terminal"
    """At the terminal."""
    NEVER = "never"
    """The screen owns the terminal, or there is none."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    drives: Drives
    holder: str
    """Names this process in the lease table."""
    named: frozenset[str] = frozenset()
    read_only: bool = False
    poll: bool = True
    """Look at sources and providers; a command that only writes a request does not need to."""
    notice: str = ""

    def wants(self, rollout: str) -> bool:
        """Whether this process drives it as soon as nobody else does."""
        return not self.read_only and (self.drives is Drives.FREE or rollout in self.named)
