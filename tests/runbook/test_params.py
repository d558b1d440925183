import pytest

from rolloutctl.errors import InvalidInput
from rolloutctl.runbook.params import Param, fill_in
from rolloutctl.runbook.placeholders import Fact
from runbook.texts import well


def test_facts_fill_the_parameter_of_their_name():
    filled = fill_in(well().params, {}, {Fact.FLAG: "ranker"})
    assert filled["flag"] == "ranker"
    assert filled["generation"] == "stable"
    assert filled["incident"] == ""


def test_what_is_given_comes_first():
    assert fill_in(well().params, {"flag": "other", "generation": "canary"}, {Fact.FLAG: "x"})["flag"] == "other"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, 'the parameter "flag" has no value.'),
        ({"flag": "A b"}, 'the parameter "flag": "A b" does not match [a-z0-9_-]{1,64}.'),
        ({"flag": "a\n"}, "holds a control character"),
        ({"flag": "a", "generation": "old"}, '"old" is not one of stable, canary.'),
        ({"flag": "a", "nope": "b"}, 'the runbook has no parameter "nope"; it has: flag, generation.'),
    ],
)
def test_what_does_not_fit_is_a_sentence(given, said):
    with pytest.raises(InvalidInput) as caught:
        fill_in(well().params, given, {})
    assert said in caught.value.message
    assert "--param" in caught.value.remedy


@pytest.mark.parametrize(("value", "fits"), [("12", True), ("-3", True), ("1.5", False), ("", False), ("٣", False)])
def test_an_integer_is_written_in_digits(value, fits):
    assert (Param(type="integer").wrong(value) == "") is fits


def test_a_pattern_is_anchored_and_never_hangs():
    param = Param(pattern="(a+)+")
    assert param.wrong("a" * 500) == ""
    assert param.wrong("a" * 500 + "b")
    assert Param(pattern="a|b").wrong("ax")
