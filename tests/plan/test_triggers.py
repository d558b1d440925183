"""Triggers and alerts in a plan: what they may say, what they are called, in which phases they are judged."""

from __future__ import annotations

import pytest

from plan.texts import edited, plan
from rolloutctl.errors import InvalidInput
from rolloutctl.model.alerts import ERROR, HEALTH
from rolloutctl.model.kinds import Role
from rolloutctl.model.samples import Labels
from rolloutctl.plan.facts import Facts, LiveFacts, QueryFact, asked
from rolloutctl.plan.lint import lint
from rolloutctl.plan.model import AlertCriterion
from rolloutctl.plan.read import read_plan

BURN = '[[triggers]]\nalert = "CheckoutBudgetBurn"\nlabels = { service = "checkout" }\nrole = "signal"\n'


def with_(tables: str) -> tuple[str, str]:
    return "[[gates]]", f"{tables}[[gates]]"


def test_an_alert_is_watched_in_every_phase_and_is_no_exit_criterion() -> None:
    found = plan(with_(BURN), ('bake   = "1h"', 'bake = "1h"\ncriteria = ["errors"]'))
    for index in range(len(found.phases)):
        assert [c.id for c in found.criteria_of(index)] == ["errors"]
        assert [c.id for c in found.judged_of(index)] == ["errors", "CheckoutBudgetBurn"]
    alert = found.every_criterion[-1]
    assert isinstance(alert, AlertCriterion)
    assert (alert.name, alert.alert, alert.labels, alert.role) == (
        "CheckoutBudgetBurn",
        "CheckoutBudgetBurn",
        {"service": "checkout"},
        Role.SIGNAL,
    )


def test_a_criterion_is_watched_in_phases_that_do_not_list_it() -> None:
    found = plan(with_('[[triggers]]\ncriterion = "quality"\n'), ('bake   = "1h"', 'bake = "1h"\ncriteria = ["errors"]'))
    judged = [[c.id for c in found.judged_of(index)] for index in range(3)]
    assert judged == [["errors", "quality"], ["errors", "quality"], ["errors"]], "at 100 % there is no baseline"


def test_without_triggers_what_is_judged_are_the_exit_criteria() -> None:
    found = plan()
    assert [found.judged_of(index) for index in range(3)] == [found.criteria_of(index) for index in range(3)]


@pytest.mark.parametrize(
    ("alert", "called"),
    [("Checkout burn: fast", "Checkout-burn:-fast"), ("größer", "gr-er"), ("/", "alert"), ("a/b", "a-b")],
)
def test_a_trigger_is_called_by_its_alert_without_what_stands_between_names(alert: str, called: str) -> None:
    found = plan(with_(f'[[triggers]]\nalert = "{alert}"\n'))
    assert found.every_criterion[-1].id == called


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ("[[triggers]]\n", "watches either an alert or a criterion"),
        ('[[triggers]]\nalert = "A"\ncriterion = "errors"\n', "watches either an alert or a criterion"),
        ('[[triggers]]\ncriterion = "errors"\nrole = "signal"\n', "leave out role"),
        ('[[triggers]]\ncriterion = "speed"\n', 'no criterion "speed" for this trigger'),
        ('[[triggers]]\ncriterion = "errors"\n' * 2, '"errors" is already the criterion of another entry'),
        ('[[triggers]]\nalert = "errors"\n', '"errors" is already the name of a criterion or of another trigger'),
        ('[[triggers]]\nalert = "A"\n' * 2, "Give the trigger an `id` of its own."),
        ('[[triggers]]\nalert = "A"\nlabels = { "not one" = "x" }\n', "label"),
        ('[[triggers]]\nalert = "A"\nlables = { x = "y" }\n', "labels"),
        ('[[criteria]]\nid = "burn"\ntype = "alert"\n', "alert"),
        ('[[criteria]]\nid = "burn"\ntype = "alert"\nalert = "A"\nmax = 1\n', "max"),
    ],
)
def test_a_mistake_is_a_sentence(tables: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_plan(edited(with_(tables)), "plan.toml")
    assert said in str(refused.value)


def test_two_alerts_of_one_name_have_names_of_their_own() -> None:
    tables = "".join(f'[[triggers]]\nalert = "A"\nid = "a-{x}"\nlabels = {{ zone = "{x}" }}\n' for x in "xy")
    assert [c.id for c in plan(with_(tables)).every_criterion[-2:]] == ["a-x", "a-y"]


RULE: Labels = (("__health__", "ok"), ("alertname", "CheckoutBudgetBurn"))


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (QueryFact((RULE,)), ""),
        (QueryFact(()), "no alerting rule named CheckoutBudgetBurn"),
        (QueryFact(((*RULE[1:], (ERROR, "no such metric"), (HEALTH, "err")),)), "fails: no such metric"),
        (QueryFact(error="it has none"), "does not list its alerting rules: it has none"),
    ],
    ids=["there", "not there", "fails", "no list"],
)
def test_a_rule_that_nobody_evaluates_is_found_before_the_start(fact: QueryFact, said: str) -> None:
    of = plan(with_(BURN))
    facts = Facts(None, None, LiveFacts(queries={query: fact for query in asked(of) if query.key[-1] == "alert"}))
    found = [finding for finding in lint(of, facts) if finding.code == "RC612"]
    assert bool(found) == bool(said)
    assert all(said in finding.why and finding.key == ("triggers", 0, "alert") for finding in found)
    fresh = plan(with_(BURN.replace('role = "signal"', "fresh = 'evaluations_total'")))
    elsewhere = Facts(None, None, LiveFacts(queries={query: fact for query in asked(fresh) if query.key[-1] == "alert"}))
    assert not [finding for finding in lint(fresh, elsewhere) if finding.code == "RC612"]
