"""What `doctor --json` prints, for scripts."""

from __future__ import annotations

from typing import TypedDict


class TerminalShape(TypedDict):
    columns: int
    """0: the output is no terminal."""
    rows: int
    term: str
    """The variable TERM; empty: not set."""
    colours: int
    """How many can be told apart: 0, 16, 256 or 16777216."""
    colours_why: str
    encoding: str
    shows_screen: bool
    """Whether `rolloutctl` without a command can open its screen here."""


class ConfigShape(TypedDict):
    ok: bool
    files: list[str]
    """Those that were read, weakest first."""
    problems: list[str]
    """Sentences; why it cannot be used."""
    operator: str | None
    role: str | None
    writes: list[str]
    """Environments that may be changed from here."""


class JournalShape(TypedDict):
    ok: bool
    place: str
    """A path, or a URL without its password."""
    begun: bool
    head_seq: int
    """Number of the newest event."""
    rollouts: int
    why: str
    """Why it cannot be read; empty when it can."""


class PartShape(TypedDict):
    name: str
    kind: str
    """source | provider"""
    ok: bool
    latency_s: float
    says: str
    facts: dict[str, str]
    """Address, kind of auth, limits, version; never a secret."""


class ClockShape(TypedDict):
    ahead_s: float | None
    """This machine's clock minus the source's; null: no source told its time."""
    steady: bool
    """Less than five seconds apart."""


class DoctorShape(TypedDict):
    """What the program runs on and is connected to."""

    terminal: TerminalShape
    config: ConfigShape
    journal: JournalShape | None
    """null: the config cannot be used."""
    parts: list[PartShape]
    clock: ClockShape | None
