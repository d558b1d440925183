"""The phase a criterion is judged in: its times, and what holds for all criteria of the plan."""

from __future__ import annotations

from dataclasses import dataclass

from rolloutctl.plan.model import Phase, Plan


@dataclass(frozen=True, slots=True)
class Frame:
    plan: Plan
    phase: Phase
    start: float
    """When the phase's clock began, Unix s by the source."""
    now: float
    max_age_s: float | None = None
    """How old evidence may be; None: as the plan says for all."""

    @property
    def origin(self) -> float:
        """When judging begins: the phase's start and its warm-up."""
        return self.start + self.plan.metrics.warmup.total_seconds()

    @property
    def step(self) -> float:
        return self.plan.metrics.step.total_seconds()

    @property
    def max_age(self) -> float:
        return self.plan.metrics.max_sample_age.total_seconds() if self.max_age_s is None else self.max_age_s

    @property
    def min_time(self) -> float:
        return self.plan.judge.min_time.total_seconds()

    @property
    def grace(self) -> int:
        """Cells that a state of missing evidence may last."""
        return self.plan.judge.grace

    @property
    def deadline(self) -> float:
        return self.start + self.phase.deadline_or_default.total_seconds()

    @property
    def host(self) -> str | None:
        return self.plan.metrics.host

    @property
    def segment(self) -> str | None:
        return self.plan.metrics.segment.label if self.plan.metrics.segment else None

    @property
    def required(self) -> tuple[str, ...]:
        return self.plan.metrics.segment.required if self.plan.metrics.segment else ()
