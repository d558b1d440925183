"""How verdicts combine into a phase's verdict (`states.md`, "Phase verdict"): first that applies."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.plans import BAKE, BREACH, PASS, a_phase, a_plan, baking, ready, started, verdict
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.events import BreachLatched
from rolloutctl.model.kinds import HoldKind
from rolloutctl.model.state import PhaseRun, Status, Step
from rolloutctl.model.verdict import MISSING_EVIDENCE, PhaseState, State
from rolloutctl.policy.phase_verdict import phase_verdict

AT = datetime(2026, 1, 5, tzinfo=UTC)
RUN = PhaseRun(index=0, attempt=1, started_at=AT)
DECLARABLE = {"on_no_data": State.NO_DATA, "on_stale": State.STALE, "on_low_traffic": State.LOW_TRAFFIC}


def judged(*verdicts, run=RUN, plan=None):
    return phase_verdict(plan or a_plan(), verdicts, run)


def test_every_criterion_passing_is_ready():
    assert judged(PASS, verdict(criterion="latency")).state is PhaseState.READY


@pytest.mark.parametrize("state", sorted(MISSING_EVIDENCE))
def test_missing_evidence_is_never_a_pass(state):
    within, past = verdict(state), verdict(state, grace_over=True)
    assert judged(within, verdict(criterion="latency")).state is PhaseState.PENDING
    assert judged(past, verdict(criterion="latency")).state is PhaseState.HOLD


@pytest.mark.parametrize("missing", sorted(MISSING_EVIDENCE))
@pytest.mark.parametrize("grace_over", [True, False])
def test_missing_evidence_of_one_never_masks_a_breach_of_another(missing, grace_over):
    verdicts = [verdict(missing, "latency", grace_over=grace_over), BREACH, verdict(missing, "drift", grace_over=grace_over)]
    for order in permutations(verdicts):
        result = judged(*order)
        assert result.state is PhaseState.BREACH
        assert "errors" in result.why


@pytest.mark.parametrize(("key", "state"), DECLARABLE.items())
def test_declared_breach_on_missing_evidence_counts_after_the_grace_only(key, state):
    plan = a_plan(criterion={key: "breach"})
    assert judged(verdict(state), plan=plan).state is PhaseState.PENDING
    assert judged(verdict(state, grace_over=True), plan=plan).state is PhaseState.BREACH


@pytest.mark.parametrize(("key", "state"), DECLARABLE.items())
def test_declared_ignore_leaves_the_criterion_out(key, state):
    plan = a_plan(criterion={key: "ignore"})
    gone = verdict(state, grace_over=True)
    assert judged(gone, verdict(criterion="latency"), plan=plan).state is PhaseState.READY
    only = judged(gone, plan=plan)
    assert (only.state, only.why) == (PhaseState.HOLD, "no criterion passes: nothing says that this phase is good")


@pytest.mark.parametrize("state", sorted(MISSING_EVIDENCE - set(DECLARABLE.values())))
@pytest.mark.parametrize("declared", ["breach", "ignore"])
def test_other_states_of_missing_evidence_are_always_a_hold(state, declared):
    plan = a_plan(criterion=dict.fromkeys(DECLARABLE, declared))
    assert judged(verdict(state, grace_over=True), verdict(criterion="latency"), plan=plan).state is PhaseState.HOLD


def test_a_declared_breach_on_no_data_rolls_back_for_real():
    rollout = baking(a_plan(criterion={"on_no_data": "breach"}, rollback={"on_breach": "auto"}))
    rollout.judge(verdict(State.NO_DATA))
    rollout.run()
    assert rollout.state.status is Status.ACTIVE
    rollout.judge(verdict(State.NO_DATA, grace_over=True))
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK


def test_no_criterion_at_all_is_a_hold():
    assert judged().state is PhaseState.HOLD
    assert judged(verdict(criterion="cost")).state is PhaseState.HOLD, "info does not count as a pass"


def test_signal_and_one_host_are_a_hold():
    assert judged(PASS, verdict(State.BREACH, "drift", breach_at=1.0)).state is PhaseState.HOLD
    assert judged(PASS, verdict(State.ONE_HOST, "latency")).state is PhaseState.HOLD


def test_info_decides_nothing():
    for state in State:
        assert judged(PASS, verdict(state, "cost", grace_over=True)).state is PhaseState.READY


def test_worst_reason_first():
    result = judged(
        verdict(State.STALE, grace_over=True),
        verdict(State.SOURCE_DOWN, "latency", grace_over=True),
        verdict(State.ONE_HOST, "drift"),
    )
    assert result.why == "drift: ONE HOST"


def test_pending_comes_after_hold_and_before_ready():
    assert judged(PASS, verdict(State.PENDING, "latency")).state is PhaseState.PENDING
    assert judged(verdict(State.STALE, grace_over=True), verdict(State.PENDING, "latency")).state is PhaseState.HOLD


@pytest.mark.parametrize(
    ("role", "state"), [("guardrail", PhaseState.BREACH), ("signal", PhaseState.HOLD), ("info", PhaseState.READY)]
)
def test_what_was_latched_counts_whatever_the_data_say_now(role, state):
    breach = BreachLatched(phase="five", criterion="errors", role=role, at=AT, why="too many")
    run = PhaseRun(index=0, attempt=1, started_at=AT, breaches=(breach,))
    assert judged(PASS, run=run).state is state


ANY = st.builds(
    verdict,
    st.sampled_from(State),
    st.sampled_from(["errors", "latency", "drift", "cost"]),
    segment=st.sampled_from(["", "web", "voice"]),
    grace_over=st.booleans(),
)


@given(st.lists(ANY, max_size=6), st.randoms())
def test_the_verdict_does_not_depend_on_order(verdicts, random):
    shuffled = list(verdicts)
    random.shuffle(shuffled)
    assert judged(*shuffled).state is judged(*verdicts).state


@given(st.lists(ANY, max_size=6))
def test_ready_needs_a_pass_and_nothing_against_it(verdicts):
    if judged(*verdicts).state is PhaseState.READY:
        counted = [v for v in verdicts if v.criterion != "cost"]
        assert any(v.state is State.PASS for v in counted)
        assert all(v.state is State.PASS for v in counted)


@given(st.lists(ANY, max_size=6))
def test_a_guardrail_in_breach_is_a_breach_whatever_else(verdicts):
    assert judged(BREACH, *verdicts).state is PhaseState.BREACH


# --- nothing advances without evidence ------------------------------------------------------------------------

DOWN = verdict(State.SOURCE_DOWN)
DOWN_LONG = verdict(State.SOURCE_DOWN, grace_over=True)


@pytest.mark.parametrize("now", [DOWN, DOWN_LONG], ids=["just now", "past its grace"])
def test_nothing_advances_when_the_source_is_down(now):
    rollout = baking(a_plan(a_phase("five", 5, advance="auto"), a_phase("all", 100)))
    rollout.wait(BAKE)
    rollout.judge(now)
    seq = rollout.advance()
    rollout.after(timedelta(hours=4))
    assert not rollout.answer_to(seq).accepted
    assert rollout.server.serves == Cohort(percent=5)
    assert rollout.state.status is Status.ACTIVE, "and it never is a breach"


def test_a_source_that_goes_down_in_ready_stops_the_advance_and_holds():
    rollout = ready()
    rollout.judge(DOWN_LONG)
    rollout.run()
    assert rollout.state.step is Step.READY
    assert rollout.state.hold_by(HoldKind.AUTOMATIC).code == "evidence"
    seq = rollout.advance()
    rollout.run()
    assert not rollout.answer_to(seq).accepted
    rollout.judge(PASS)
    rollout.run()
    assert not rollout.state.held


def test_the_first_phase_may_begin_while_the_source_is_down():
    rollout = started()
    rollout.advance()
    rollout.run()
    assert rollout.server.serves == Cohort(percent=5)
