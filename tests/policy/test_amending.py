"""Amendments: what differs, what may not, what loosens, who agrees; and that none changes what anybody is served."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from policy.harness import START
from policy.test_signing import PLAN, accepted, asked, request, sealed
from rolloutctl.config import Config
from rolloutctl.errors import PlanInvalid
from rolloutctl.model import events as ev
from rolloutctl.model.kinds import Action
from rolloutctl.model.state import PhaseRun, RolloutState, Status, Step
from rolloutctl.plan.canonical import plan_digest
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.policy import decision as do
from rolloutctl.policy.amending import changes, forbidden, others_needed
from rolloutctl.policy.decide import decide
from rolloutctl.policy.facts import Facts

TEXT = PLAN.format(phase="false", gate="false")
OLD = read_plan(TEXT, "plan.toml")


def plan(was: str, now: str, text: str = TEXT) -> Plan:
    assert was in text
    return read_plan(text.replace(was, now, 1), "plan.toml")


def baking(phase: int = 0) -> RolloutState:
    run = PhaseRun(index=phase, attempt=1, started_at=START, of_phase=1)
    start = replace(sealed(digest=plan_digest(OLD)), status=Status.ACTIVE, phase=phase, entering=phase, step=Step.BAKING)
    return replace(start, run=run, attempts=1, attempts_of=(phase,))


LOOSENS = [
    ("max = 10", "max = 20", "criteria.queue.max"),
    ('bake = "1h"', 'bake = "30m"', "phases.five.bake"),
    ("approvals = 1", "approvals = 0", "phases.five.approvals"),
    ('owner = "ana"\nbefore', 'owner = "ben"\nbefore', "gates.legal.owner"),
    ("[[criteria]]", '[[criteria]]\nid = "more"\ntype = "value"\nexpr = \'m{$arm}\'\ntest = "threshold"\nmax = 1\n[[criteria]]',
     "criteria.more"),
    ('bake = "1h"', 'bake = "1h"\nadvance = "auto"', "phases.five.advance"),
]  # fmt: skip
TIGHTENS = [
    ('bake = "1h"', 'bake = "2h"', "phases.five.bake"),
    ("approvals = 1", "approvals = 2", "phases.five.approvals"),
    ("[[phases]]", '[[gates]]\nid = "more"\ntitle = "More"\nowner = "ana"\nbefore = "all"\n[[phases]]', "gates.more"),
    ('name = "checkout"', 'name = "checkout"\ntitle = "Another"', "title"),
    ("require_signature = false", "require_signature = true", "gates.legal.require_signature"),
]  # fmt: skip


@pytest.mark.parametrize(("was", "now", "key"), LOOSENS)
def test_what_loosens_is_named_and_needs_somebody_else(was: str, now: str, key: str) -> None:
    (change,) = changes(OLD, plan(was, now))
    assert (change.key, change.loosens) == (key, True)
    assert str(change).endswith("(loosens)")
    assert others_needed(OLD.model_copy(update={"phases": ()}), baking(), (change,)) == 1


@pytest.mark.parametrize(("was", "now", "key"), TIGHTENS)
def test_what_only_asks_for_more_does_not_loosen(was: str, now: str, key: str) -> None:
    (change,) = changes(OLD, plan(was, now))
    assert (change.key, change.loosens) == (key, False)


def test_written_differently_is_no_difference() -> None:
    assert changes(OLD, plan('bake = "1h"', 'bake = "60m"')) == ()
    (why,) = forbidden(OLD, plan('bake = "1h"', 'bake = "60m"'), baking())
    assert "nothing to amend" in why


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("percent = 5 ", "percent = 6 ", "who gets the canary in it cannot be amended"),
        ('name = "five"', 'name = "six"', "keeps its place"),
        ('key = "checkout"', 'key = "search"', "flag.key cannot be amended"),
        ('source = "m"', 'source = "n"', "metrics.source cannot be amended"),
        ('name = "all"', 'name = "others"', '"all" would be skipped'),
    ],
)
def test_what_cannot_be_amended_has_its_sentence(was: str, now: str, said: str) -> None:
    text = TEXT.replace('before = "five"', 'before = "five"' if "six" not in now else 'before = "six"')
    why = forbidden(OLD, plan(was, now, text), baking())
    assert any(said in sentence for sentence in why), why


@pytest.mark.parametrize(
    "status", [status for status in Status if status not in {Status.SEALED, Status.ACTIVE, Status.STABILISING}]
)
def test_nothing_is_amended_when_it_is_over_or_rolling_back(status: Status) -> None:
    assert forbidden(OLD, plan("max = 10", "max = 9"), replace(baking(), status=status))


@pytest.mark.parametrize("step", [Step.APPLYING, Step.SETTLING])
def test_nothing_is_amended_while_a_change_is_under_way(step: Step) -> None:
    (why,) = forbidden(OLD, plan("max = 10", "max = 9"), replace(baking(), step=step))
    assert "under way" in why


def amendment(new: Plan, was: str | None = None) -> ev.AmendRequested:
    return ev.AmendRequested(
        why="sure", was_digest=was or plan_digest(OLD), plan_digest=plan_digest(new), plan_blob="b" * 64, changes=("x",)
    )


def decision(state: RolloutState, new: Plan, person: str = "cleo", **more: str) -> tuple[do.Decision, RolloutState]:
    event = request(amendment(new, **more), person, 9)
    state = asked(state, event)
    facts = Facts(now=START, config=Config(), driving_since=START, proposed={9: new})
    return decide(OLD, state, facts), state


def approved(state: RolloutState, new: Plan, person: str, seq: int) -> RolloutState:
    event = request(ev.ApprovalGiven(phase="", amendment=plan_digest(new)), person, seq)
    return accepted(state, event)


def test_it_needs_others_for_exactly_this_plan() -> None:
    new, other = plan("max = 10", "max = 20"), plan("max = 10", "max = 21")
    state = approved(approved(baking(), new, "cleo", 3), other, "dan", 5)
    found, _ = decision(state, new)
    assert isinstance(found, do.Decide)
    assert not found.accepted, "who amends does not count, and dan has approved another plan"
    assert "given by nobody yet" in found.reasons[0]
    found, _ = decision(approved(state, new, "dan", 7), new)
    assert isinstance(found, do.Decide)
    assert (found.action, found.accepted) == (Action.AMEND, True)


def test_an_amendment_of_a_plan_that_is_no_longer_in_force_is_refused() -> None:
    new = plan("max = 10", "max = 20")
    found, _ = decision(approved(baking(), new, "dan", 3), new, was="9" * 64)
    assert isinstance(found, do.Decide)
    assert "amended since" in found.reasons[0]


def test_a_plan_that_nobody_has_read_yet_waits() -> None:
    new = plan("max = 10", "max = 20")
    state = asked(baking(), request(amendment(new), "cleo", 9))
    found = decide(OLD, state, Facts(now=START, config=Config(), driving_since=START))
    assert not isinstance(found, do.Decide)


def amended(state: RolloutState, new: Plan, seq: int = 12) -> RolloutState:
    body = ev.PlanAmended(
        request=9,
        by="cleo",
        why="sure",
        title=new.shown,
        owner=new.owner,
        was_digest=plan_digest(OLD),
        plan_digest=plan_digest(new),
        plan_blob="b" * 64,
        changes=("x",),
        at=START + timedelta(hours=2),
    )
    return asked(state, request(body, "driver", seq))


def test_the_phase_keeps_its_clock_and_its_breaches_and_is_judged_anew() -> None:
    new = plan("max = 10", "max = 20")
    breach = ev.BreachLatched(phase="five", attempt=1, criterion="queue", role="signal", at=START, why="w")
    before = asked(replace(baking(), step=Step.READY, verdicts={"queue": "PASS"}), request(breach, "driver", 8))
    before = replace(before, step=Step.READY, approvals={"all": ("dan",)}, gates={"legal": True})
    after = amended(before, new)
    assert after.run == before.run
    assert (after.step, after.phase, after.expected, after.status) == (Step.BAKING, 0, before.expected, before.status)
    assert (after.verdicts, after.approvals, after.gates) == ({}, {}, {})
    assert (after.plan_digest, len(after.amendments)) == (plan_digest(new), 1)


def test_accepted_it_is_carried_out_also_by_the_next_driver() -> None:
    new = plan("max = 10", "max = 20")
    found, state = decision(approved(baking(), new, "dan", 3), new)
    assert isinstance(found, do.Decide)
    done = ev.DecisionMade(action=Action.AMEND, accepted=True, request=9, at=START)
    state = asked(state, request(done, "driver", 10))
    todo = decide(OLD, state, Facts(now=START, config=Config(), driving_since=START))
    assert isinstance(todo, do.Amend)
    assert todo.request.seq == 9
    assert amended(state, new).accepted is None


PERCENTS = st.integers(0, 100)
PHASES = st.lists(
    st.tuples(st.sampled_from(["five", "half", "all", "extra", "more"]), PERCENTS, st.sampled_from(["30m", "1h", "2h"])),
    min_size=1,
    max_size=4,
    unique_by=lambda phase: phase[0],
)
THREE = [("five", 5, "1h"), ("half", 50, "1h"), ("all", 100, "1h")]


def planned(phases: list[tuple[str, int, str]], limit: int, to: str) -> Plan:
    head = TEXT[: TEXT.index("[[gates]]")].replace("max = 10", f"max = {limit}")
    tables = "".join(
        f'[[phases]]\nname = "{name}"\nowner = "ana"\ncohort = {{ percent = {percent} }}\nbake = "{bake}"\n'
        for name, percent, bake in phases
    )
    return read_plan(f'{head}[rollback]\nto = "{to}"\n{tables}', "plan.toml")


@given(PHASES, st.integers(1, 20), st.sampled_from(["off", "snapshot"]), st.integers(-1, 2), st.sampled_from(Step))
@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
def test_no_amendment_changes_exposure(phases: list[tuple[str, int, str]], limit: int, to: str, reached: int, step: Step) -> None:
    """Whatever is proposed, and wherever the rollout is: refused, or everybody is served what they were, and nothing is sent."""
    old = planned(THREE, 10, "off")
    try:
        new = planned(phases, limit, to)
    except PlanInvalid:
        assume(False)
    state = replace(baking(max(0, reached)), phase=reached, entering=reached, step=step, plan_digest=plan_digest(old))
    if reached < 0:
        state = replace(state, run=None, status=Status.SEALED)
    if forbidden(old, new, state):
        return
    after = amended(state, new)
    assert (after.phase, after.expected, after.open_intent, after.accepted) == (state.phase, state.expected, None, None)
    if reached >= 0:
        assert new.cohort(reached) == old.cohort(reached)
        assert new.phases[reached].name == old.phases[reached].name
    left = [phase.name for phase in new.phases[reached + 1 :]]
    assert [name for name in left if name in {"five", "half", "all"}] == [phase.name for phase in old.phases[reached + 1 :]]
    facts = Facts(now=START, config=Config(), driving_since=START)
    assert not isinstance(decide(new, after, facts), do.ChangeFlag | do.TurnOff)
