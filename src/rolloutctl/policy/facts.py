"""What a decision is made from, besides the sealed plan and the folded state: values the engine observed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rolloutctl.config import Config
from rolloutctl.model.cohort import CohortState
from rolloutctl.model.outcome import Verification
from rolloutctl.model.verdict import PhaseVerdict, Verdict


@dataclass(frozen=True, slots=True)
class Facts:
    now: datetime
    """The source's time where it is known."""
    config: Config
    """For roles and groups only."""
    driving_since: datetime
    """When this driver took the lease: countdowns that ran out before it were unattended."""
    verdicts: tuple[Verdict, ...] = ()
    """Of the phase attempt that is served; empty before anything was judged."""
    phase_verdict: PhaseVerdict | None = None
    flag: CohortState | None = None
    """Newest reading; None: it was not read since our last change, or cannot be."""
    flag_error: str = ""
    """Why the flag cannot be read now."""
    next_problem: str = ""
    """Why the provider cannot be brought to the next phase; empty when it can."""
    exposure_off: str = ""
    """Why exposure has been off by more than the plan allows, past its grace; empty when it is not."""
    verification: Verification | None = None
    """What clients were served when last looked at since our last change."""
    verify_due: bool = False
    """That look is old enough to look again."""
