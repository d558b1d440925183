"""What a decision is made from, besides the sealed plan and the folded state: values the engine observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rolloutctl.config import Config
from rolloutctl.model.cohort import CohortState
from rolloutctl.model.outcome import Verification
from rolloutctl.model.rehearsal import Standing
from rolloutctl.model.verdict import PhaseVerdict, Verdict
from rolloutctl.plan.model import Plan
from rolloutctl.runbook.model import Policy


@dataclass(frozen=True, slots=True)
class Proof:
    """How far the way back is proved, by the rehearsals of the sealed runbook."""

    runbook: str
    policy: Policy
    """What the runbook demands."""
    standing: Standing | None
    """None: it cannot be told."""
    edits: tuple[str, ...] = ()
    """What was edited since it was rehearsed: step and key, a sentence each."""
    trouble: str = ""
    """Why it cannot be told."""


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
    checked: Mapping[int, str] = field(default_factory=dict)
    """Why the signature on a pending request does not verify, by its seq; empty: it does. A request that is signed and not in
    here waits."""
    proof: Proof | None = None
    """None: the plan names no runbook."""
    proposed: Mapping[int, Plan | str] = field(default_factory=dict)
    """The plan that a pending amendment would put in force, by the request's seq, or why it cannot be read. One that is not in
    here waits."""
    verify_due: bool = False
    """That look is old enough to look again."""
