"""An alert is a breach the moment it fires, and quiet only where somebody evaluates its rule."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.worlds import START, STEP, World, plan_of
from rolloutctl.judge.judge import heard, judge_phase
from rolloutctl.judge.needs import needs
from rolloutctl.model.alerts import ALERT_NAME, alerts_selector
from rolloutctl.model.samples import Answer, FailureKind, Query, QueryKind, Samples, SourceFailure
from rolloutctl.model.verdict import State, Verdict

EVERY = 30.0
NAME = "BudgetBurn"


def alert(**more: Any) -> dict[str, Any]:
    return {"id": "burn", "type": "alert", "alert": NAME, **more}


class Alerts:
    """One rule, evaluated every half minute, and its alerts."""

    def __init__(self) -> None:
        self.world = World()

    def rule(
        self, evaluated: float | None, *, name: str = NAME, health: str = "ok", every: float = EVERY, **labels: str
    ) -> Alerts:
        times, values = ([], []) if evaluated is None else ([START + evaluated], [every])
        marks = {"alertname": name, "__health__": health, **labels}
        self.world.add("RULE", times, values, **marks)
        return self

    def state(self, state: str, at: Iterable[float], **labels: str) -> Alerts:
        times = [START + each for each in at]
        self.world.add("ALERTS", times, [1.0] * len(times), alertname=NAME, alertstate=state, **labels)
        return self

    def firing(self, begin: float, end: float, **labels: str) -> Alerts:
        return self.state("firing", _every(begin, end), **labels)

    def announced(self, since: float, **labels: str) -> Alerts:
        self.world.add("ANNOUNCED", [START + since], [1.0], alertname=NAME, **labels)
        return self

    def judge(self, at: float, metrics: dict[str, Any] | None = None, **more: Any) -> Verdict:
        return self.world.judge(plan_of([alert(**more)], metrics=metrics), at)["burn"]


def _every(begin: float, end: float) -> list[float]:
    return [begin + EVERY * index for index in range(int((end - begin) // EVERY) + 1)]


def test_quiet_passes_after_the_minimum_time_where_the_rule_is_evaluated() -> None:
    assert Alerts().rule(290).judge(299).state is State.PENDING
    verdict = Alerts().rule(299).judge(301)
    assert verdict.state is State.PASS
    assert verdict.since == START + 300
    assert "quiet for 5m" in verdict.why


def test_quiet_of_a_rule_that_nobody_evaluates_says_nothing() -> None:
    verdict = Alerts().judge(3600)
    assert verdict.state is State.NO_DATA
    assert f"no alerting rule named {NAME}" in verdict.why
    other = Alerts().rule(3599, name="Another").judge(3600)
    assert other.state is State.NO_DATA


@pytest.mark.parametrize(
    ("alerts", "state", "said"),
    [
        (Alerts().rule(None), State.NO_DATA, "not been evaluated yet"),
        (Alerts().rule(3599, health="err", __error__="many-to-many matching"), State.INVALID, "many-to-many matching"),
        (Alerts().rule(3000), State.STALE, "evaluated 10m00s ago"),
        (Alerts().rule(3599, service="search"), State.NO_DATA, "other labels"),
    ],
    ids=["never evaluated", "fails", "no longer evaluated", "another rule of that name"],
)
def test_a_rule_that_does_not_work_is_missing_evidence(alerts: Alerts, state: State, said: str) -> None:
    verdict = alerts.judge(3600, labels={"service": "checkout"})
    assert verdict.state is state
    assert said in verdict.why
    assert verdict.would_change


def test_a_label_that_the_rule_makes_anew_may_become_what_the_plan_asks_for() -> None:
    quiet = Alerts().rule(3599, service="{{ $labels.service }}").judge(3600, labels={"service": "checkout"})
    assert quiet.state is State.PASS


def test_a_slow_rule_may_be_evaluated_as_seldom_as_it_is() -> None:
    assert Alerts().rule(3600 - 550, every=300.0).judge(3600).state is State.PASS


def test_firing_is_a_breach_at_the_next_look_and_stays_one() -> None:
    alerts = Alerts().rule(3599).firing(400, 700, severity="page", service="checkout")
    assert alerts.judge(399).state is State.PASS
    assert alerts.judge(401).state is State.PASS
    verdict = alerts.judge(406)
    assert verdict.state is State.BREACH
    assert verdict.breach_at == START + 405
    assert 'fires (service="checkout", severity="page"), 6m45s into the phase' in verdict.why
    later = alerts.judge(3600)
    assert later.breach_at == START + 405
    assert "quiet again" in later.why
    assert not later.evidence.cells[-1].beyond


def test_between_two_evaluations_an_alert_goes_on_as_it_was() -> None:
    cells = Alerts().rule(3599).firing(400, 700).judge(690).evidence.cells
    assert [cell.end - START for cell in cells if cell.beyond] == [405 + 15 * index for index in range(len(cells) - 26)]


def test_it_counts_in_the_warm_up_and_before_the_minimum_time() -> None:
    verdict = Alerts().rule(20).firing(10, 40).judge(15, metrics={"warmup": "10m"})
    assert verdict.state is State.BREACH


def test_an_alert_that_fired_before_the_phase_counts_only_if_it_still_does() -> None:
    assert Alerts().rule(399).firing(-290, -5).judge(400).state is State.PASS
    verdict = Alerts().rule(399).firing(-290, 15).judge(400)
    assert verdict.state is State.BREACH
    assert "already when the phase began" in verdict.why


def test_it_fires_even_where_the_list_of_rules_cannot_be_had() -> None:
    alerts = Alerts().firing(400, 700)
    plan = plan_of([alert()])
    answers = alerts.world.answers(plan, 3600)
    refused = {
        query: SourceFailure(FailureKind.INVALID, "no list") if query.kind is QueryKind.RULE else answer
        for query, answer in answers.items()
    }
    assert judge_phase(plan, 0, START, START + 3600, refused)[0].state is State.BREACH
    quiet = {query: answer if query.kind is QueryKind.RULE else Samples(()) for query, answer in refused.items()}
    assert judge_phase(plan, 0, START, START + 3600, quiet)[0].state is State.INVALID


def test_only_the_labels_that_the_plan_names_count() -> None:
    alerts = Alerts().rule(3599).firing(400, 700, service="search")
    assert alerts.judge(3600, labels={"service": "checkout"}).state is State.PASS
    assert alerts.judge(3600, labels={"service": "search"}).state is State.BREACH
    assert alerts.judge(3600).state is State.BREACH


def test_a_pending_alert_is_neither_and_holds_up_a_pass() -> None:
    alerts = Alerts().rule(599).state("pending", _every(400, 600), service="checkout")
    verdict = alerts.judge(600)
    assert verdict.state is State.PENDING
    assert 'is pending (service="checkout")' in verdict.why
    assert verdict.since == START + 405
    over = Alerts().rule(1199).state("pending", _every(400, 600))
    assert over.judge(1200).state is State.PASS
    assert over.judge(800, hold="10m").state is State.PENDING
    assert over.judge(1245, hold="10m").state is State.PASS


def test_a_selector_that_shows_the_evaluation_replaces_the_list_of_rules() -> None:
    alerts = Alerts()
    alerts.world.add("group_seen", [START + at for at in range(0, 901, 15)], [1.0] * 61)
    assert alerts.judge(900, fresh="group_seen").state is State.PASS
    gone = alerts.judge(1200, fresh="group_seen")
    assert gone.state is State.STALE
    assert gone.grace_over
    assert gone.missing_since == START + 975
    assert Alerts().judge(900, fresh="group_seen").state is State.NO_DATA


def test_what_fires_at_an_alertmanager_counts_like_what_fires_in_the_source() -> None:
    verdict = Alerts().rule(899).announced(400, service="checkout", cluster="eu").judge(900, labels={"service": "checkout"})
    assert verdict.state is State.BREACH
    assert verdict.breach_at == START + 405
    assert Alerts().rule(899).announced(400, service="search").judge(900, labels={"service": "checkout"}).state is State.PASS
    both = Alerts().rule(899).firing(400, 900, service="x").announced(410, service="x", cluster="eu").judge(900)
    assert both.evidence.canary == 1
    already = Alerts().rule(899).announced(-4000).judge(900)
    assert already.breach_at == START + STEP
    assert "already when the phase began" in already.why


def test_a_source_that_does_not_answer_is_down_and_an_earlier_look_breaches_no_more() -> None:
    plan = plan_of([alert()])
    down: dict[Query, Answer] = {
        query: SourceFailure(FailureKind.DOWN, "refused.") for query in needs(plan, 0, START, START + 900)
    }
    verdict = judge_phase(plan, 0, START, START + 900, down)[0]
    assert verdict.state is State.SOURCE_DOWN
    assert verdict.evidence.cells == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 1500))
def test_states_of_the_past_are_those_that_were_seen_then_in_whatever_order_series_come(seed: int, at: int) -> None:
    rng = random.Random(seed)
    alerts = Alerts().rule(rng.uniform(-60, 1600))
    for host in range(rng.randint(0, 4)):
        begin = rng.uniform(-300, 1500)
        alerts.state(rng.choice(["firing", "pending"]), _every(begin, begin + rng.uniform(0, 600)), host=str(host))
    plan = plan_of([alert(hold=rng.choice(["0s", "5m"]))], judge={"min_time": "2m"})
    live = {v.key: v for v in judge_phase(plan, 0, START, START + at, alerts.world.answers(plan, at))}
    answers = alerts.world.answers(plan, 1600)
    whole = heard(plan, 0, START, START + 1600, answers).verdicts(START + at)
    assert [v.state for v in whole] == [v.state for v in live.values()]
    assert [v.breach_at for v in whole] == [v.breach_at for v in live.values()]
    turned = World(list(reversed(alerts.world.series)))
    assert list(judge_phase(plan, 0, START, START + at, turned.answers(plan, at))) == list(live.values())


@pytest.mark.parametrize("name", ['Quo"ted', "Back\\slash", "With space", "{braces}"])
def test_any_name_of_a_rule_can_be_asked_for(name: str) -> None:
    plan = plan_of([alert(alert=name)])
    texts = [query.text for query in needs(plan, 0, START, START + 60) if query.kind is QueryKind.RAW]
    assert len(texts) == 1
    assert ALERT_NAME in texts[0]
    assert alerts_selector(name, {}).startswith("ALERTS{")
