"""Any sequence of cohorts, simulated request by request: no moment serves anybody who is not meant to be served."""

import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flags.parts import TARGET, cohort
from flags.unleash_model import ADMIN, SEGMENT_IDS, USERS, UnleashModel, User
from rolloutctl.errors import InvalidInput
from rolloutctl.flags.unleash_document import Document, difference, parse_strategies
from rolloutctl.flags.unleash_plan import Steps, environment_path, steps_to, steps_to_off, steps_to_restore
from rolloutctl.flags.unleash_run import _with_real_id
from rolloutctl.model.cohort import OFF, Cohort

PATH = environment_path(TARGET)


def document_of(model: UnleashModel) -> Document:
    place = model.places["production"]
    return Document(place.enabled, parse_strategies(place.strategies))


def wanted_users(want: Cohort) -> frozenset[User]:
    return frozenset(user for user in USERS if user[0] <= want.percent or user[1] in want.audiences)


def carry_out(model: UnleashModel, steps: Steps) -> list[frozenset[User]]:
    """Who is served after each request."""
    ids: dict[str, str] = {}
    seen = []
    for request in steps.requests:
        real = _with_real_id(request, ids)
        status, answer = model.answer(real.method, real.path, ADMIN, real.body.encode())
        assert status == 200, answer
        if real.method == "POST" and real.path.endswith("/strategies"):
            ids[f"new:{len(ids) + 1}"] = answer["id"]
        seen.append(model.served())
    return seen


cohorts = st.builds(
    lambda percent, audiences: Cohort(percent=Fraction(percent), audiences=tuple(audiences)),
    st.integers(0, 100) | st.sampled_from([0, 1, 99, 100]),
    st.lists(st.sampled_from(sorted(SEGMENT_IDS)), unique=True),
)
leftovers = st.lists(
    st.fixed_dictionaries(
        {
            "title": st.sampled_from([None, "rolloutctl percent", "rolloutctl audience staff", "Mine"]),
            "rollout": st.sampled_from(["0", "50", "100"]),
            "segments": st.sampled_from([[], [1], [2]]),
            "disabled": st.booleans(),
        }
    ),
    max_size=3,
)


def prepared(found: list[dict[str, object]], *, on: bool) -> UnleashModel:
    model = UnleashModel()
    for each in found:
        parameters = {"rollout": each.pop("rollout"), "stickiness": "userId", "groupId": "checkout"}
        body = {"name": "flexibleRollout", "parameters": parameters, **each}
        model.answer("POST", f"{PATH}/strategies", ADMIN, json.dumps(body).encode())
    if on:
        model.answer("POST", f"{PATH}/on", ADMIN)
    return model


@settings(max_examples=150, deadline=None)
@given(leftovers, st.booleans(), st.lists(cohorts, max_size=6))
def test_no_moment_exposes_more_than_asked(found: list[dict[str, object]], on: bool, wants: list[Cohort]) -> None:
    model = prepared([dict(each) for each in found], on=on)
    for want in wants:
        before, served = document_of(model), model.served()
        try:
            steps = steps_to(before, want, TARGET, SEGMENT_IDS)
        except InvalidInput:
            assert not want.off, "off works on every document"
            continue
        for now in carry_out(model, steps):
            assert now <= served or now <= wanted_users(want), "more than before, and more than wanted"
            served = now
        assert model.served() == wanted_users(want)
        assert difference(steps.expected, document_of(model), before) == ""
        assert steps_to(document_of(model), want, TARGET, SEGMENT_IDS).requests == (), "it is there, so nothing is left to do"


@settings(max_examples=150, deadline=None)
@given(leftovers, st.booleans(), st.lists(cohorts, min_size=1, max_size=4))
def test_restoring_brings_the_whole_document_back(found: list[dict[str, object]], on: bool, wants: list[Cohort]) -> None:
    model = prepared([dict(each) for each in found], on=on)
    snapshot, at_first = document_of(model), model.served()
    highest = at_first
    for want in wants:
        try:
            carry_out(model, steps_to(document_of(model), want, TARGET, SEGMENT_IDS))
        except InvalidInput:
            continue
        highest |= model.served()
    before = document_of(model)
    steps = steps_to_restore(before, snapshot, TARGET)
    for now in carry_out(model, steps):
        assert now <= highest | at_first
        assert snapshot.enabled or not now, "back to off: off comes first"
    assert difference(steps.expected, document_of(model), before) == ""
    assert model.served() == at_first
    assert difference(snapshot, document_of(model), snapshot) == ""


