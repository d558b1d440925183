import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.parts import TARGET
from rolloutctl.errors import InvalidInput
from rolloutctl.flags.unleash_cohort import understand, whole_percent
from rolloutctl.flags.unleash_document import Document, Strategy, difference, parse_native, parse_strategies


def strategy(**changes: Any) -> dict[str, Any]:
    parameters = {"rollout": "5", "stickiness": "userId", "groupId": "checkout"} | changes.pop("parameters", {})
    blank: dict[str, Any] = {"title": None, "disabled": False, "sortOrder": 0, "constraints": [], "segments": [], "variants": []}
    return {"id": "A", "name": "flexibleRollout", "parameters": parameters, "milestoneId": None} | blank | changes


def document(*strategies: dict[str, Any], enabled: bool = True) -> Document:
    return Document(enabled, parse_strategies(list(strategies)))


def test_the_native_form_is_canonical_and_reads_back() -> None:
    one, two = strategy(id="A", sortOrder=0), strategy(id="B", sortOrder=1)
    assert document(one, two).native() == document(two, one).native()
    assert parse_native(document(one, two).native()).native() == document(one, two).native()


def test_what_says_nothing_makes_no_difference() -> None:
    spelled = {"contextName": "userId", "operator": "IN", "values": ["e\u0301"], "inverted": False, "value": ""}
    short = {"contextName": "userId", "operator": "IN", "values": ["e\u0301"]}
    one = document(strategy(constraints=[spelled], title="", segments=[2, 1], extra="x"))
    other = document(strategy(constraints=[short], segments=[1, 2]))
    assert one.native() == other.native()
    kept = json.loads(one.native())["strategies"][0]["constraints"][0]["values"]
    assert kept == ["e\u0301"], "a value goes back to the server as it came, without normalisation"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"enabled":true}', '{"enabled":true,"strategies":{}}', '{"enabled":1,"strategies":[1]}']
)
def test_a_broken_native_document_is_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match="document"):
        parse_native(text)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"parameters": {"rollout": "6"}}, "rollout 6 instead of 5"),
        ({"parameters": {"stickiness": "default"}}, "other parameters"),
        ({"constraints": [{"contextName": "userId", "operator": "IN", "values": ["a"]}]}, "other constraints"),
        ({"segments": [3]}, "other segments"),
        ({"disabled": True}, "other disabled"),
        ({"id": "C"}, "is gone"),
    ],
)
def test_every_difference_is_named(changes: dict[str, Any], word: str) -> None:
    wanted = document(strategy())
    assert word in difference(wanted, document(strategy(**changes)), wanted)


def test_a_placeholder_matches_one_new_strategy_and_no_old_one() -> None:
    before = document(strategy(id="A"))
    expected = document(strategy(id="A"), strategy(id="new:1"))
    assert difference(expected, document(strategy(id="A"), strategy(id="B", sortOrder=7)), before) == ""
    assert "is not there" in difference(expected, before, before)
    twice = document(strategy(id="A"), strategy(id="B"), strategy(id="C"))
    assert "another strategy" in difference(expected, twice, before)
    assert "is not there" in difference(expected, document(strategy(id="A"), strategy(id="B", segments=[1])), before)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("7", 7), ("100", 100)])
def test_whole_percents(text: str, value: int) -> None:
    assert whole_percent(text) == value


@pytest.mark.parametrize("text", ["", "-5", "12.5", "101", "250", "abc", "05", "５", " 5", "1e1"])
def test_what_sdks_read_differently_is_no_percentage(text: str) -> None:
    assert whole_percent(text) is None


@pytest.mark.parametrize(
    ("foreign", "word"),
    [
        (strategy(name="userWithId", parameters={}), "of type userWithId"),
        (strategy(name="default", parameters={}), "of type default"),
        (strategy(constraints=[{"contextName": "country", "operator": "IN", "values": ["es"]}]), "has constraints"),
        (strategy(variants=[{"name": "blue", "weight": 1000}]), "has variants"),
        (strategy(segments=[1, 2], parameters={"rollout": "100"}), "several segments"),
        (strategy(segments=[1], parameters={"rollout": "50"}), "50 % of an audience"),
        (strategy(parameters={"rollout": "12.5"}), 'the rollout "12.5"'),
        (strategy(parameters={"rollout": "250"}), 'the rollout "250"'),
        (strategy(parameters={"stickiness": "sessionId"}), 'sticks to "sessionId"'),
        (strategy(milestoneId="m1"), "release plan"),
    ],
)
def test_what_is_no_cohort_is_foreign_and_says_why(foreign: dict[str, Any], word: str) -> None:
    reading = understand(document(foreign), TARGET.stickiness)
    assert len(reading.foreign) == 1
    assert word in reading.foreign[0]
    off = understand(document(foreign | {"disabled": True}, enabled=False), TARGET.stickiness)
    assert off.foreign == (), "what is switched off serves nobody and is not in the way"


def test_two_percentages_are_foreign() -> None:
    assert "2 percentages" in understand(document(strategy(id="A"), strategy(id="B")), "userId").foreign[0]


def test_a_twin_at_zero_left_by_a_lost_answer_is_not_in_the_way() -> None:
    twin = strategy(id="A", title="rolloutctl percent", parameters={"rollout": "0"})
    reading = understand(document(twin, strategy(id="B", parameters={"rollout": "30"})), "userId")
    assert (reading.percent, reading.foreign) == (30, ())
    assert reading.percent_strategy is not None
    assert reading.percent_strategy.id == "B"


def test_on_without_a_strategy_serves_everybody_and_is_foreign() -> None:
    assert "serves everybody" in understand(document(), "userId").foreign[0]
    assert understand(document(enabled=False), "userId").foreign == ()


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*Strategy.model_fields, "sortOrder"]),
            st.none() | st.text() | st.integers() | st.lists(st.text()),
        )
    )
)
def test_garbage_is_a_value_error_without_the_input(entries: list[dict[str, Any]]) -> None:
    said = ""
    try:
        parse_strategies(entries)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017 - it may as well be accepted
        said = str(error)
    assert "input" not in said
