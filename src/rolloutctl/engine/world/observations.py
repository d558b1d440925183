"""What was last seen of the world for one rollout: plain values, replaced whole, never accumulated into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rolloutctl.engine.view.snapshot import Exposure, FlagReading
from rolloutctl.model.outcome import Verification
from rolloutctl.model.samples import Answer, Query
from rolloutctl.model.verdict import PhaseVerdict, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts of one look, and the phase attempt they are of."""

    phase_attempt: int
    verdicts: tuple[Verdict, ...]
    phase: PhaseVerdict
    at: datetime
    """Source's time of the look."""
    answers: Mapping[Query, Answer] | None = field(default=None, repr=False, compare=False)
    """What was judged, for whoever keeps it as evidence."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What clients were served, and the change it was looked at for."""

    verification: Verification
    change: int
    """`settled_seq` of that change."""
    at: datetime


NOT_READ = FlagReading(state=None, read_at=None)
NO_EXPOSURE = Exposure(None, None, None, off_by_more=False, why="not looked at yet", at=None)


@dataclass(frozen=True, slots=True)
class Observations:
    judgement: Judgement | None = None
    flag: FlagReading = NOT_READ
    flag_change: int = 0
    """The change (`settled_seq`) in force when the flag was read: an older reading says nothing about a newer change."""
    flag_revision: str = ""
    """The provider's revision before that reading; empty where it tells none, or where a change was under way."""
    flag_read_whole: datetime | None = None
    """When the flag itself was read; `flag.read_at` is later where the provider has said since that nothing was changed."""
    next_requests: tuple[str, ...] = ()
    """What entering the next phase would send, as far as the newest reading tells."""
    next_problem: str = ""
    """Why the provider cannot be brought to the next phase; empty when it can."""
    exposure: Exposure = NO_EXPOSURE
    exposure_off: str = ""
    """Why exposure has been off by more than the plan allows, past its grace; no numbers that change by the second."""
    seen: Seen | None = None
    source_error: str = ""
