"""`fold(events)`: never refuses what happened, and gives the same whether in one go or event by event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.test_events import bodies_of
from rolloutctl.errors import JournalCorrupt
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import OFF, CohortState, Target
from rolloutctl.model.events import KIND_OF, Event
from rolloutctl.model.fold import _APPLY, fold
from rolloutctl.model.kinds import GENESIS, Action, HoldKind, Kind
from rolloutctl.model.state import Status, Step

AT = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
SEAL = ev.RolloutSealed(
    plan="checkout",
    attempt=1,
    title="Checkout",
    owner="ana",
    target=Target(provider="flags", key="checkout", environment="production", project="default"),
    plan_digest="0" * 64,
    plan_blob="0" * 64,
    snapshot=CohortState(enabled=False, cohort=OFF, native="{}"),
    source="prometheus",
)


def stream(*bodies, actor="ana"):
    return [
        Event(seq, AT + timedelta(seconds=seq), actor, "h", "rollout/checkout#1", KIND_OF[type(body)], 1, body, "", GENESIS, "")
        for seq, body in enumerate(bodies, 1)
    ]


def test_nothing_is_nothing():
    assert fold([]) is None


def test_a_seal_begins_it():
    state = fold(stream(SEAL))
    assert (state.id, state.status, state.step, state.phase) == ("checkout#1", Status.SEALED, Step.WAITING, -1)
    assert (state.sealed_by, state.sealed_at, state.expected) == ("ana", AT + timedelta(seconds=1), SEAL.snapshot)


def test_of_two_seals_the_first_counts():
    first, second = stream(SEAL, SEAL.model_copy(update={"owner": "ben"}))
    assert fold([first, second]) == fold([first])


@pytest.mark.parametrize(
    "kind",
    sorted(set(Kind) - {Kind.ROLLOUT_SEALED, Kind.LEASE_TAKEN, Kind.LEASE_RELEASED, Kind.HEAD_WITNESSED, Kind.JOURNAL_RECOVERED}),
)
def test_what_comes_before_the_seal_is_corrupt(kind):
    @given(bodies_of(kind))
    @settings(max_examples=3)
    def is_corrupt(body):
        with pytest.raises(JournalCorrupt, match="comes before the rollout was sealed"):
            fold(stream(body))

    is_corrupt()


def test_a_lease_may_be_taken_before_the_seal():
    assert fold(stream(ev.LeaseTaken(holder="h", pid=1))) is None
    assert fold(stream(ev.LeaseTaken(holder="h", pid=1), SEAL)).status is Status.SEALED


def test_every_kind_has_its_rule():
    assert set(_APPLY) == set(Kind) - {Kind.ROLLOUT_SEALED}


def test_the_body_of_another_kind_is_corrupt():
    seal, hold = stream(SEAL, ev.HoldSet(by=HoldKind.PERSON, code="person", reason="", at=AT))
    with pytest.raises(JournalCorrupt, match="carries the body of another kind"):
        fold([seal, replace(hold, kind=Kind.HOLD_CLEARED)])


ANY = st.sampled_from([kind for kind in Kind if kind is not Kind.ROLLOUT_SEALED]).flatmap(bodies_of)


def linked(bodies):
    """Bodies that refer to a seq refer to one that is there, now and then: otherwise little would happen."""
    for seq, body in enumerate(bodies, 2):
        if isinstance(body, ev.FlagOutcome):
            yield body.model_copy(update={"intent": seq - 1})
        elif isinstance(body, ev.DecisionMade):
            yield body.model_copy(update={"request": seq - 1 if body.accepted else 0})
        else:
            yield body


@given(st.lists(ANY, max_size=12))
@settings(max_examples=300)
def test_whatever_was_journalled_is_folded_and_piecewise_is_the_same(bodies):
    events = stream(SEAL, *linked(bodies))
    whole = fold(events)
    state = None
    for event in events:
        state = fold([event], state)
    assert state == whole
    assert whole.seq == len(events)
    half = len(events) // 2
    assert fold(events[half:], fold(events[:half])) == whole


@pytest.mark.parametrize("action", Action)
def test_an_accepted_decision_whose_request_is_not_there_is_folded_all_the_same(action):
    state = fold(stream(SEAL, ev.DecisionMade(action=action, accepted=True, request=99, phase="five", at=AT)))
    assert state.approvals == {}
    assert state.gates == {}


def test_bake_time_never_runs_backwards_whatever_the_clock_says():
    baking = ev.PhaseBaking(phase="five", attempt=1, started_at=AT)
    hold = ev.HoldSet(by=HoldKind.PERSON, code="person", reason="", at=AT - timedelta(hours=1))
    cleared = ev.HoldCleared(by=HoldKind.PERSON, reason="", at=AT - timedelta(minutes=30))
    state = fold(stream(SEAL, baking, hold, cleared))
    assert state.baked(AT - timedelta(hours=2)) == timedelta()
    assert state.baked(AT + timedelta(minutes=1)) == timedelta(minutes=1)
