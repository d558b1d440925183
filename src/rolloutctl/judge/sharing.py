"""How the plan's error rates are shared, so that what it promises holds for the rollout as a whole.

`alpha` is shared by the judged phases and by the criteria of a phase that are judged by evidence; a criterion that is judged
by segment gives half of its share to the whole and half to the segments. `beta` is per criterion and phase.
"""

from __future__ import annotations

from rolloutctl.plan.model import Plan


def alpha_of(plan: Plan, phase_index: int) -> float:
    """What one criterion of the phase may spend."""
    judged = sum(1 for index in range(len(plan.phases)) if any(c.by_evidence for c in plan.judged_of(index)))
    criteria = sum(1 for criterion in plan.judged_of(phase_index) if criterion.by_evidence)
    return float(plan.judge.alpha) / max(1, judged) / max(1, criteria)


def beta_of(plan: Plan) -> float:
    return float(plan.judge.beta)
