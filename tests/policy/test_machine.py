"""Requests, verdicts, answers of the flag server, crashes and time in any order: what must hold whatever happens."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from policy.flag_server import Answers, state_of
from policy.harness import CrashError, Rollout, a_verdict
from policy.plans import a_config, a_phase, a_plan
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import Action, Purpose, Reality
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import Cell, Evidence, State
from rolloutctl.policy import decision as do

PEOPLE = a_config(ana="approver", ben="operator", cleo="approver", eve="viewer")
people = st.sampled_from(["ana", "ben", "cleo", "eve", "stranger"])
GOOD = (a_verdict(), a_verdict("latency"), a_verdict("drift"))
phases = st.sampled_from(["five", "thirty", "all", "done"])
GATE = {"id": "go", "title": "Go", "owner": "ben", "before": "all"}

plans = st.builds(
    lambda on_breach, irreversible, advance, approvals, gate, stabilise: a_plan(
        a_phase("five", 5, advance=advance[0]),
        a_phase("thirty", 30, advance=advance[1], approvals=approvals),
        a_phase("all", 100, advance=advance[2], stabilise=stabilise),
        gates=[GATE] if gate else [],
        rollback={"on_breach": on_breach} | ({"irreversible": "no way back"} if irreversible else {}),
    ),
    st.sampled_from(["ask", "auto", "hold"]),
    st.sampled_from([False, False, False, True]),
    st.tuples(*[st.sampled_from(["manual", "auto"])] * 3),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
)


def _verdict(criterion, state, grace_over, beyond):
    """Newest cell inside or beyond the bound: a latched breach may look recovered."""
    evidence = Evidence(cells=(Cell(end=1.0, canary=0.5, baseline=None, bound=1.0, beyond=beyond),))
    breach_at = 1.0 if state is State.BREACH else None
    return a_verdict(criterion, state, grace_over=grace_over, breach_at=breach_at, evidence=evidence)


def verdicts_of(states):
    return st.tuples(
        *(st.builds(_verdict, st.just(c), states, st.booleans(), st.booleans()) for c in ("errors", "latency", "drift"))
    )


def active(machine):
    return not machine.rollout.state.status.final


class Machine(RuleBasedStateMachine):
    """One rollout, as `harness` has it; the flag server is edited by others only in the machine below."""

    rollout: Rollout
    latched: tuple[int, Fraction]
    """Attempt with a latched guardrail breach, and what was served when last looked at."""
    serves_after_rollback: Fraction
    """What was served when last looked at after the decision to roll back, in percent."""

    @initialize(plan=plans, steps=st.integers(0, 3), then=st.sampled_from(["settling", "baking", "ready"]))
    def seal(self, plan, steps, then):
        self.rollout = Rollout(plan, PEOPLE)
        self.serves_after_rollback = Fraction(101)
        self.latched = (0, Fraction(0))
        for step in range(steps):
            if step:
                self.prosper()
            self.signed_and_approved()
            self.advance("ana")
        if steps and then != "settling":
            self.rollout.after(timedelta(seconds=15))
            self.rollout.judge(*GOOD)
        if steps and then == "ready":
            self.rollout.after(timedelta(minutes=10))

    def drive(self):
        """Until policy waits; whatever dies is taken over by a new driver."""
        for _ in range(10):
            try:
                self.rollout.run()
            except CrashError:
                self.rollout.take_over()
            else:
                return
        raise AssertionError("it crashes for ever")

    # --- what happens ------------------------------------------------------------------------------------

    @rule(
        actor=people,
        to=phases,
        kind=st.sampled_from([ev.AdvanceRequested, ev.BackRequested, ev.ApprovalGiven]),
        drive=st.booleans(),
    )
    def step_request(self, actor, to, kind, drive):
        key = "phase" if kind is ev.ApprovalGiven else "to"
        self.rollout.ask(kind(**{key: to}), actor)
        if drive:
            self.drive()

    @rule(actor=people)
    def advance(self, actor):
        if self.rollout.state.phase + 1 <= len(self.rollout.plan.phases):
            self.rollout.advance(actor)
        self.drive()

    @rule(
        actor=people,
        body=st.sampled_from(
            [
                ev.HoldRequested(why="wait"),
                ev.ResumeRequested(why="go on"),
                ev.GateSigned(gate="go", go=True),
                ev.GateSigned(gate="go", go=False),
                ev.CountdownPostponed(why="looking"),
                ev.RollbackChecked(why="I looked"),
                ev.NoteAdded(text="hm"),
            ]
        ),
        drive=st.booleans(),
    )
    def request(self, actor, body, drive):
        self.rollout.ask(body, actor)
        if drive:
            self.drive()

    @precondition(lambda self: len(self.rollout.events) > 40)
    @rule(actor=people, body=st.sampled_from([ev.RollbackRequested(why="off"), ev.AbortRequested(why="enough")]))
    def end(self, actor, body):
        self.rollout.ask(body, actor)
        self.drive()

    @rule()
    def good_evidence(self):
        self.rollout.judge(*GOOD)
        self.drive()

    @precondition(active)
    @rule()
    def prosper(self):
        """Everything works for as long as a phase takes."""
        server = self.rollout.server
        server.script.clear()
        server.readable = self.rollout.clients_follow = True
        self.rollout.exposure_off = ""
        for span in (15, 2, 15, 2, 600):
            self.rollout.read_flag()
            self.rollout.judge(*GOOD)
            self.drive()
            self.rollout.wait(timedelta(seconds=span))
        self.rollout.judge(*GOOD)
        self.drive()

    @rule()
    def signed_and_approved(self):
        self.rollout.ask(ev.GateSigned(gate="go", go=True), "ben")
        for phase in self.rollout.plan.phases:
            self.rollout.ask(ev.ApprovalGiven(phase=phase.name), "cleo")
        self.drive()

    @precondition(active)
    @rule(answer=st.sampled_from(Answers), actor=st.sampled_from(["ana", "cleo"]))
    def advance_into(self, answer, actor):
        """A step forward that meets one particular answer."""
        if self.rollout.state.phase + 1 <= len(self.rollout.plan.phases) and answer is not Answers.CONFLICT:
            self.rollout.server.script.appendleft(answer)
            self.rollout.advance(actor)
            self.drive()

    @rule(to=st.sampled_from(["five", "thirty"]))
    def back(self, to):
        self.rollout.ask(ev.BackRequested(to=to), "ana")
        self.drive()

    @rule(verdicts=verdicts_of(st.sampled_from([State.PASS, State.PENDING, State.NO_DATA, State.SOURCE_DOWN, State.ONE_HOST])))
    def other_evidence(self, verdicts):
        self.rollout.judge(*verdicts)
        self.drive()

    @rule(verdicts=verdicts_of(st.sampled_from([State.PASS, State.BREACH, State.STALE])), drive=st.booleans())
    def bad_evidence(self, verdicts, drive):
        self.rollout.judge(*verdicts)
        if drive:
            self.drive()

    def reach_ready(self):
        """A phase that a person may leave, unless the plan goes on by itself or a breach is in the way."""
        self.rollout.ask(ev.ResumeRequested(), "ana")
        self.prosper()
        self.signed_and_approved()
        if active(self) and self.rollout.state.phase < 0:
            self.advance("ana")
            self.prosper()

    @precondition(active)
    @rule(
        answer=st.sampled_from([Answers.LOSES_REQUEST, Answers.LOSES_ANSWER, Answers.DOES_IT]),
        sent=st.booleans(),
        ready=st.sampled_from([True, True, False]),
    )
    def breach_while_a_step_is_under_way(self, answer, sent, ready):
        """Between the decision and the step, or between the step and its outcome."""
        if ready:
            self.reach_ready()
        if self.rollout.state.phase + 1 <= len(self.rollout.plan.phases):
            self.rollout.server.script.appendleft(answer)
            self.rollout.advance("ana")
            for _ in range(3 if sent else 1):
                self.one_decision()
            self.rollout.judge(_verdict("errors", State.BREACH, grace_over=False, beyond=True), *GOOD[1:])
            self.drive()
            self.while_a_guardrail_is_latched_exposure_never_rises()
            for _ in range(2):
                self.rollout.wait(timedelta(seconds=20))
                self.drive()
                self.while_a_guardrail_is_latched_exposure_never_rises()

    @precondition(active)
    @rule(answer=st.sampled_from([Answers.LOSES_REQUEST, Answers.LOSES_ANSWER, Answers.CRASH_BEFORE, Answers.CRASH_AFTER]))
    def rollback_while_a_step_is_under_way(self, answer):
        self.reach_ready()
        if active(self) and self.rollout.state.phase + 1 <= len(self.rollout.plan.phases):
            self.rollout.server.script.append(answer)
            self.rollout.advance("ana")
            for _ in range(3):
                self.one_decision()
            self.rollout.ask(ev.RollbackRequested(why="off"), "ben")
            self.drive()

    @precondition(active)
    @rule(hours=st.sampled_from([0.001, 2]), ready=st.booleans())
    def driver_dies_after_its_decision(self, hours, ready):
        if ready:
            self.reach_ready()
        if self.rollout.state.phase + 1 <= len(self.rollout.plan.phases):
            self.rollout.advance("ana")
            self.one_decision()
            self.rollout.wait(timedelta(hours=hours))
            self.crash()

    @rule()
    def one_decision(self):
        try:
            self.rollout.step()
        except CrashError:
            self.rollout.take_over()

    @rule(answers=st.lists(st.sampled_from([a for a in Answers if a is not Answers.CONFLICT]), min_size=1, max_size=3))
    def flag_server_will(self, answers):
        self.rollout.server.script.extend(answers)

    @rule(readable=st.booleans(), follow=st.booleans())
    def network(self, readable, follow):
        self.rollout.server.readable, self.rollout.clients_follow = readable, follow
        self.rollout.read_flag()
        self.drive()

    @rule(off=st.sampled_from(["", "more traffic than declared"]))
    def exposure(self, off):
        self.rollout.exposure_off = off
        self.drive()

    @rule(seconds=st.sampled_from([1, 2, 15, 15, 60, 600, 600, 3000]), drive=st.booleans())
    def time(self, seconds, drive):
        self.rollout.wait(timedelta(seconds=seconds))
        if drive:
            self.rollout.read_flag()
            self.drive()

    @rule()
    def crash(self):
        self.rollout.take_over()
        self.drive()

    # --- what must hold ----------------------------------------------------------------------------------

    @invariant()
    def fold_of_all_is_the_fold_so_far(self):
        assert fold(self.rollout.events) == self.rollout.state

    def highest_accepted(self):
        entered = [
            body.phase for body in self.rollout.decisions() if body.accepted and body.action in {Action.ADVANCE, Action.BACK}
        ]
        return max((self.rollout.plan.phase(name).cohort.percent for name in entered), default=Fraction(0))

    @invariant()
    def exposure_is_never_above_the_highest_phase_whose_entry_was_accepted(self):
        assert self.rollout.server.serves.percent <= self.highest_accepted()

    @invariant()
    def after_a_rollback_decision_exposure_never_rises(self):
        status = self.rollout.state.status
        if status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN, Status.ROLLED_BACK}:
            now = self.rollout.server.serves.percent
            assert now <= self.serves_after_rollback
            self.serves_after_rollback = now

    @invariant()
    def while_a_guardrail_is_latched_exposure_never_rises(self):
        run, now = self.rollout.state.run, self.rollout.server.serves.percent
        latched = run is not None and any(breach.role == "guardrail" for breach in run.breaches)
        if latched and self.latched[0] == run.attempt:
            assert now <= self.latched[1]
        self.latched = (run.attempt, now) if latched else (0, Fraction(0))

    @invariant()
    def one_intent_after_every_accepted_step_and_none_without(self):
        """A step that was accepted becomes one intent, or is withdrawn in the journal, or a rollback overtakes it."""
        todo = None
        for event in self.rollout.events:
            body = event.body
            if isinstance(body, ev.DecisionMade) and body.action in {Action.ADVANCE, Action.BACK}:
                if body.accepted:
                    assert todo is None, "a second step was accepted before the first became an intent"
                    todo = body
                elif body.request == 0:
                    assert todo is not None, "nothing was there to withdraw"
                    todo = None
            elif isinstance(body, ev.DecisionMade) and body.action is Action.ROLLBACK and body.accepted:
                todo = None
            elif isinstance(body, ev.FlagIntent) and body.purpose in {Purpose.ADVANCE, Purpose.BACK}:
                assert todo is not None, "an intent that nobody decided"
                assert (body.phase, body.purpose.value) == (todo.phase, todo.action.value)
                todo = None
        accepted = self.rollout.state.accepted
        assert (todo is not None) == (accepted is not None and accepted.action in {Action.ADVANCE, Action.BACK})

    @invariant()
    def no_intent_gets_two_outcomes(self):
        final = (ev.FlagSettled, ev.FlagConflict, ev.FlagNeedsApproval, ev.FlagRejected, ev.FlagFailed)
        ended: dict[int, int] = {}
        for event in self.rollout.of(*final):
            if isinstance(event.body, ev.FlagReconciled) and event.body.found is Reality.NOT_APPLIED:
                continue
            ended[event.body.intent] = ended.get(event.body.intent, 0) + 1
        assert all(count == 1 for count in ended.values())
        intents = [event.seq for event in self.rollout.of(ev.FlagIntent)]
        left = [seq for seq in intents if seq not in ended]
        still = self.rollout.state.open_intent
        overtaken = [seq for seq in left if still is None or seq != still.seq]
        for seq in overtaken:
            following = next(other for other in self.rollout.of(ev.FlagIntent) if other.seq > seq)
            assert following.body.purpose is Purpose.ROLLBACK, "only a rollback does not wait for an outcome"

    @invariant()
    def requests_are_answered_at_most_once_and_by_the_right_rule(self):
        answered = [body.request for body in self.rollout.decisions() if body.request]
        assert len(answered) == len(set(answered))
        actors = {event.seq: event.actor for event in self.rollout.events}
        for body in self.rollout.decisions():
            if body.request and body.accepted and actors[body.request] in {"eve", "stranger"}:
                assert body.reasons == ("joins the rollback that is running",)

    @invariant()
    def no_ready_and_no_step_forward_over_a_latched_guardrail(self):
        latched, back, stepping, attempt = False, False, False, 0
        for event in self.rollout.events:
            match event.body:
                case ev.PhaseBaking(attempt=attempt):
                    assert back or not latched, f"attempt {attempt} began over a breach, and nobody stepped back"
                    latched = back = stepping = False
                case ev.FlagIntent(purpose=Purpose.BACK):
                    stepping = True
                case ev.FlagReconciled(found=Reality.FOREIGN):
                    back = stepping = False
                case ev.FlagReconciled(found=Reality.NOT_APPLIED):
                    pass
                case ev.FlagSettled():
                    back = back or stepping
                case ev.FlagConflict() | ev.FlagRejected() | ev.FlagFailed() | ev.FlagNeedsApproval():
                    stepping = False  # a step back that was done before this one stays done
                case ev.BreachLatched(role="guardrail"):
                    # A step back that is under way when the breach comes is still a step back.
                    latched = True
                case ev.PhaseReady():
                    assert not latched, f"READY in attempt {attempt} after a breach"
                case ev.FlagIntent(purpose=Purpose.ADVANCE):
                    assert not latched, f"a step forward from attempt {attempt} after a breach"
                case ev.RolloutEnded(status="DONE"):
                    assert not latched
        run = self.rollout.state.run
        if run is not None and any(breach.role == "guardrail" for breach in run.breaches):
            assert self.rollout.state.step is not Step.READY

    @invariant()
    def done_only_from_the_last_phase_ready(self):
        state = self.rollout.state
        if state.status is Status.DONE:
            assert (state.phase, state.step) == (len(self.rollout.plan.phases) - 1, Step.READY)

    @invariant()
    def a_final_status_says_nothing_more(self):
        if self.rollout.state.status in {Status.DONE, Status.ABORTED}:
            assert isinstance(self.rollout.decide(), do.Wait)

    def teardown(self):
        """With everything in order again, every intent gets its outcome and a rollback comes to its end."""
        if not hasattr(self, "rollout"):
            return
        rollout = self.rollout
        rollout.server.script.clear()
        rollout.server.readable = rollout.clients_follow = True
        for _ in range(12):
            rollout.wait(timedelta(seconds=31))
            rollout.read_flag()
            self.drive()
        assert rollout.state.open_intent is None
        assert rollout.state.status not in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}
        if not rollout.state.status.final:
            assert rollout.state.requests == ()
        self.no_intent_gets_two_outcomes()
        self.one_intent_after_every_accepted_step_and_none_without()


class WithOthers(Machine):
    """Somebody else edits the flag, writes of ours land late: exposure is theirs then, the rest holds all the same."""

    @rule(percent=st.sampled_from([0, 5, 20, 30, 77]), note=st.sampled_from(["", "a constraint"]), seen=st.booleans())
    def somebody(self, percent, note, seen):
        self.rollout.server.somebody(state_of(percent > 0, Cohort(percent=percent), note))
        if seen:
            self.rollout.read_flag()
            self.drive()

    @rule()
    def land(self):
        self.rollout.server.land()

    @rule()
    def conflict(self):
        self.rollout.server.script.append(Answers.CONFLICT)

    @precondition(lambda self: len(self.rollout.events) > 40)
    @rule()
    def rollback(self):
        self.rollout.ask(ev.RollbackRequested(why="off"), "ben")
        self.drive()

    @invariant()
    def while_a_guardrail_is_latched_exposure_never_rises(self):
        """Somebody else's or a late write may raise it; what we decide may not, says the machine above."""

    @invariant()
    def exposure_is_never_above_the_highest_phase_whose_entry_was_accepted(self):
        for _, written in self.rollout.server.writes:
            assert written.effective is None or written.effective.percent <= self.highest_accepted()

    @invariant()
    def after_a_rollback_decision_exposure_never_rises(self):
        """What we write after the decision is never more than off."""
        decided = next(
            (b for b in self.rollout.of(ev.DecisionMade) if b.body.action is Action.ROLLBACK and b.body.accepted), None
        )
        if decided is not None:
            late = [state for key, state in self.rollout.server.writes if key > decided.seq]
            assert all(not state.enabled for state in late)


pytestmark = pytest.mark.timeout(900)  # only a failure takes that long: it is shrunk
Machine.TestCase.settings = WithOthers.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase
TestWithOthers = WithOthers.TestCase
