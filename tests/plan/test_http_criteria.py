"""Criteria on what an HTTP endpoint says: what a plan may ask for, and where the linter speaks up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plan.texts import edited, plan
from rolloutctl.errors import InvalidInput
from rolloutctl.model.json_path import path_steps, picked
from rolloutctl.plan.facts import ConfigFacts, Facts
from rolloutctl.plan.lint import lint
from rolloutctl.plan.model import HttpCriterion, ValueCriterion
from rolloutctl.plan.read import read_plan

GOLDEN = '[[criteria]]\nid = "golden"\ntype = "http"\nadapter = "evals"\npath = "/suites/golden"\nvalue = "score"\nmin = 0.9\n'


def with_(tables: str) -> tuple[str, str]:
    return "[[gates]]", f"{tables}[[gates]]"


def test_it_is_judged_like_a_value() -> None:
    found = plan(with_(GOLDEN)).criteria[-1]
    assert isinstance(found, HttpCriterion)
    measured = found.measured
    assert isinstance(measured, ValueCriterion)
    assert (measured.id, measured.min, measured.by_evidence, measured.compares) == ("golden", found.min, True, False)
    assert found.every == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("min = 0.9", ""), "no bound"),
        (("min = 0.9", 'tolerate = "2%"'), "say with `baseline`"),
        (("min = 0.9", 'min = 0.9\nversus = "before"'), "nothing was recorded then"),
        (('path = "/suites/golden"', 'path = "suites"'), "begin it with one /"),
        (('path = "/suites/golden"', 'path = "//elsewhere"'), "begin it with one /"),
        (('path = "/suites/golden"', 'path = "/a?b=c"'), "put what comes behind ? into `query`"),
        (('value = "score"', 'value = "a..b"'), "a path into JSON"),
        (('value = "score"', ""), '"value" is missing'),
        (('adapter = "evals"', ""), '"adapter" is missing'),
        (("min = 0.9", 'min = 0.9\nevery = "900ms"'), "not asked more often than every 1s"),
        (("min = 0.9", 'min = 0.9\nexpr = "up"'), "expr"),
    ],
)
def test_a_mistake_is_a_sentence(change: tuple[str, str], said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_plan(edited(with_(GOLDEN.replace(*change))), "plan.toml")
    assert said in str(refused.value)


def test_an_adapter_that_the_config_has_not_is_an_error() -> None:
    known = ConfigFacts(sources=frozenset({"prometheus"}), adapters=frozenset({"cache"}))
    (found,) = (each for each in lint(plan(with_(GOLDEN)), Facts(known)) if each.code == "RC512")
    assert "[adapters.evals]; it knows cache" in found.why
    assert found.key == ("criteria", 2, "adapter")


@pytest.mark.parametrize(
    ("path", "found"),
    [("a", {"b": [1, {"c": 2}]}), ("a.b[0]", 1), ("a.b[1].c", 2), ("a.b[2]", None), ("b", None), ("a[0]", None), ("a.b.c", None)],
)
def test_places_in_json(path: str, found: object) -> None:
    assert picked({"a": {"b": [1, {"c": 2}]}}, path) == found


@given(st.lists(st.from_regex(r"[a-z_-]{1,8}", fullmatch=True) | st.integers(0, 999), min_size=1, max_size=6))
def test_a_path_is_read_as_it_was_written(steps: list[str | int]) -> None:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    assert path_steps(text) == tuple(steps)