def test_a_deleted_strategy_is_made_again_before_the_flag_is_on() -> None:
    model = prepared([{"title": None, "rollout": "50", "segments": [1], "disabled": False}], on=False)
    snapshot = document_of(model)
    model.answer("DELETE", f"{PATH}/strategies/S1", ADMIN)
    steps = steps_to_restore(document_of(model), Document(enabled=True, strategies=snapshot.strategies), TARGET)
    assert [request.method for request in steps.requests] == ["POST", "PATCH", "POST"]
    assert json.loads(steps.requests[0].body)["disabled"] is True
    carry_out(model, steps)
    assert {user[1] for user in model.served()} == {"staff"}


def test_what_somebody_else_added_stays_and_is_named() -> None:
    model = prepared([{"title": "Mine", "rollout": "50", "segments": [], "disabled": False}], on=True)
    steps = steps_to_restore(document_of(model), Document(enabled=False, strategies=()), TARGET)
    assert [str(request) for request in steps.requests] == [f"POST {PATH}/off"]
    assert 'stay: "Mine"' in steps.warnings[0]


def test_the_first_step_creates_at_zero_and_switches_on_last() -> None:
    steps = steps_to(Document(enabled=False, strategies=()), cohort(5), TARGET, {})
    create, patch, on = steps.requests
    assert json.loads(create.body)["parameters"] == {"rollout": "0", "stickiness": "userId", "groupId": "checkout"}
    assert str(patch) == f'PATCH {PATH}/strategies/new:1 [{{"op":"replace","path":"/parameters/rollout","value":"5"}}]'
    assert str(on) == f"POST {PATH}/on"


def test_stale_strategies_are_lowered_before_the_flag_is_on() -> None:
    model = prepared([{"title": None, "rollout": "50", "segments": [], "disabled": False}], on=False)
    steps = steps_to(document_of(model), cohort(5), TARGET, {})
    assert [request.method for request in steps.requests] == ["PATCH", "POST"]
    assert "is used for the percentage" in steps.warnings[0]


def test_a_step_is_one_request() -> None:
    model = prepared([{"title": "rolloutctl percent", "rollout": "50", "segments": [], "disabled": False}], on=True)
    (request,) = steps_to(document_of(model), cohort(60), TARGET, {}).requests
    assert request.body == '[{"op":"replace","path":"/parameters/rollout","value":"60"}]'


def test_off_needs_no_understanding() -> None:
    strategies = parse_strategies([{"id": "A", "name": "somethingElse", "constraints": [{"x": 1}]}])
    steps = steps_to(Document(enabled=True, strategies=strategies), OFF, TARGET, {})
    assert [str(each) for each in steps.requests] == [f"POST {PATH}/off"]
    assert steps_to_off(Document(enabled=False, strategies=strategies), TARGET).requests == ()


@pytest.mark.parametrize("percent", ["12.5", "0.05", "99.9"])
def test_a_fraction_of_a_percent_is_refused(percent: str) -> None:
    with pytest.raises(InvalidInput, match="whole percents"):
        steps_to(Document(enabled=False, strategies=()), Cohort(percent=Fraction(percent)), TARGET, {})


def test_a_foreign_document_is_refused_with_the_way_out() -> None:
    strategies = parse_strategies([{"id": "A", "name": "default"}])
    with pytest.raises(InvalidInput, match=r"cannot be stepped.*of type default.*Turning the flag off works"):
        steps_to(Document(enabled=True, strategies=strategies), cohort(5), TARGET, {})


@pytest.mark.parametrize("field", ["key", "project", "environment"])
def test_names_that_would_leave_the_path_are_refused(field: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be the name"):
        environment_path(TARGET.model_copy(update={field: ".."}))
    assert "/%2E%2E%2Fx" not in environment_path(TARGET.model_copy(update={field: "../x"}))
    assert "..%2Fx" in environment_path(TARGET.model_copy(update={field: "../x"}))
