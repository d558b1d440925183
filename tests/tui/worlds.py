"""Snapshots as the engine would publish them, at one frozen moment, and a handle that records what a screen asks for."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from rolloutctl.config import OperatorRole
from rolloutctl.engine.view.commands import Command, Reply
from rolloutctl.engine.view.handle import Leaving
from rolloutctl.engine.view.snapshot import (
    CommandLogLine,
    Driver,
    Driving,
    Exposure,
    FlagReading,
    FleetSnapshot,
    JournalPage,
    PartHealth,
    Proposal,
    RolloutSnapshot,
)
from rolloutctl.errors import ExitCode
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import OFF, Cohort, CohortState, Target
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import GENESIS, Action, HoldKind, Purpose
from rolloutctl.model.outcome import Health
from rolloutctl.model.state import Countdown, Hold, OpenIntent, PhaseRun, RolloutState, Status, Step
from rolloutctl.model.verdict import Cell, Evidence, PhaseState, PhaseVerdict, State, Verdict
from rolloutctl.plan.model import Plan
from rolloutctl.policy.conditions import Reason
from rolloutctl.ports import Verified

NOW = datetime(2026, 3, 12, 13, 22, 10, tzinfo=UTC)
ZONE = "Europe/Madrid"
DIGEST = hashlib.sha256(b"plan").hexdigest()


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def plan(name: str = "checkout-ranker-v7", **changes: object) -> Plan:
    document: dict[str, object] = {
        "format": 1,
        "name": name,
        "title": "Checkout ranker v7",
        "owner": "ana.ruiz",
        "change": {
            "canary": {"version": "7.2.0", "model": "ranker-7.2.0"},
            "baseline": {"version": "6.9.4", "model": "ranker-6.9.4"},
        },
        "flag": {"provider": "unleash", "key": name, "environment": "production", "stickiness": "userId"},
        "metrics": {
            "source": "prometheus",
            "canary": 'version="7.2.0"',
            "baseline": 'version="6.9.4"',
            "requests": 'http_requests_total{job="checkout",$arm}',
            "segment": {"label": "channel", "required": ["web", "voice", "chat"]},
        },
        "rollback": {"on_breach": "ask", "countdown": "60s"},
        "criteria": [
            {
                "id": "errors",
                "title": "Checkout errors",
                "type": "ratio",
                "test": "threshold",
                "bad": 'http_requests_total{job="checkout",code=~"5..",$arm}',
                "total": 'http_requests_total{job="checkout",$arm}',
                "max": 0.01,
            },
            {
                "id": "latency",
                "title": "Latency p95",
                "type": "value",
                "test": "threshold",
                "expr": "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{$arm}[5m]))) * 1000",
                "max": 800,
                "unit": "ms",
            },
            {
                "id": "cost",
                "title": "Cost per 1,000 answers",
                "type": "value",
                "test": "threshold",
                "expr": "1000 * sum(rate(llm_cost_dollars_total{$arm}[5m])) / sum(rate(answers_total{$arm}[5m]))",
                "max": 3.2,
                "hold": "30m",
                "unit": "USD",
                "role": "signal",
            },
            {
                "id": "quality",
                "title": "Evaluation-set score",
                "type": "value",
                "test": "threshold",
                "expr": 'eval_score{suite="checkout-golden",$arm}',
                "better": "higher",
                "versus": "baseline",
                "tolerate": "2%",
            },
        ],
        "gates": [
            {
                "id": "compliance",
                "title": "Legal and data protection have signed",
                "owner": "legal",
                "before": "thirty",
                "checks": ["Data access and residency are signed off", "Every regulatory requirement is documented"],
                "evidence": "https://wiki.example.com/compliance/42",
            }
        ],
        "phases": [
            {"name": "shadow", "owner": "ana.ruiz", "cohort": {"shadow": True}, "bake": "24h"},
            {"name": "internal", "owner": "ana.ruiz", "cohort": {"audiences": ["employees"]}, "bake": "4h"},
            {"name": "five", "owner": "ana.ruiz", "cohort": {"percent": 5}, "bake": "2h", "deadline": "8h"},
            {
                "name": "thirty",
                "owner": "ben.okafor",
                "cohort": {"percent": 30},
                "bake": "6h",
                "approvals": 2,
                "comms": "Tell #checkout that 30 % is on.",
            },
            {"name": "everyone", "owner": "ben.okafor", "cohort": {"percent": 100}, "bake": "28d", "stabilise": True},
        ],
    }
    document.update(changes)
    return Plan.model_validate(document)


def served(percent: int, *audiences: str) -> CohortState:
    cohort = Cohort(audiences=audiences, percent=Fraction(percent))
    return CohortState(enabled=not cohort.off, cohort=cohort, native="{}", token="812")


def cells(
    canary: Callable[[int], float | None], baseline: Callable[[int], float | None], bound: float | None, count: int = 120
) -> tuple[Cell, ...]:
    """One cell every 30 s, the newest ten seconds ago."""
    end = NOW.timestamp() - 10
    made = []
    for index in range(count):
        value = canary(index)
        beyond = value is not None and bound is not None and value > bound
        made.append(Cell(end - 30 * (count - 1 - index), value, baseline(index), bound, beyond))
    return tuple(made)


def _wave(level: float, swing: float, rhythm: float = 7.0) -> Callable[[int], float]:
    return lambda index: level + swing * math.sin(index / rhythm) + swing * 0.4 * math.sin(index * 1.7)


def _surge(index: int) -> float:
    calm = _wave(0.004, 0.0006)(index)
    return calm if index < 92 else min(0.031, calm + (index - 92) * 0.0022) + 0.001 * math.sin(index)


def verdict_errors() -> Verdict:
    looks = cells(_wave(0.0041, 0.0004), _wave(0.0039, 0.0003, 5), 0.01)
    return Verdict(
        "errors",
        "",
        State.PASS,
        "0.41 % of 61,204 requests failed in the last 5m, inside the bound of 1 %.",
        "More than 1 % failing for 1m would be a breach.",
        since=ago(minutes=55).timestamp(),
        evidence=Evidence(0.0041, 0.0039, 0.01, 61_204, 40_377, NOW.timestamp() - 6, 6.0, 12, looks, _queries()),
    )


def verdict_voice() -> Verdict:
    looks = cells(_surge, _wave(0.004, 0.0003, 5), 0.01)
    return Verdict(
        "errors",
        "voice",
        State.BREACH,
        "3.1 % of 1,904 requests failed in the last 5m; the bound is 1 % and it has been beyond it for 12m.",
        "Nothing in this phase: a breach stands for the phase.",
        since=NOW.timestamp() - 700,
        breach_at=NOW.timestamp() - 700,
        evidence=Evidence(0.031, 0.004, 0.01, 1_904, 36_120, NOW.timestamp() - 6, 6.0, 4, looks, _queries('channel="voice",')),
    )


def verdict_latency() -> Verdict:
    looks = cells(_wave(612, 22), _wave(598, 15, 5), 800)
    return Verdict(
        "latency",
        "",
        State.PENDING,
        "612 ms is inside the bound of 800 ms; nothing passes before 5m of the phase.",
        "2m10s more inside the bound.",
        since=ago(minutes=3).timestamp(),
        evidence=Evidence(612, 598, 800, None, None, NOW.timestamp() - 9, 9.0, 1, looks, ("histogram_quantile(0.95, …)",)),
    )


def verdict_cost() -> Verdict:
    looks = cells(lambda i: _wave(2.9, 0.1)(i) if i < 112 else None, _wave(2.8, 0.1, 5), 3.2)
    return Verdict(
        "cost",
        "",
        State.NO_DATA,
        "The query has returned nothing for 3m; the last value was 2.94 USD.",
        "Data again: then it is judged as if nothing had happened.",
        since=ago(minutes=3).timestamp(),
        missing_since=ago(minutes=3).timestamp(),
        grace_over=True,
        evidence=Evidence(None, 2.81, 3.2, None, None, NOW.timestamp() - 190, 190.0, 0, looks, ("1000 * sum(rate(…))",)),
    )


def verdict_quality() -> Verdict:
    looks = cells(_wave(0.873, 0.004), _wave(0.869, 0.004, 5), None)
    return Verdict(
        "quality",
        "",
        State.PASS,
        "0.873 is not more than 2 % under baseline (0.869).",
        "Under 0.852 for 1m would be a breach.",
        since=ago(minutes=44).timestamp(),
        evidence=Evidence(
            0.873, 0.869, 0.852, None, None, NOW.timestamp() - 9, 9.0, 1, looks, ('eval_score{suite="checkout-golden"}',)
        ),
    )


def _queries(extra: str = "") -> tuple[str, ...]:
    return tuple(
        f'http_requests_total{{job="checkout",{extra}{code}version="{version}"}}[3600s]'
        for version in ("7.2.0", "6.9.4")
        for code in ('code=~"5..",', "")
    )


def state(of: Plan, attempt: int = 1, **changes: object) -> RolloutState:
    flag = of.flag
    target = Target(provider=flag.provider, key=flag.key, environment=flag.environment, project="default", stickiness="userId")
    made = RolloutState(
        plan=of.name,
        attempt=attempt,
        title=of.title,
        owner=of.owner,
        target=target,
        plan_digest=DIGEST,
        plan_blob=DIGEST,
        snapshot=served(0),
        source="prometheus",
        sealed_at=ago(days=2),
        sealed_by="ana.ruiz",
        status=Status.ACTIVE,
        phase=2,
        entering=2,
        step=Step.BAKING,
        run=PhaseRun(index=2, attempt=3, started_at=ago(hours=1, minutes=25)),
        attempts=3,
        expected=served(5, "employees"),
        seq=212,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def proposal_advance(key: str = "checkout-ranker-v7", *, allowed: bool = True) -> Proposal:
    against = () if allowed else (Reason(False, "errors · voice is BREACH"), Reason(False, "1 of 2 approvals is missing"))
    return Proposal(
        allowed=allowed,
        effect=f"unleash: {key} in production 5 % → 30 %, about 300 requests/s more",
        requests=(f"PATCH /api/admin/projects/default/features/{key}/environments/production/strategies/7c1",),
        reasons=(
            Reason(True, "4 of 4 criteria pass"),
            Reason(True, "baked 2h of 2h"),
            Reason(True, "approved by ben.okafor, chen.li"),
            Reason(True, "gate compliance signed go by legal.kim"),
            *against,
        ),
        to="thirty",
        checks=("Somebody watches the support channel for the next hour",),
        comms="Tell #checkout that 30 % is on.",
    )


def proposal_rollback(key: str) -> Proposal:
    return Proposal(
        allowed=True,
        effect=f"unleash: {key} in production: 5 % → off (off), read back, verified, watched afterwards.",
        requests=(),
        reasons=(),
    )


def proposal_back() -> Proposal:
    return Proposal(
        allowed=True,
        effect="unleash: checkout-ranker-v7 in production 5 % → employees",
        requests=("PATCH /api/admin/projects/default/features/checkout-ranker-v7/environments/production/strategies/7c1",),
        reasons=(Reason(True, "less exposure needs no evidence"),),
        to="internal",
    )


def rollout(of: Plan | None = None, at: RolloutState | None = None, **changes: object) -> RolloutSnapshot:
    """Baking in its third phase, nothing wrong; `changes` are fields of the snapshot."""
    of = of or plan()
    at = at or state(of)
    made = RolloutSnapshot(
        plan=of,
        state=at,
        at=ago(seconds=2),
        source_now=ago(seconds=2),
        verdicts=(verdict_latency(), verdict_errors(), verdict_quality()),
        phase_verdict=PhaseVerdict(PhaseState.PENDING, "Latency p95 is not decided yet."),
        judged_at=ago(seconds=6),
        flag=FlagReading(served(5, "employees"), ago(seconds=3)),
        exposure=Exposure(0.049, 1204.0, 0.05, False, "as declared", ago(seconds=6)),
        driver=Driver(Driving.HERE, "ops-1:4711", ago(seconds=4)),
        baked=timedelta(hours=1, minutes=25),
        bake=timedelta(hours=2),
        deadline_at=NOW + timedelta(hours=6, minutes=35),
        next="35m, then ask",
        advance=proposal_advance(of.name),
        back=proposal_back(),
        rollback=proposal_rollback(of.name),
        errors=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def ready() -> RolloutSnapshot:
    of = plan("pricing-cache", title="Pricing cache")
    return rollout(
        of,
        state(of, step=Step.READY, gates={"compliance": True}, gate_signers={"compliance": "lena.legal"}),
        verdicts=(verdict_errors(), verdict_quality()),
        phase_verdict=PhaseVerdict(PhaseState.READY, "2 of 2 criteria pass."),
        baked=timedelta(hours=2, minutes=4),
        next="A to advance",
    )


def breach(**changes: object) -> RolloutSnapshot:
    of = plan("fraud-model-v12", title="Fraud model v12")
    voice = verdict_voice()
    countdown = Countdown("errors", "voice", voice.why, NOW + timedelta(seconds=42), timedelta(seconds=60), 0)
    return rollout(
        of,
        state(of, attempt=2, countdown=countdown),
        verdicts=(voice, verdict_cost(), verdict_latency(), verdict_errors(), verdict_quality()),
        phase_verdict=PhaseVerdict(PhaseState.BREACH, voice.why, voice),
        advance=proposal_advance(of.name, allowed=False),
        next="rolls back in 42s",
        **changes,
    )


def breach_out_of_sight() -> RolloutSnapshot:
    """The breach is latched, then the source went down."""
    base = breach()
    latched = ev.BreachLatched(
        phase="five", criterion="errors", segment="voice", role="guardrail", why="beyond 1 % for 1m", at=ago(seconds=700)
    )
    run = PhaseRun(index=2, attempt=3, started_at=ago(hours=1, minutes=25), breaches=(latched,))
    down = tuple(replace(verdict, state=State.SOURCE_DOWN, why="prometheus does not answer.") for verdict in base.verdicts)
    return replace(base, state=replace(base.state, run=run), verdicts=down)


def held() -> RolloutSnapshot:
    of = plan("search-prompt-3", title="Search prompt 3")
    hold = Hold(HoldKind.AUTOMATIC, "evidence", "Cost per 1,000 answers has NO DATA past its grace", ago(minutes=4), "", 198)
    run = PhaseRun(index=0, attempt=1, started_at=ago(hours=3))
    cost = verdict_cost()
    return rollout(
        of,
        state(of, phase=0, entering=0, run=run, holds=(hold,), held_since=ago(minutes=4), expected=served(0)),
        verdicts=(cost, verdict_latency(), replace(verdict_errors(), state=State.PENDING)),
        phase_verdict=PhaseVerdict(PhaseState.HOLD, cost.why, cost),
        flag=FlagReading(served(0), ago(seconds=3)),
        exposure=Exposure(None, 1204.0, None, False, "a shadow cohort has no share", ago(seconds=6)),
        baked=timedelta(hours=2, minutes=56),
        bake=timedelta(hours=24),
        next="holding 4m",
        advance=replace(proposal_advance(allowed=False), to="internal"),
        back=None,
    )


def stabilising() -> RolloutSnapshot:
    of = plan("invoice-ocr", title="Invoice OCR")
    run = PhaseRun(index=4, attempt=5, started_at=ago(days=12))
    return rollout(
        of,
        state(of, phase=4, entering=4, run=run, status=Status.STABILISING, expected=served(100)),
        verdicts=(verdict_errors(),),
        phase_verdict=PhaseVerdict(PhaseState.READY, "1 of 1 criteria passes."),
        flag=FlagReading(served(100), ago(seconds=3)),
        exposure=Exposure(1.0, 1204.0, 1.0, False, "as declared", ago(seconds=6)),
        baked=timedelta(days=12),
        bake=timedelta(days=28),
        deadline_at=None,
        next="16d, then ask",
        advance=None,
        driver=Driver(Driving.ELSEWHERE, "build-7:220", ago(seconds=9)),
    )


def unattended() -> RolloutSnapshot:
    of = plan("geo-lookup", title="Geo lookup")
    return rollout(of, driver=Driver(Driving.UNATTENDED, "", ago(minutes=6)))


def _intent(unknown: str = "") -> OpenIntent:
    intent = ev.FlagIntent(purpose=Purpose.ROLLBACK, want=OFF, before="5 %", requests=("POST …/off",), why="asked for")
    return OpenIntent(214, intent, unknown)


def rolling_back(snapshot: RolloutSnapshot | None = None, *, unknown: str = "") -> RolloutSnapshot:
    base = snapshot or breach()
    at = replace(
        base.state,
        status=Status.ROLLING_BACK,
        countdown=None,
        rollback_at=ago(seconds=3),
        rollback_by="ana.ruiz",
        rollback_why="asked for on the screen",
        open_intent=_intent(unknown),
        seq=214,
    )
    return replace(base, state=at, next="rolling back", advance=None, back=None)


def rolled_back(snapshot: RolloutSnapshot | None = None) -> RolloutSnapshot:
    base = rolling_back(snapshot)
    at = replace(
        base.state,
        status=Status.ROLLED_BACK,
        open_intent=None,
        expected=served(0),
        ended_at=NOW,
        ended_why="off, read back and verified",
    )
    return replace(base, state=at, rollback=None, flag=FlagReading(served(0), ago(seconds=1)), next="watched for 10m")


def rollback_unknown() -> RolloutSnapshot:
    base = rolling_back(unknown="sent, and no answer came within 5 s")
    at = replace(
        base.state,
        status=Status.ROLLBACK_UNKNOWN,
        open_intent=None,
        ended_at=ago(minutes=1),
        ended_why="The request was sent and no answer came; reading the flag back fails: connection refused.",
    )
    reading = FlagReading(served(5, "employees"), ago(minutes=2), "connection refused by 127.0.0.1:4242")
    errors = ("unleash: connection refused by 127.0.0.1:4242; the flag was last read 2m ago.",)
    return replace(base, state=at, flag=reading, errors=errors, next="a person must look")


def parts(*, prometheus: bool = True) -> tuple[PartHealth, ...]:
    down = "does not answer: connection refused by 127.0.0.1:9090"
    source = (("type", "prometheus"), ("address", "http://127.0.0.1:9090"), ("auth", "none"), ("limits", "answer 10s"))
    provider = (("type", "unleash"), ("auth", "admin API token; client API token"), ("verified by", "the client API"))
    health = Health(prometheus, 0.004, "Prometheus 2.42" if prometheus else down)
    failure, failed_at = ("", None) if prometheus else (down, ago(seconds=4))
    return (
        PartHealth("prometheus", "source", health, ago(seconds=4), source, failure, failed_at),
        PartHealth("unleash", "provider", Health(True, 0.012, "Unleash 8.2.0"), ago(seconds=2), provider, "503", ago(minutes=9)),
        PartHealth("journal", "journal", Health(True, 0.001, "SQLite"), ago(seconds=1)),
    )


def commands() -> tuple[CommandLogLine, ...]:
    return (
        CommandLogLine(
            ago(seconds=9), "prometheus", 'POST /api/v1/query http_requests_total{version="7.2.0"}[5m]', "200, 12 series", 0.007
        ),
        CommandLogLine(ago(seconds=3), "unleash", "GET /api/admin/projects/default/features/fraud-model-v12", "200", 0.012),
    )


def fleet(*rollouts: RolloutSnapshot, **changes: object) -> FleetSnapshot:
    made = FleetSnapshot(
        at=ago(seconds=2),
        operator="ana.ruiz",
        role=OperatorRole.APPROVER,
        read_only=False,
        rollouts=rollouts,
        parts=parts(),
        skew_s=0.2,
        paused=False,
        interval_s=15.0,
        commands=commands(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def five() -> FleetSnapshot:
    return fleet(breach(), held(), rollout(), ready(), stabilising())


def journal(of: str = "fraud-model-v12#2") -> tuple[Event, ...]:
    """A chain of real hashes."""
    name = of.partition("#")[0]
    target = Target(provider="unleash", key=name, environment="production", project="default")
    sealed = ev.RolloutSealed(
        plan=name,
        attempt=2,
        title="Fraud model v12",
        owner="ana.ruiz",
        target=target,
        plan_digest=DIGEST,
        plan_blob=DIGEST,
        snapshot=served(0),
        source="prometheus",
    )
    want = Cohort(percent=Fraction(5))
    voice = {"phase": "five", "criterion": "errors", "segment": "voice"}
    bodies: list[tuple[float, ev.Body]] = [
        (7200, sealed),
        (7190, ev.LeaseTaken(holder="ops-1:4711", pid=4711)),
        (6000, ev.AdvanceRequested(to="five", why="all quiet")),
        (
            5999,
            ev.DecisionMade(
                action=Action.ADVANCE, accepted=True, request=3, phase="five", reasons=("4 of 4 pass",), at=ago(seconds=5999)
            ),
        ),
        (
            5998,
            ev.FlagIntent(
                purpose=Purpose.ADVANCE, phase="five", want=want, before="employees", requests=("PATCH …/strategies/7c1",)
            ),
        ),
        (5997, ev.FlagApplied(intent=5, state=served(5), at=ago(seconds=5997), settle_until=ago(seconds=5982))),
        (5982, ev.PhaseBaking(phase="five", attempt=3, started_at=ago(seconds=5982), how_verified="read back")),
        (5400, ev.VerdictChanged(**voice, state="PASS", was="PENDING", why="0.4 % is inside the bound.", at=ago(seconds=5400))),
        (
            700,
            ev.VerdictChanged(**voice, state="BREACH", was="PASS", why="3.1 % is beyond the bound of 1 %.", at=ago(seconds=700)),
        ),
        (699, ev.BreachLatched(**voice, role="guardrail", why="beyond 1 % for 1m", at=ago(seconds=700))),
        (
            18,
            ev.CountdownStarted(
                criterion="errors",
                segment="voice",
                reason="beyond 1 % for 1m",
                fires_at=NOW + timedelta(seconds=42),
                length=timedelta(seconds=60),
            ),
        ),
    ]
    made: list[Event] = []
    prev = GENESIS
    for seq, (before, body) in enumerate(bodies, start=1):
        kind, text, at = ev.KIND_OF[type(body)], ev.body_json(body), ago(seconds=before)
        stream = f"rollout/{of}"
        digest = ev.event_hash(seq, at, "ana.ruiz", "ops-1", stream, kind, 1, text, prev)
        made.append(Event(seq, at, "ana.ruiz", "ops-1", stream, kind, 1, body, text, prev, digest))
        prev = digest
    return tuple(made)


def stepped(of: str = "pricing-cache#1", *bodies: ev.Body, request: int = 213) -> tuple[Event, ...]:
    """Events of a step that was asked for with event `request`, half a second apart; their hashes are not those of a chain."""
    asked = ev.AdvanceRequested(to="thirty", why="all quiet")
    return tuple(
        Event(
            request + n, ago(seconds=8 - n / 2), "ana.ruiz", "ops-1", f"rollout/{of}", ev.KIND_OF[type(body)], 1, body, "", "", ""
        )
        for n, body in enumerate((asked, *bodies))
    )


def step_bodies() -> tuple[ev.Body, ...]:
    """Decision, intent, applied, baking: all that comes of an advance that works. The intent is event 215."""
    decided = ev.DecisionMade(action=Action.ADVANCE, accepted=True, request=213, phase="thirty", reasons=(), at=ago(seconds=7))
    intent = ev.FlagIntent(purpose=Purpose.ADVANCE, phase="thirty", index=3, want=Cohort(percent=Fraction(30)), before="5 %")
    applied = ev.FlagApplied(intent=215, state=served(30), at=ago(seconds=6), settle_until=NOW + timedelta(seconds=9))
    baking = ev.PhaseBaking(phase="thirty", attempt=4, started_at=NOW, how_verified="the client API says so")
    return decided, intent, applied, baking


@dataclass
class FakeHandle:
    """An engine that does nothing but remember. `publish` may be called from any thread."""

    now: FleetSnapshot
    log: tuple[Event, ...] = field(default_factory=journal)
    reply: Reply | None = field(default_factory=lambda: Reply(ExitCode.OK, "done.", ("because",), 213))
    """None: the answer never comes."""
    driven: tuple[str, ...] = ()
    sent: list[Command] = field(default_factory=list)
    stopped: list[Leaving] = field(default_factory=list)
    refreshed: int = 0
    intervals: list[float] = field(default_factory=list)
    pauses: list[bool] = field(default_factory=list)
    stop_error: Exception | None = None
    _callbacks: list[Callable[[FleetSnapshot], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def snapshot(self) -> FleetSnapshot:
        return self.now

    def subscribe(self, callback: Callable[[FleetSnapshot], None]) -> Callable[[], None]:
        with self._lock:
            self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def publish(self, snapshot: FleetSnapshot) -> None:
        self.now = snapshot
        with self._lock:
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback(snapshot)

    def publish_elsewhere(self, snapshot: FleetSnapshot) -> None:
        """As the engine does: on another thread."""
        thread = threading.Thread(target=self.publish, args=(snapshot,))
        thread.start()
        thread.join()

    def send(self, command: Command) -> Future[Reply]:
        self.sent.append(command)
        future: Future[Reply] = Future()
        if self.reply is not None:
            future.set_result(self.reply)
        return future

    def events(self, rollout: str | None, after: int = 0, limit: int = 500) -> Future[JournalPage]:
        wanted = [e for e in self.log if e.seq > after and (rollout is None or e.stream == f"rollout/{rollout}")]
        future: Future[JournalPage] = Future()
        last = self.log[-1] if self.log else None
        page: Sequence[Event] = wanted[:limit]
        future.set_result(JournalPage(tuple(page), last.seq if last else 0, last.hash if last else GENESIS))
        return future

    def verify_journal(self) -> Future[Verified]:
        future: Future[Verified] = Future()
        future.set_result(Verified(len(self.log), len(self.log), self.log[-1].hash, (), "the chain is whole up to its head"))
        return future

    def refresh(self) -> None:
        self.refreshed += 1

    def set_paused(self, paused: bool) -> None:
        self.pauses.append(paused)
        self.publish(replace(self.now, paused=paused))

    def set_interval(self, seconds: float) -> None:
        self.intervals.append(seconds)
        self.publish(replace(self.now, interval_s=seconds))

    def drives(self) -> tuple[str, ...]:
        return self.driven

    def stop(self, leaving: Leaving) -> Future[str]:
        self.stopped.append(leaving)
        future: Future[str] = Future()
        if self.stop_error is not None:
            future.set_exception(self.stop_error)
        else:
            future.set_result(f"{len(self.driven)} rollouts: {leaving.value}" if self.driven else "")
        return future
