"""What each command answers; `ANSWERS` names them by the path that is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from rolloutctl.cli.answers.doctor import DoctorShape
from rolloutctl.cli.answers.rollout import LiveRolloutShape, RolloutShape, VerdictShape
from rolloutctl.cli.answers.runbook import RunbookListShape, RunbookShape
from rolloutctl.cli.answers.running import CarriedShape, RehearsalCheckShape, RehearsalsShape, RunsShape


class FoundShape(TypedDict):
    prometheus: str | None
    unleash: str | None


class InitShape(TypedDict):
    config: str
    """Path of what was written."""
    plan: str
    found: FoundShape
    """URLs of what answers on this machine."""
    set: list[str]
    """Variables that the config reads tokens from and that are not set now."""
    next: list[str]
    """Commands."""


class FindingShape(TypedDict):
    file: str
    code: str
    """Stable; see the page on findings."""
    severity: str
    title: str
    line: int | None
    key: str
    why: str
    do: str


class CheckedPlanShape(TypedDict):
    file: str
    readable: bool
    problems: list[str]
    """Why it cannot be read, a sentence each."""
    findings: list[FindingShape]


class CheckShape(TypedDict):
    plans: list[CheckedPlanShape]


class CheckedRunbookShape(TypedDict):
    file: str
    readable: bool
    problems: list[str]
    findings: list[FindingShape]


class RunbookCheckShape(TypedDict):
    runbooks: list[CheckedRunbookShape]


class StartShape(TypedDict):
    rollout: str
    plan_digest: str
    snapshot: str
    """What the flag served before."""
    next: str
    """A command."""
    receipt: str | None
    """`SEQ HASH` of the journal's newest event, to be kept elsewhere."""
    findings: list[FindingShape]


class JournalHeadShape(TypedDict):
    path: str
    head_seq: int
    head_hash: str


class StatusShape(TypedDict):
    """`--live` asks source and flag server: its rollouts have the further keys."""

    at: str
    live: bool
    journal: JournalHeadShape
    rollouts: list[RolloutShape | LiveRolloutShape]
    broken: list[str]
    """Rollouts that cannot be shown, a sentence each."""


class EventShape(TypedDict):
    """A row of the journal."""

    seq: int
    at: str
    actor: str
    host: str
    stream: str
    kind: str
    epoch: int
    body: dict[str, Any]
    """As it was hashed; see the page on events."""
    prev: str
    hash: str


class WatchShape(TypedDict):
    event: EventShape | None
    """null in the first line: how it stands."""
    rollout: RolloutShape


class WaitShape(TypedDict):
    reached: bool
    goal: str
    why: str
    rollout: RolloutShape


class ChangedShape(TypedDict):
    seq: int
    """Number of the event."""
    at: str
    state: str
    why: str
    replay: bool
    """The journal keeps its evidence: `replay SEQ` judges it again."""


class CellShape(TypedDict):
    """A look at the evidence."""

    end: str
    canary: float | None
    baseline: float | None
    bound: float | None
    beyond: bool


_From = TypedDict("_From", {"from": str})


class ExplainShape(_From):
    """`from` says where the verdict is from: source | journal | plan."""

    rollout: str
    phase: str | None
    said: str | None
    """Why it is not from the source."""
    verdict: VerdictShape | None
    declared: dict[str, Any]
    """The criterion as the plan has it."""
    trigger: bool
    """Whether it is one of the plan's triggers."""
    history: list[ChangedShape]
    cells: list[CellShape]


class AnswerShape(TypedDict):
    """What became of a request."""

    accepted: bool
    code: int
    """As the command exits."""
    sentence: str
    reasons: list[str]
    request: int | None
    """Number of the request's event; null: it was refused before it was written."""
    receipt: str | None
    """`SEQ HASH` of the journal's newest event, to be kept elsewhere."""
    rollout: LiveRolloutShape | None


class TargetShape(TypedDict):
    provider: str
    key: str
    environment: str
    project: str


class OffShape(TypedDict):
    code: int
    sentence: str
    record: str | None
    """Path of the local record that a journal takes in later."""
    target: TargetShape


class DriveShape(TypedDict):
    """Whenever that changes, first of all; between them events, as `journal follow` prints them."""

    driving: list[str]


class JournalShowShape(TypedDict):
    events: list[EventShape]
    head_seq: int
    head_hash: str


class JournalFindingShape(TypedDict):
    seq: int
    what: str


class JournalVerifyShape(TypedDict):
    ok: bool
    events: int
    head_seq: int
    head_hash: str
    witnesses: int
    """How many heads that were seen earlier it was held to."""
    vouched: int | None
    """The newest event that one of them vouches for."""
    signed: int
    """Accepted decisions with a good signature of a key that the config names."""
    unauthenticated: int
    """Accepted decisions without any; 0 too where the config has no key for anybody."""
    findings: list[JournalFindingShape]
    claims: str
    """What this shows, and what it cannot."""


