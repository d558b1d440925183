"""The journal's words: kinds of events, classes of kinds, and the closed sets that bodies choose from.

Apart from `events.py`, whose bodies are pydantic models: who only looks at a journal or names a state loads none.
"""

from __future__ import annotations

from enum import StrEnum

GENESIS = "0" * 64
"""`prev` of the first event."""
HASH_DOMAIN = b"rolloutctl-journal-1\0"
"""Begins whatever is hashed into the chain, so that no hash of anything else can be taken for one."""


class Kind(StrEnum):
    ADVANCE_REQUESTED = "advance.requested"
    """A person asks to enter the next phase, or to end the last one."""
    BACK_REQUESTED = "back.requested"
    """A person asks to go back to a phase, or to begin the present one anew."""
    HOLD_REQUESTED = "hold.requested"
    """A person asks for a hold."""
    RESUME_REQUESTED = "resume.requested"
    """A person asks to end a hold, or to go on after a deadline."""
    ROLLBACK_REQUESTED = "rollback.requested"
    """A person asks to roll back."""
    ABORT_REQUESTED = "abort.requested"
    """A person asks to end the rollout at its present exposure."""
    APPROVAL_GIVEN = "approval.given"
    """A person approves entering a phase."""
    GATE_SIGNED = "gate.signed"
    """A person signs a gate: go or no-go."""
    COUNTDOWN_POSTPONED = "countdown.postponed"
    """A person postpones the countdown to a rollback."""
    ROLLBACK_CHECKED = "rollback.checked"
    """A person has looked at the flag server after a rollback nobody could confirm."""
    AMEND_REQUESTED = "amend.requested"
    """A person asks to put another plan in place of the sealed one."""
    NOTE_ADDED = "note.added"
    """A person writes a note."""

    ROLLOUT_SEALED = "rollout.sealed"
    """A rollout begins: plan, digest, and what the flag served before."""
    PLAN_AMENDED = "plan.amended"
    """From here on another plan is in force; nobody is served anything else by it."""
    PHASE_WAITING = "phase.waiting"
    """A phase waits to be entered, and for what."""
    PHASE_BAKING = "phase.baking"
    """Clients are served the cohort of a phase: its clock starts."""
    PHASE_READY = "phase.ready"
    """A phase is READY."""
    VERDICT_CHANGED = "verdict.changed"
    """The state of a criterion is another one than before."""
    BREACH_LATCHED = "breach.latched"
    """A criterion is in BREACH for the rest of this attempt of the phase."""
    SAMPLE_RECORDED = "sample.recorded"
    """A number that an adapter gave for a criterion; no metrics source keeps it."""
    JUDGE_CHECKPOINT = "judge.checkpoint"
    """Samples that verdicts of a phase rest on are kept, as the metrics source may forget them."""
    DECISION_MADE = "decision.made"
    """A request was accepted or refused, or something was decided without one."""
    HOLD_SET = "hold.set"
    """The rollout is held, by a person or for a reason."""
    HOLD_CLEARED = "hold.cleared"
    """A hold has ended."""
    COUNTDOWN_STARTED = "countdown.started"
    """A breach counts down to its rollback."""
    ROLLOUT_ENDED = "rollout.ended"
    """The rollout is DONE, ROLLED BACK or ABORTED, or its rollback is UNKNOWN."""

    FLAG_INTENT = "flag.intent"
    """What is about to be done to the flag; written before anything is sent."""
    FLAG_APPLIED = "flag.applied"
    """The flag was changed, and reads as it was meant."""
    FLAG_UNCHANGED = "flag.unchanged"
    """The flag was so already; nothing was sent."""
    FLAG_CONFLICT = "flag.conflict"
    """Somebody else changed the flag meanwhile; nothing of ours was applied."""
    FLAG_NEEDS_APPROVAL = "flag.needs_approval"
    """The flag server wants the change approved on its side."""
    FLAG_REJECTED = "flag.rejected"
    """The flag server refused the change."""
    FLAG_FAILED = "flag.failed"
    """The change did not happen."""
    FLAG_UNKNOWN = "flag.unknown"
    """Nobody saw an answer: it may have happened."""
    FLAG_RECONCILED = "flag.reconciled"
    """The flag was read after an unknown outcome, and this was found."""
    FLAG_DRIFTED = "flag.drifted"
    """The flag is not as it was left: somebody else changed it."""

    RUN_CREATED = "run.created"
    """A run of a runbook begins: which bytes, where, with which parameters."""
    RUN_ENDED = "run.ended"
    """The run is over, and what came of it."""
    STEP_INTENT = "step.intent"
    """What a step is about to do; written before anything is sent."""
    STEP_OK = "step.ok"
    """The step did what it was meant to, or it was so already."""
    STEP_FAILED = "step.failed"
    """The step did not happen, or its check did not pass in time."""
    STEP_UNKNOWN = "step.unknown"
    """Nobody saw an answer to the step: it may have happened."""
    STEP_RECONCILED = "step.reconciled"
    """After an unknown outcome the real state was read, and this was found."""
    NOTIFIED = "notified"
    """People were told, or could not be."""

    LEASE_TAKEN = "lease.taken"
    """A process drives the rollout from now on."""
    LEASE_RELEASED = "lease.released"
    """The process that drove it does no longer."""
    HEAD_WITNESSED = "head.witnessed"
    """Number and hash of the newest event were put where the journal is not."""
    JOURNAL_RECOVERED = "journal.recovered"
    """Records that were kept while the journal could not be written have joined it."""


