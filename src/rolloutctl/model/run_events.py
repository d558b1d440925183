"""The bodies of the events of a run, and of `notified`: one frozen model per kind.

They stand in the stream `run/<id>`; `notified` may also stand in a rollout's. All are effects: only the holder of the stream's
lease appends them. A body holds no floats and no secrets: requests are written without credentials.
"""

from __future__ import annotations

from pydantic import Field

from rolloutctl.model.body import Body
from rolloutctl.model.cohort import Target, Value
from rolloutctl.model.fields import Duration, Instant
from rolloutctl.model.kinds import Reality
from rolloutctl.model.run_words import CleanUp, ClockStart, ClockStop, Part, RunMode, RunResult, Section


class ListedStep(Value):
    """A step as the run will meet it, in the order of the runbook."""

    id: str
    section: Section
    type: str
    critical: bool
    effect: bool
    """It changes something outside: only such a step has an intent that matters after a crash."""


class RunCreated(Body):
    run: str
    """Id of the run, and of its stream."""
    mode: RunMode
    runbook: str
    """Id of the runbook."""
    exec_digest: str
    """SHA-256 of what the runbook does, without its cosmetic keys."""
    adapter_digest: str
    """SHA-256 of the contracts it relies on, without URLs and credentials."""
    blob: str = ""
    """Digest of the blob that holds the runbook's text as it was read."""
    environment: str
    """Environment of the config it runs in."""
    target: Target | None = None
    """The flag that `flag` steps change; none where the runbook has no such step."""
    rollout: str = ""
    """Id of the rollout that is rolled back; empty for a run by hand."""
    params: dict[str, str] = Field(default_factory=dict)
    """Values of the placeholders as the run began."""
    incident: str = ""
    """What `--incident` said."""
    inject: tuple[str, ...] = ()
    """Faults that the run injects into itself: `flag-off=lost-answer@1`."""
    steps: tuple[ListedStep, ...] = ()
    """Every step of the runbook, in its order."""
    objective: Duration
    """Time to rollback, at most."""
    start: ClockStart
    """Where that time begins."""
    stop: ClockStop
    """Where it ends."""
    confirmed: bool = False
    """The decision to roll back answers every `confirm` except `second_person`."""
    decided_at: Instant
    """When it was decided to run this: a person's dialog, or the end of a countdown."""
    at: Instant
    """When the run started."""


class RunEnded(Body):
    result: RunResult
    clean_up: CleanUp = CleanUp.NONE
    skipped: tuple[str, ...] = ()
    """Steps that were passed over: not covered by this run."""
    why: str = ""
    proved_at: Instant | None = None
    """When the effects (of a rehearsal: the clean-up) had been read back and found as they should be."""
    at: Instant


class StepIntent(Body):
    """A step that changes nothing has an intent too, so that the record tells when it began."""

    step: str
    part: Part = Part.FORWARD
    attempt: int = 1
    """Counts within the run: retrying a step is visible."""
    requests: tuple[str, ...] = ()
    """What will be sent, without credentials."""
    key: str = ""
    """Idempotency key; the same in every attempt."""
    before: str = ""
    """What the step's read-back gave before anything was sent: what its undo must bring back."""
    answer: str = ""
    """What a person answered when asked whether, or how, to go on; or how a question that nobody answered was resolved."""
    waited: Duration = Field(default="0s", validate_default=True)
    """How long people were waited for before this."""
    skips: tuple[str, ...] = ()
    """Steps that are passed over on the way to this one."""
    at: Instant


class StepOutcome(Body):
    """Body of the outcome of a step."""

    intent: int
    """Sequence number of the step's intent."""
    step: str
    part: Part = Part.FORWARD
    why: str = ""
    waited: Duration = Field(default="0s", validate_default=True)
    """How long people were waited for within the step."""
    evidence: dict[str, str] = Field(default_factory=dict)
    """What was seen: status, value, age, what a person typed as proof."""
    at: Instant


class StepOk(StepOutcome):
    unchanged: bool = False
    """It was so already; nothing was sent."""
    recovered: bool = False
    """It is the check that sets "recovered"."""


class StepFailed(StepOutcome):
    """It definitely did not happen, or a check did not pass in time."""


class StepUnknown(StepOutcome):
    """Sent, no usable answer: it may have happened."""


class StepReconciled(StepOutcome):
    found: Reality
    by_person: bool = False
    """A person looked and said so; otherwise it was read back."""


class Notified(Body):
    """A message that was, or could not be, sent to people."""

    channel: str
    step: str = ""
    """The step that sends it; empty where the program pages by itself."""
    text: str
    delivered: bool
    why: str = ""
    """Why it was not delivered, or is not known to be."""
    at: Instant