class JournalWitnessShape(TypedDict):
    seq: int
    hash: str
    file: str | None


class JournalCopyShape(_From):
    to: str
    events: int
    blobs: int
    head_seq: int
    head_hash: str


class ConfigValueShape(TypedDict):
    key: str
    value: str
    origin: str
    """File and line, a variable, or the default."""


class ConfigShowShape(TypedDict):
    values: list[ConfigValueShape]


class ConfigPathShape(TypedDict):
    files: list[str]
    journal: str


class ConfigValidateShape(TypedDict):
    ok: bool
    files: list[str]


class ReplayedVerdictShape(TypedDict):
    criterion: str
    segment: str | None
    state: str
    why: str
    numbers: dict[str, str]
    """Decimals, by name."""


class DifferenceShape(TypedDict):
    what: str
    journalled: str
    replayed: str


class ReplayShape(TypedDict):
    seq: int
    kind: str
    rollout: str
    phase: str
    attempt: int
    at: str
    """The source's time of the look."""
    same: bool
    verdicts: list[ReplayedVerdictShape]
    differences: list[DifferenceShape]


class BacktestBreachShape(TypedDict):
    after_s: float
    criterion: str
    segment: str | None


class BacktestHostShape(TypedDict):
    after_s: float
    criterion: str
    host: str


class BacktestHoldShape(TypedDict):
    after_s: float
    until_s: float | None
    """null: it lasted to the end."""
    criterion: str
    segment: str | None
    state: str


class BacktestShape(TypedDict):
    phase: str
    start: str
    end: str
    first_breach: BacktestBreachShape | None
    first_ready_after_s: float | None
    first_hold: BacktestHostShape | None
    holds: list[BacktestHoldShape]
    final: str
    looks: int


class IncidentShape(BacktestShape):
    caught: bool
    """There was a breach."""


class SlidSummaryShape(TypedDict):
    quiet: int
    breaches: int
    """False alarms: quiet stretches with a breach."""
    ready: int
    holds: int
    ready_after_s: float | None
    """Median of those that became READY."""
    incidents: int
    caught: int
    caught_after_s: float | None
    """Median of those that were caught."""


class SlidShape(TypedDict):
    """What `backtest` answers with --since or --incident."""

    phase: str
    every_s: float | None
    """null: no quiet stretches were asked for."""
    since: str | None
    complete: bool
    """false: it was interrupted, or the source went away; what was judged until then is here."""
    summary: SlidSummaryShape
    quiet: list[BacktestShape]
    incidents: list[IncidentShape]


class ChannelTestShape(TypedDict):
    channel: str
    ending: str
    """taken | refused | not_sent | unknown"""
    why: str
    attempts: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    shape: type
    lines: bool = False
    """One JSON object a line, as things happen."""


_CHANGE = Answer(AnswerShape)
ANSWERS: dict[str, Answer] = {
    "init": Answer(InitShape),
    "check": Answer(CheckShape),
    "start": Answer(StartShape),
    "status": Answer(StatusShape),
    "watch": Answer(WatchShape, lines=True),
    "wait": Answer(WaitShape),
    "explain": Answer(ExplainShape),
    **dict.fromkeys(("advance", "back", "hold", "resume", "approve", "gate", "amend", "postpone", "abort", "note"), _CHANGE),
    "rollback": _CHANGE,
    "checked": _CHANGE,
    "off": Answer(OffShape),
    "runbook list": Answer(RunbookListShape),
    "runbook show": Answer(RunbookShape),
    "runbook check": Answer(RunbookCheckShape),
    "runbook run": Answer(CarriedShape),
    "runbook resume": Answer(CarriedShape),
    "runbook runs": Answer(RunsShape),
    "rehearsal check": Answer(RehearsalCheckShape),
    "rehearsal list": Answer(RehearsalsShape),
    "undo": Answer(CarriedShape),
    "backtest": Answer(BacktestShape),
    "replay": Answer(ReplayShape),
    "drive": Answer(DriveShape, lines=True),
    "channel test": Answer(ChannelTestShape),
    "doctor": Answer(DoctorShape),
    "journal show": Answer(JournalShowShape),
    "journal follow": Answer(EventShape, lines=True),
    "journal verify": Answer(JournalVerifyShape),
    "journal witness": Answer(JournalWitnessShape),
    "journal copy": Answer(JournalCopyShape),
    "config show": Answer(ConfigShowShape),
    "config path": Answer(ConfigPathShape),
    "config validate": Answer(ConfigValidateShape),
}
"""`rollback --plan` answers as `off` does; `runbook run --mode plan` with the requests of every step, which nothing has sent."""