class EventClass(StrEnum):
    REQUEST = "request"
    FACT = "fact"
    EFFECT = "effect"
    HOUSEKEEPING = "housekeeping"


def class_of(kind: Kind) -> EventClass:
    """Requests end in what a person did; effects are what is done outside; housekeeping is the journal's own."""
    if kind.startswith(("flag.", "run.", "step.")) or kind is Kind.NOTIFIED:
        return EventClass.EFFECT
    if kind in {Kind.LEASE_TAKEN, Kind.LEASE_RELEASED, Kind.HEAD_WITNESSED, Kind.JOURNAL_RECOVERED}:
        return EventClass.HOUSEKEEPING
    if kind.endswith(".requested") or kind in _REQUESTS:
        return EventClass.REQUEST
    return EventClass.FACT


_REQUESTS = frozenset({Kind.APPROVAL_GIVEN, Kind.GATE_SIGNED, Kind.COUNTDOWN_POSTPONED, Kind.ROLLBACK_CHECKED, Kind.NOTE_ADDED})


class Action(StrEnum):
    ADVANCE = "advance"
    BACK = "back"
    HOLD = "hold"
    RESUME = "resume"
    ROLLBACK = "rollback"
    ABORT = "abort"
    FINISH = "finish"
    APPROVE = "approve"
    SIGN = "sign"
    AMEND = "amend"
    POSTPONE = "postpone"
    CHECKED = "checked"


class HoldKind(StrEnum):
    PERSON = "person"
    AUTOMATIC = "automatic"


class HoldCode(StrEnum):
    """Why it is held. Journalled as text: a reader of an older version shows a code that it does not know."""

    PERSON = "person"
    """Somebody asked for it."""
    EVIDENCE = "evidence"
    """Evidence is missing past its grace, a signal is in BREACH, or nothing passes."""
    BREACH = "breach"
    """A guardrail is in BREACH, and the plan does not roll back by itself."""
    RECOVERED = "recovered"
    """A countdown ran out while nobody drove, and the breach looks recovered: a person decides."""
    DEADLINE = "deadline"
    """Not READY in time; a person may resume."""
    DRIFT = "drift"
    """Somebody else changed the flag."""
    FLAG = "flag"
    """The flag could not be changed."""
    UNSEEN = "unseen"
    """Clients do not follow the change."""
    EXPOSURE = "exposure"
    """The canary gets more or fewer users than its cohort says."""


class Role(StrEnum):
    """What a breach of a criterion does."""

    GUARDRAIL = "guardrail"
    """A breach rolls back."""
    SIGNAL = "signal"
    """A breach holds."""
    INFO = "info"
    """Shown, decides nothing."""


class Purpose(StrEnum):
    ADVANCE = "advance"
    BACK = "back"
    ROLLBACK = "rollback"
    RESTORE_OFF = "restore-off"
    """Exposure found above the target after a rollback is turned off again."""


class Reality(StrEnum):
    """What a read found about an intent whose outcome was unknown."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    FOREIGN = "foreign"


ROLLOUT_STREAM = "rollout/"
"""Begins the name of every rollout's stream; its id follows."""


def rollout_stream(plan: str, attempt: int) -> str:
    return f"{ROLLOUT_STREAM}{plan}#{attempt}"


def rollout_of(stream: str) -> str:
    """The id of a rollout's stream; any other stream's name as it is."""
    return stream.removeprefix(ROLLOUT_STREAM)


JOURNAL_STREAM = "journal"
