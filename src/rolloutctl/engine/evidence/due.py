"""When a checkpoint is worth it. Pure; loads no numpy, since it is asked after every look."""

from __future__ import annotations

from rolloutctl.engine.evidence.kept import Kept
from rolloutctl.model.state import PhaseRun
from rolloutctl.plan.model import Plan

EVERY_S = 3600.0
"""A checkpoint takes at least this much; so evidence of a look never holds much more."""
AFTER_EVIDENCE_S = 600.0
"""So much is enough when a look has just left evidence: where verdicts change often, each must not hold an hour anew."""


def settled(plan: Plan, now: float) -> float:
    """Before this (Unix s) nothing is expected to arrive any more."""
    return now - plan.metrics.max_sample_age.total_seconds()


def is_due(plan: Plan, run: PhaseRun, now: float, kept: Kept, every_s: float) -> bool:
    """Whether `every_s` have settled since the newest checkpoint, or since the history before the phase began."""
    since = kept.until
    if since is None:
        by_evidence = any(each.by_evidence for each in plan.judged_of(run.index))
        history = plan.metrics.history.total_seconds() if by_evidence else 0.0
        since = run.started_at.timestamp() - history
    return settled(plan, now) - since >= every_s
