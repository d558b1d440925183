"""A rollout without I/O: decide, journal what the engine would, fold, again; time, evidence and people are scripted.

Every body goes through its canonical JSON and back before it is folded, as it does in a journal. After every event the
incremental fold is what the next decision sees; `refold` starts from the events alone, as a new driver does.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from policy.flag_server import CrashError, DownError, FlagServer, state_of
from policy.transitions import check_move
from rolloutctl.config import Config
from rolloutctl.model import events as ev
from rolloutctl.model import outcome as out
from rolloutctl.model.cohort import OFF, Cohort, CohortState, Target
from rolloutctl.model.events import Event
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import GENESIS, Purpose, Reality, rollout_stream
from rolloutctl.model.outcome import Verification
from rolloutctl.model.state import RolloutState, Status
from rolloutctl.model.verdict import PhaseVerdict, State, Verdict
from rolloutctl.plan.model import Plan, RollbackTo
from rolloutctl.policy import decision as do
from rolloutctl.policy.decide import LOOK_AGAIN, decide
from rolloutctl.policy.facts import Facts, Proof
from rolloutctl.policy.phase_verdict import breaching, phase_verdict
from rolloutctl.policy.rollback import rollback_target

START = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=15)
MOST_DECISIONS = 60
"""At one moment; more is a livelock."""
DRIVER = "driver-1"


class LivelockError(AssertionError):
    pass


@dataclass
class Seen:
    verification: Verification
    change: int
    at: datetime


@dataclass
class Rollout:
    plan: Plan
    config: Config = field(default_factory=Config)
    now: datetime = START
    server: FlagServer = field(default_factory=FlagServer)
    clients_follow: bool = True
    how: str = "SDKs are served what the flag says"
    exposure_off: str = ""
    next_problem: str = ""
    proof: Proof | None = None

    def __post_init__(self) -> None:
        self.events: list[Event] = []
        self.driving_since = self.now
        self._forget()
        self.append(
            ev.RolloutSealed(
                plan=self.plan.name,
                attempt=1,
                title=self.plan.shown,
                owner=self.plan.owner,
                target=Target(provider="flags", key="checkout", environment=self.plan.flag.environment, project="default"),
                plan_digest="0" * 64,
                plan_blob="0" * 64,
                snapshot=self.server.read(),
                source="prometheus",
            ),
            "ana",
        )

    def _forget(self) -> None:
        """What a process has only in memory."""
        self.seen: Seen | None = None
        self.flag: CohortState | None = None
        self.flag_change = -1
        self.flag_at: datetime | None = None
        self.flag_error = ""
        self.verdicts: tuple[Verdict, ...] = ()
        self.judged_attempt = 0
        self.phase_verdict: PhaseVerdict | None = None
        self.look_after: datetime | None = None

    # --- the journal ---------------------------------------------------------------------------------------

    @property
    def state(self) -> RolloutState:
        assert self._state is not None
        return self._state

    _state: RolloutState | None = None

    def append(self, body: ev.Body, actor: str = DRIVER) -> Event:
        kind, text = ev.KIND_OF[type(body)], ev.body_json(body)
        seq, prev = len(self.events) + 1, self.events[-1].hash if self.events else GENESIS
        _, parsed = ev.parse_body(kind, text, seq)
        assert parsed == body
        stream = rollout_stream(self.plan.name, 1)
        digest = ev.event_hash(seq, self.now, actor, "host", stream, kind, 1, text, prev)
        event = Event(seq, self.now, actor, "host", stream, kind, 1, parsed, text, prev, digest)
        self.events.append(event)
        before, self._state = self._state, fold([event], self._state)
        if before is not None:
            check_move(before, self._state)
        return event

    def of(self, *kinds: type[ev.Body]) -> list[Event]:
        return [event for event in self.events if isinstance(event.body, kinds)]

    def decisions(self) -> list[ev.DecisionMade]:
        return [event.body for event in self.events if isinstance(event.body, ev.DecisionMade)]

    def answer_to(self, seq: int) -> ev.DecisionMade:
        (answer,) = [body for body in self.decisions() if body.request == seq]
        return answer

    # --- what is observed ----------------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        state = self.state
        current = state.run is not None and self.judged_attempt == state.run.attempt
        fresh = (
            self.flag_at is not None
            and self.now - self.flag_at < timedelta(seconds=60)
            and self.flag_change == self.change
            and state.open_intent is None
        )
        seen = self.seen if self.seen is not None and self.seen.change == self.change else None
        return Facts(
            now=self.now,
            config=self.config,
            driving_since=self.driving_since,
            verdicts=self.verdicts if current else (),
            phase_verdict=self.phase_verdict if current else None,
            flag=self.flag if fresh else None,
            flag_error=self.flag_error,
            next_problem=self.next_problem,
            exposure_off=self.exposure_off,
            proof=self.proof,
            verification=seen.verification if seen is not None else None,
            verify_due=seen is not None and self.now - seen.at >= LOOK_AGAIN,
        )

    def read_flag(self) -> None:
        """A poll of the provider."""
        try:
            self.flag, self.flag_at, self.flag_error = self.server.read(), self.now, ""
            self.flag_change = self.change
        except DownError as error:
            self.flag_error = str(error)

    def judge(self, *verdicts: Verdict) -> None:
        """A poll of the source: journals what is new, as the engine's judging does."""
        run = self.state.run
        if run is None or self.state.status not in {Status.ACTIVE, Status.STABILISING}:
            return
        self.verdicts, self.judged_attempt = verdicts, run.attempt
        phase = self.plan.phases[run.index].name
        for verdict in verdicts:
            was = self.state.verdicts.get(verdict.key, "")
            if verdict.state != was:
                self.append(
                    ev.VerdictChanged(
                        phase=phase,
                        criterion=verdict.criterion,
                        segment=verdict.segment,
                        state=verdict.state,
                        was=was,
                        why=verdict.why,
                        at=self.now,
                    )
                )
        roles = {criterion.id: criterion.role for criterion in self.plan.every_criterion}
        for verdict in breaching(self.plan, verdicts):
            if any((b.criterion, b.segment) == (verdict.criterion, verdict.segment) for b in self.state.run.breaches):
                continue
            self.append(
                ev.BreachLatched(
                    phase=phase,
                    criterion=verdict.criterion,
                    segment=verdict.segment,
                    role=roles[verdict.criterion],
                    at=self.now,
                    why=verdict.why,
                )
            )
        self.phase_verdict = phase_verdict(self.plan, verdicts, self.state.run)

    @property
    def change(self) -> int:
        """The newest settled change: what was observed before it says nothing about after it."""
        return max((event.seq for event in self.of(ev.FlagSettled)), default=0)

    # --- people --------------------------------------------------------------------------------------------

    def ask(self, body: ev.Body, actor: str = "ana") -> int:
        """Append a request; returns its seq."""
        return self.append(body, actor).seq

    def advance(self, actor: str = "ana", to: str = "", break_glass: str = "") -> int:
        index = self.state.phase + 1
        name = self.plan.phases[index].name if index < len(self.plan.phases) else "done"
        return self.ask(ev.AdvanceRequested(to=to or name, break_glass=break_glass), actor)

    # --- the driver ----------------------------------------------------------------------------------------

    def decide(self) -> do.Decision:
        first = decide(self.plan, self.state, self.facts)
        assert first == decide(self.plan, self.state, self.facts), "decide is deterministic"
        return first

    def step(self) -> do.Decision:
        """One decision, carried out. Raises CrashError where the script says so; nothing in memory survives that."""
        decision = self.decide()
        if isinstance(decision, do.Reconcile) and self.look_after is not None and self.now < self.look_after:
            return do.Wait(until=self.look_after)
        match decision:
            case do.Wait():
                pass
            case do.ChangeFlag():
                self._change(decision)
            case do.TurnOff():
                self._turn_off(decision)
            case do.SendAgain():
                self._send_again()
            case do.Reconcile():
                self._reconcile()
            case do.Verify():
                self._verify()
            case _:
                self.append(self._journalled(decision))
        return decision

    def run(self) -> list[do.Decision]:
        """Decide and act until policy waits."""
        made: list[do.Decision] = []
        while len(made) < MOST_DECISIONS:
            decision = self.step()
            if isinstance(decision, do.Wait):
                return made
            made.append(decision)
        tail = "\n".join(str(decision) for decision in made[-6:])
        raise LivelockError(f"{MOST_DECISIONS} decisions at one moment; the last:\n{tail}")

    def wait(self, span: timedelta) -> None:
        """Time goes on; nothing else happens."""
        self.now += span

    def after(self, span: timedelta) -> list[do.Decision]:
        self.wait(span)
        return self.run()

    def take_over(self) -> None:
        """Another process drives from the events alone."""
        self._state = fold(self.events)
        self._forget()
        self.driving_since = self.now

    # --- effects, as engine/driving/effects.py has them ------------------------------------------------------------

    def _intent(self, decision: do.ChangeFlag | do.TurnOff, want: Cohort, before: str, *, snapshot: bool = False) -> int:
        phase, index = (decision.phase, decision.index) if isinstance(decision, do.ChangeFlag) else ("", -1)
        body = ev.FlagIntent(
            purpose=decision.purpose,
            phase=phase,
            index=index,
            want=want,
            to_snapshot=snapshot,
            before=before,
            why=decision.why,
        )
        return self.append(body).seq

    def _change(self, decision: do.ChangeFlag) -> None:
        want, expected = self.plan.cohort(decision.index), self.state.expected
        try:
            before = self.server.read()
        except DownError as error:
            seq = self._intent(decision, want, "unknown")
            self.append(ev.FlagFailed(intent=seq, why=f"nothing was sent: {error}", at=self.now))
            return
        seq = self._intent(decision, want, str(before))
        if decision.purpose is Purpose.ADVANCE and expected is not None and before.native != expected.native:
            self.append(ev.FlagConflict(intent=seq, why=f"somebody else changed it: it is {before}", state=before, at=self.now))
            return
        self._send(seq, _served(want))

    def _turn_off(self, decision: do.TurnOff) -> None:
        restoring = self.plan.rollback.to is RollbackTo.SNAPSHOT and self.state.snapshot.enabled
        seq = self._intent(decision, rollback_target(self.plan, self.state), "not read", snapshot=restoring)
        self._send(seq, self.state.snapshot if restoring else _served(OFF))

    def _send_again(self) -> None:
        intent = self.state.open_intent
        assert intent is not None
        if intent.intent.purpose in {Purpose.ROLLBACK, Purpose.RESTORE_OFF}:
            self._send(intent.seq, self.state.snapshot if intent.intent.to_snapshot else _served(OFF))
            return
        try:
            self.server.read()
        except DownError as error:
            self.append(self._unknown(intent.seq, str(error)))
            return
        self._send(intent.seq, _served(intent.intent.want))

    def _send(self, seq: int, want: CohortState) -> None:
        at, settle = self.now, self.now + SETTLE
        match self.server.write(seq, want):
            case out.Applied(state):
                self.append(ev.FlagApplied(intent=seq, state=state, at=at, settle_until=settle))
            case out.Unchanged(state):
                self.append(ev.FlagUnchanged(intent=seq, state=state, at=at, settle_until=settle))
            case out.Conflict(actual, why):
                self.append(ev.FlagConflict(intent=seq, state=actual, why=why, at=at))
            case out.NeedsApproval(url, why):
                self.append(ev.FlagNeedsApproval(intent=seq, url=url, why=why, at=at))
            case out.Rejected(why):
                self.append(ev.FlagRejected(intent=seq, why=why, at=at))
            case out.RateLimited(_, why) | out.Unavailable(why):
                self.append(ev.FlagFailed(intent=seq, why=why, at=at))
            case out.Unknown(why):
                self.append(self._unknown(seq, why))

    def _unknown(self, seq: int, why: str) -> ev.FlagUnknown:
        return ev.FlagUnknown(intent=seq, why=why, at=self.now, look_at=self.now + SETTLE)

    def _reconcile(self) -> None:
        intent = self.state.open_intent
        assert intent is not None
        try:
            actual = self.server.read()
        except DownError as error:
            if intent.intent.purpose in {Purpose.ROLLBACK, Purpose.RESTORE_OFF}:
                self.append(self._unknown(intent.seq, str(error)))
            self.look_after = self.now + timedelta(seconds=2)
            return
        self.look_after = None
        self.append(
            ev.FlagReconciled(
                intent=intent.seq,
                found=self._found(intent.intent, actual),
                state=actual,
                why=f"read back: {actual}",
                at=self.now,
                settle_until=self.now + SETTLE,
            )
        )

    def _found(self, intent: ev.FlagIntent, actual: CohortState) -> Reality:
        if intent.purpose in {Purpose.ROLLBACK, Purpose.RESTORE_OFF}:
            restored = intent.to_snapshot and actual.native == self.state.snapshot.native
            return Reality.APPLIED if restored or (actual.effective == OFF and not intent.to_snapshot) else Reality.NOT_APPLIED
        if actual.effective == intent.want:
            return Reality.APPLIED
        before = self.state.expected
        return Reality.NOT_APPLIED if before is not None and actual.native == before.native else Reality.FOREIGN

    def _verify(self) -> None:
        rolling = self.state.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}
        want = rollback_target(self.plan, self.state) if rolling else self.plan.cohort(self.state.phase)
        seen = self.clients_follow and self.server.serves == want
        self.seen = Seen(Verification(seen=seen, how=self.how), self.change, self.now)

    def _journalled(self, decision: do.Decision) -> ev.Body:
        at = self.now
        match decision:
            case do.Decide(action, accepted, reasons, request, phase):
                return ev.DecisionMade(action=action, accepted=accepted, request=request, phase=phase, reasons=reasons, at=at)
            case do.ShowWaiting(phase, index, missing):
                return ev.PhaseWaiting(phase=phase, index=index, missing=missing)
            case do.GiveUpIntent(why):
                assert self.state.open_intent is not None
                return ev.FlagFailed(intent=self.state.open_intent.seq, why=why, at=at)
            case do.StartBaking(phase, how, stabilise):
                attempt = self.state.attempts + 1
                return ev.PhaseBaking(phase=phase, attempt=attempt, stabilise=stabilise, started_at=at, how_verified=how)
            case do.MarkReady(phase):
                return ev.PhaseReady(phase=phase, at=at)
            case do.SetHold(by, code, reason):
                return ev.HoldSet(by=by, code=code, reason=reason, at=at)
            case do.ClearHold(by, reason):
                return ev.HoldCleared(by=by, reason=reason, at=at)
            case do.StartCountdown(criterion, segment, reason, fires_at):
                length = self.plan.rollback.countdown
                return ev.CountdownStarted(criterion=criterion, segment=segment, reason=reason, fires_at=fires_at, length=length)
            case do.NoteDrift(expected, actual):
                return ev.FlagDrifted(expected=expected, actual=actual, at=at)
            case do.End(status, reason):
                return ev.RolloutEnded(status=status, reason=reason, at=at)
            case _:
                raise TypeError(f"{decision} is not journalled by itself")


def _served(want: Cohort) -> CohortState:
    return state_of(not want.off, want)


def a_verdict(criterion: str = "errors", state: State = State.PASS, **more: object) -> Verdict:
    return replace(Verdict(criterion=criterion, segment="", state=state, why=f"{state.words} of {criterion}"), **more)


def run_through(rollout: Rollout, *, crashes: int = 5) -> list[do.Decision]:
    """As `run`, with a new driver after every scripted crash."""
    made: list[do.Decision] = []
    for _ in range(crashes):
        try:
            return made + rollout.run()
        except CrashError:
            rollout.take_over()
    raise AssertionError("it crashes for ever")
