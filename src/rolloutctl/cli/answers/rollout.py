"""A rollout, as `status`, `watch`, `wait` and every command that changes one print it."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class CohortShape(TypedDict):
    audiences: list[str]
    percent: float


class PhaseShape(TypedDict):
    """The phase whose cohort is served."""

    name: str
    index: int
    """From 0."""
    count: int
    """How many the plan has."""
    attempt: int | None
    """Which attempt of this phase; null: it does not bake yet."""
    cohort: CohortShape
    started_at: str | None
    bake_s: float
    """What the plan declares."""
    baked_s: float | None
    deadline_at: str | None


class FlagReadShape(TypedDict):
    """The newest look at the flag server."""

    state: str | None
    at: str | None
    error: str | None


class FlagShape(TypedDict):
    provider: str
    key: str
    environment: str
    project: str
    expected: str | None
    """What it serves after our last change; null: that is not known."""
    drifted: str | None
    """What it was found at after a change by somebody else."""
    last_change: str | None
    failure: str | None
    """Why our last change did not happen."""
    unknown: str | None
    """Why the outcome of a change is not known."""
    read: NotRequired[FlagReadShape]
    """Only where it was asked."""


class EvidenceShape(TypedDict):
    """What a criterion was judged on; numbers in the criterion's unit."""

    canary: float | None
    baseline: float | None
    bound: float | None
    events_canary: int | None
    events_baseline: int | None
    newest: str | None
    """Time of the newest sample."""
    age_s: float | None
    series: int
    queries: list[str]
    """As they were sent."""
    approximate: NotRequired[bool]


class VerdictShape(TypedDict):
    """A criterion as it was judged just now."""

    criterion: str
    segment: str | None
    """null: the whole."""
    state: str
    why: str
    would_change: str | None
    since: str | None
    missing_since: str | None
    grace_over: bool
    breach_at: str | None
    evidence: EvidenceShape


class CriterionShape(TypedDict):
    """A criterion as the journal has it."""

    criterion: str
    segment: str | None
    state: str


class BreachShape(TypedDict):
    """A breach of the present attempt: it stands whatever comes later."""

    criterion: str
    segment: str | None
    role: str
    at: str
    why: str


class HoldShape(TypedDict):
    by: str
    """person | automatic"""
    code: str
    """A stable word for the reason."""
    reason: str
    since: str
    actor: str


class CountdownShape(TypedDict):
    criterion: str
    segment: str | None
    reason: str
    fires_at: str
    postponed: int


class RollbackShape(TypedDict):
    why: str
    by: str
    at: str
    tries: int
    """How many did not settle."""
    settled: bool
    """The flag server says so; clients may still have to follow."""


class EndedShape(TypedDict):
    at: str
    why: str


class DriverShape(TypedDict):
    driving: str
    """here | elsewhere | unattended | not needed"""
    holder: str | None
    lease_until: NotRequired[str | None]


class BrokenGlassShape(TypedDict):
    phase: str
    actor: str
    why: str
    at: str


class ApprovalShape(TypedDict):
    phase: str
    by: str
    signed: bool
    """false: unauthenticated."""


class GateSignedShape(TypedDict):
    gate: str
    go: bool
    by: str
    signed: bool
    """false: unauthenticated."""


class RolloutShape(TypedDict):
    """A rollout, from the journal alone."""

    rollout: str
    """`name#n`."""
    plan: str
    attempt: int
    title: str
    owner: str
    status: str
    step: str | None
    """null: it has ended."""
    phase: PhaseShape | None
    """null: before the first."""
    entering: str | None
    """The phase that is waited for or applied."""
    flag: FlagShape
    criteria: list[CriterionShape | VerdictShape]
    breaches: list[BreachShape]
    held: bool
    holds: list[HoldShape]
    countdown: CountdownShape | None
    waiting_for: list[str]
    """Sentences."""
    rollback: RollbackShape | None
    ended: EndedShape | None
    approvals: list[ApprovalShape]
    """Of phases to come."""
    gates: list[GateSignedShape]
    amendments: int
    """How often the plan was amended."""
    plan_digest: str
    runbook: str | None
    """Id of the runbook that was sealed with the plan."""
    broken_glass: list[BrokenGlassShape]
    """Steps forward although the way back was not proved."""
    sealed_at: str
    sealed_by: str
    seq: int
    """Its newest event."""
    driver: DriverShape


class SeenShape(TypedDict):
    state: str
    why: str


class ExposureShape(TypedDict):
    """The canary's share of requests."""

    share: float | None
    """0 to 1; null: it cannot be told."""
    expected: float | None
    requests_per_s: float | None
    why: str


_For = TypedDict("_For", {"for": list[str]})


class ProposalShape(_For):
    """What a step would do, and what speaks `for` and against it."""

    allowed: bool
    effect: str
    to: str | None
    requests: list[str]
    """What would be sent, without credentials."""
    against: list[str]


class ProofShape(TypedDict):
    runbook: str
    policy: str
    """off | warn | block"""
    state: str | None
    """Of its rehearsals: REHEARSED, NEVER, …; null: it cannot be told."""
    standing: str
    """The same with its numbers."""
    edits: list[str]
    """What was edited since it was rehearsed, a sentence each."""


class LiveRolloutShape(RolloutShape):
    """A rollout as an engine saw it: the journal, the source and the flag server."""

    verdict: SeenShape | None
    """Of the phase."""
    judged_at: str | None
    exposure: ExposureShape
    proof: ProofShape | None
    """How far the way back is proved; null: the plan names no runbook."""
    next: str
    """What happens next, in words."""
    advance: ProposalShape | None
    rollback_would: ProposalShape | None
    errors: list[str]
    """What is wrong just now, a sentence each."""
