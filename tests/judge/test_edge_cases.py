"""The corners in which judges go wrong: nothing to count, one event, resets, restarts, mixes, one host, a shared outage.

There are forty, e01 to e40; every name of a test says which of them it is about.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from judge.evidence import NEITHER, Total, Traffic, errors, gauge, latency, plan_with
from judge.worlds import START, STEP
from rolloutctl.judge.increments import Labels, Span, tally
from rolloutctl.judge.judge import heard, judge_phase
from rolloutctl.judge.needs import needs
from rolloutctl.model.samples import Answer, Query, Samples, Series, SourceFailure
from rolloutctl.model.samples import FailureKind as Kind
from rolloutctl.model.verdict import State

PLAN = plan_with(errors())
SLACK = plan_with(errors(slack="0.1%"))


@pytest.mark.parametrize(
    ("canary", "baseline", "said"),
    [
        ((0, 0), (0, 0), "no canary traffic"),
        ((0, 0), (50_000, 50), "no canary traffic"),
        ((5_000, 500), (0, 0), "no traffic of the baseline"),
        ((100, 0), (400, 0), "no bad events in either arm"),
        ((20_000, 0), (80_000, 0), "no bad events in either arm"),
        ((1_000, 2), (4_000, 0), ""),
    ],
    ids=[
        "e01 no traffic",
        "e02 no canary",
        "e03 no baseline",
        "e04 no errors",
        "e06 no errors, much traffic",
        "e08 two errors",
    ],
)
def test_what_cannot_be_known_neither_passes_nor_fails(canary: Total, baseline: Total, said: str) -> None:
    verdict = Traffic().both(canary, baseline).verdicts(PLAN)["errors"]
    assert verdict.state in NEITHER
    assert said in verdict.why


def test_e03_without_a_baseline_a_bound_is_broken_all_the_same() -> None:
    traffic = Traffic().both((5_000, 500), (0, 0))
    assert traffic.verdicts(plan_with(errors(max=0.02, versus="baseline")))["errors"].state is State.BREACH
    assert traffic.verdicts(plan_with(errors(max=0.02)))["errors"].state is State.BREACH


def test_e05_rare_errors_pass_by_the_slack_and_the_plan_is_told_so_without_it() -> None:
    traffic = Traffic().both((20_000, 0), (80_000, 0))
    assert traffic.state(SLACK) is State.PASS
    without = traffic.verdicts(PLAN)["errors"]
    assert without.state in NEITHER
    assert "`slack`" in without.would_change
    assert Traffic().both((1_000, 0), (4_000, 0)).state(SLACK) in NEITHER


def test_e07_errors_that_sit_on_one_host_of_several_hold_and_name_it() -> None:
    traffic = Traffic().hosts("canary", [(334, 12), (333, 0), (333, 0)]).hosts("baseline", [(2_000, 0), (2_000, 0)])
    verdict = traffic.verdicts(PLAN)["errors"]
    assert verdict.state is State.ONE_HOST
    assert verdict.evidence.host == "c-h0"


def test_e07_a_baseline_without_errors_shows_at_least_how_much_worse() -> None:
    verdict = Traffic().both((1_000, 12), (4_000, 0)).verdicts(PLAN)["errors"]
    assert verdict.state is State.BREACH
    assert "at least" in verdict.why
    assert verdict.evidence.high is None


def test_e09_a_canary_that_only_fails_is_a_breach_even_at_little_traffic() -> None:
    traffic = Traffic(20).both((200, 200), (800, 8))
    verdict = traffic.verdicts(PLAN)["errors"]
    assert verdict.breach_at is not None
    assert verdict.breach_at <= START + 2 * STEP


def test_e09_a_canary_that_only_fails_is_a_breach_within_two_looks() -> None:
    traffic = Traffic().both((800, 800), (3_200, 32))
    verdict = traffic.verdicts(PLAN)["errors"]
    assert verdict.breach_at is not None
    assert verdict.breach_at <= START + 2 * STEP


def test_e10_an_outage_of_both_arms_neither_passes_nor_fails() -> None:
    verdict = Traffic().both((200, 200), (800, 800)).verdicts(PLAN)["errors"]
    assert verdict.state in NEITHER
    assert "shared incident" in verdict.why


@pytest.mark.parametrize(
    ("values", "increments"),
    [([100, 160, 220, 15, 75], [60, 60, 15, 60]), ([math.nan, math.nan, 37, 80], [0, 0, 43, 0])],
    ids=["e11 reset", "e12 new series"],
)
def test_increments_of_raw_counters(values: list[float], increments: list[float]) -> None:
    at = [START + STEP * index for index in range(len(values))]
    kept = [(time, value) for time, value in zip(at, values, strict=True) if not math.isnan(value)]
    series = Series((("__name__", "x"),), tuple(t for t, _ in kept), tuple(v for _, v in kept))
    found = tally((series,), Span(START, STEP, 4, START), Labels(None, None)).increments[:, 0, 0].tolist()
    assert found == increments if values[0] == 100 else sum(found) == 43


def test_e13_values_that_are_no_numbers_are_missing_and_too_many_are_a_state() -> None:
    plan = plan_with(gauge(max=1.0))
    few = [0.4 if cell % 10 else math.nan for cell in range(40)]
    assert Traffic().gauge("canary", few).state(plan, "cost") is not State.NOT_A_NUMBER
    many = [0.4 if cell % 2 else math.inf for cell in range(40)]
    assert Traffic().gauge("canary", many).state(plan, "cost") is State.NOT_A_NUMBER


def test_e14_a_canary_that_vanishes_is_stale_and_does_not_pass() -> None:
    traffic = Traffic().both((40_000, 400), (160_000, 1_600))
    assert traffic.state(PLAN) is State.PASS
    later = traffic.world.judge(PLAN, STEP * 40 + 360)["errors"]
    assert later.state is State.STALE
    assert later.grace_over


def test_e14_a_breach_stays_when_its_evidence_vanishes() -> None:
    traffic = Traffic().both((4_000, 400), (16_000, 160))
    assert traffic.world.judge(PLAN, STEP * 40 + 3600)["errors"].state is State.BREACH


def test_e15_a_baseline_that_vanishes_freezes_the_comparison_and_bounds_go_on() -> None:
    traffic = Traffic(80).arm("canary", (8_000, 4_000)).counter("req", [100.0] * 20, version="1", instance="b-h0")
    traffic.counter("bad", [50.0] * 20, version="1", instance="b-h0")
    bounded = plan_with(errors(), errors(id="bound", max=0.1))
    found = traffic.verdicts(bounded)
    assert found["errors"].state is State.STALE
    assert found["bound"].state is State.BREACH


def test_e16_an_empty_answer_becomes_a_hold_only_after_grace() -> None:
    traffic = Traffic()
    assert not traffic.verdicts(PLAN, 2)["errors"].grace_over
    verdict = traffic.verdicts(PLAN, 6)["errors"]
    assert verdict.state is State.NO_DATA
    assert verdict.grace_over


def test_e17_several_series_where_one_is_meant_are_ambiguous() -> None:
    traffic = Traffic().gauge("canary", [1.0] * 40, zone="a").gauge("canary", [2.0] * 40, zone="b")
    verdict = traffic.verdicts(plan_with(gauge(max=3.0)))["cost"]
    assert verdict.state is State.AMBIGUOUS
    assert "zone" in verdict.why


def test_e18_a_histogram_without_a_finite_bucket_is_refused() -> None:
    traffic = Traffic().buckets("canary", ["+Inf"], [500]).buckets("baseline", ["+Inf"], [2_000])
    assert traffic.state(plan_with(latency()), "latency") is State.INVALID


@pytest.mark.parametrize("scale", [1, 10])
def test_e19_a_canary_slower_than_every_edge_is_a_breach(scale: int) -> None:
    edges = ["0.1", "1", "+Inf"]
    traffic = Traffic().buckets("canary", edges, [0, 0, 500 * scale])
    traffic.buckets("baseline", edges, [1_500 * scale, 480 * scale, 20 * scale])
    verdict = traffic.verdicts(plan_with(latency()))["latency"]
    assert verdict.state is State.BREACH
    assert "slower than 1 s" in verdict.why


def test_e20_buckets_that_share_no_finite_edge_cannot_be_compared() -> None:
    traffic = Traffic(80).buckets("canary", ["0.1", "0.5", "+Inf"], [1_000, 800, 9_000])
    traffic.buckets("baseline", ["0.2", "0.4", "+Inf"], [40_000, 30_000, 1_000])
    assert traffic.state(plan_with(latency()), "latency") in NEITHER


def test_e20_different_buckets_are_compared_at_the_edges_they_share() -> None:
    traffic = Traffic(80).buckets("canary", ["0.1", "0.5", "1", "+Inf"], [1_000, 800, 9_200, 9_000])
    traffic.buckets("baseline", ["0.1", "0.25", "1", "+Inf"], [40_000, 30_000, 9_000, 1_000])
    verdict = traffic.verdicts(plan_with(latency()))["latency"]
    assert verdict.state is State.BREACH
    assert "1 s" in verdict.why


def test_e21_buckets_that_contradict_each_other_are_repaired_upwards_and_block_a_pass() -> None:
    edges = ["0.1", "0.5", "1", "+Inf"]
    good = Traffic(60).buckets("canary", edges, [8_000, 1_700, 200, 100]).buckets("baseline", edges, [32_000, 6_800, 800, 400])
    assert good.state(plan_with(latency()), "latency") is State.PASS
    marks = {"version": "2", "instance": "c-h9"}
    for edge, upto in zip(edges, (1_000, 400, 1_000, 1_000), strict=True):
        good.counter("dur_bucket", [upto / 60] * 60, le=edge, **marks)
    verdict = good.verdicts(plan_with(latency()))["latency"]
    assert verdict.state in NEITHER
    assert "contradict" in verdict.why


def test_e22_a_quantile_above_the_last_edge_cannot_pass_while_other_edges_are_tested() -> None:
    edges = ["0.1", "0.5", "+Inf"]
    same = Traffic(60).buckets("canary", edges, [8_000, 1_000, 1_000]).buckets("baseline", edges, [32_000, 4_000, 4_000])
    verdict = same.verdicts(plan_with(latency(quantiles=[0.99])))["latency"]
    assert verdict.state in NEITHER
    assert "p99" in verdict.why
    worse = Traffic(60).buckets("canary", edges, [4_000, 1_000, 5_000]).buckets("baseline", edges, [32_000, 4_000, 4_000])
    assert worse.state(plan_with(latency(quantiles=[0.99])), "latency") is State.BREACH


def test_e23_e24_equal_constants_pass_and_different_ones_fail() -> None:
    plan = plan_with(gauge(versus="baseline"))
    for past in (False, True):
        same = Traffic().gauge("canary", [5.0] * 40).gauge("baseline", [5.0] * 40)
        worse = Traffic().gauge("canary", [6.0] * 40).gauge("baseline", [5.0] * 40)
        for traffic in (same, worse):
            if past:
                traffic.past("cost", 5.0)
        assert same.state(plan, "cost") is State.PASS
        assert worse.state(plan, "cost") is State.BREACH


def test_e25_one_sample_decides_nothing() -> None:
    traffic = Traffic().gauge("canary", [0.9]).gauge("baseline", [0.5, 0.5, 0.51, 0.49])
    assert traffic.state(plan_with(gauge(versus="baseline")), "cost", 4) in NEITHER


def test_e26_values_about_zero_are_compared_by_difference() -> None:
    plan = plan_with(gauge(versus="baseline", tolerate=1, reject=5))
    wild = [(-1.0, 2.0, 0.0)[cell % 3] for cell in range(40)]
    base = [(1.0, -1.0, 0.5)[cell % 3] for cell in range(40)]
    assert Traffic().gauge("canary", wild).gauge("baseline", base).state(plan, "cost") is not State.BREACH
    worse = [value + 40 for value in wild]
    assert Traffic().gauge("canary", worse).gauge("baseline", base).state(plan, "cost") is State.BREACH
    relative = Traffic().gauge("canary", wild).gauge("baseline", base).verdicts(plan_with(gauge(versus="baseline")))["cost"]
    assert relative.state in NEITHER


def test_e27_one_bad_canary_host_holds_and_is_named() -> None:
    traffic = Traffic().hosts("canary", [(1_000, 100), (1_000, 10), (1_000, 10)]).hosts("baseline", [(4_000, 40)] * 3)
    verdict = traffic.verdicts(PLAN)["errors"]
    assert verdict.state is State.ONE_HOST
    assert verdict.evidence.host == "c-h0"
    assert "c-h0" in verdict.why


def test_e28_a_single_canary_host_may_fail_and_the_sentence_says_what_cannot_be_told() -> None:
    traffic = Traffic().hosts("canary", [(1_000, 100)]).hosts("baseline", [(4_000, 40)] * 3)
    verdict = traffic.verdicts(PLAN)["errors"]
    assert verdict.state is State.BREACH
    assert "host and version cannot be told apart" in verdict.why


def test_e29_a_sick_baseline_host_is_left_out_and_hides_nothing() -> None:
    baseline = [(2_000, 20)] * 5 + [(2_000, 100)]
    traffic = Traffic(120).hosts("canary", [(6_000, 102), (6_000, 102)]).hosts("baseline", [(n * 3, x * 3) for n, x in baseline])
    verdict = traffic.verdicts(PLAN)["errors"]
    assert verdict.state is State.BREACH
    assert verdict.evidence.left_out == "b-h5"
    clean = Traffic(120).hosts("canary", [(6_000, 60), (6_000, 60)]).hosts("baseline", [(n * 3, x * 3) for n, x in baseline])
    assert clean.state(PLAN) is not State.BREACH


SEGMENTS = {"segment": {"label": "channel"}}


def test_e30_a_different_mix_of_segments_is_no_difference() -> None:
    plan = plan_with(errors(), metrics=SEGMENTS)
    traffic = Traffic().both((9_000, 9), (1_000, 1), channel="a").both((1_000, 50), (9_000, 450), channel="b")
    assert all(verdict.state is not State.BREACH for verdict in traffic.verdicts(plan).values())


def test_e31_a_regression_in_one_segment_of_six_is_found_and_named() -> None:
    plan = plan_with(errors(), metrics=SEGMENTS)
    traffic = Traffic()
    for index in range(6):
        traffic.both((1_000, 50 if index == 3 else 5), (4_000, 20), channel=f"s{index}")
    found = traffic.verdicts(plan)
    breached = {key for key, verdict in found.items() if verdict.state is State.BREACH}
    assert breached & {"errors", "errors/s3"}
    assert breached <= {"errors", "errors/s3"}
    if "errors" in breached:
        assert found["errors"].evidence.dominated_by == "s3"


def test_e32_a_segment_that_only_the_canary_has_is_not_compared() -> None:
    plan = plan_with(errors(), metrics=SEGMENTS)
    traffic = Traffic().both((40_000, 400), (160_000, 1_600), channel="old").arm("canary", (500, 400), channel="new")
    found = traffic.verdicts(plan)
    assert found["errors/new"].state in NEITHER
    assert found["errors"].state is State.PASS


def test_e33_much_traffic_and_a_tolerated_difference_pass() -> None:
    traffic = Traffic().both((5_000_000, 51_500), (20_000_000, 200_000))
    assert traffic.state(PLAN) is State.PASS


def test_e34_a_better_canary_passes() -> None:
    assert Traffic().both((10_000, 50), (40_000, 400)).state(PLAN) is State.PASS


def test_e35_more_bad_events_than_events_block_a_pass() -> None:
    traffic = Traffic().arm("baseline", (16_000, 160))
    traffic.counter("req", [10.0] * 40, version="2", instance="c-h0").counter("bad", [12.0] * 40, version="2", instance="c-h0")
    verdict = traffic.verdicts(plan_with(errors(max=2.0)))["errors"]
    assert verdict.state is not State.PASS
    shown = Traffic().arm("baseline", (16_000, 160)).counter("req", [100.0] * 40, version="2", instance="c-h0")
    shown.counter("bad", [0.0 if cell % 8 else 120.0 for cell in range(40)], version="2", instance="c-h0")
    assert shown.state(PLAN) is not State.PASS


def test_e36_a_restart_in_the_middle_changes_nothing() -> None:
    """A judge that looked all the time, one that starts late, and one whose looks were interrupted see the same."""
    traffic = Traffic(60).both((6_000, 110), (24_000, 240))
    whole = [traffic.verdicts(PLAN, cells)["errors"] for cells in range(1, 61)]
    assert [traffic.verdicts(PLAN, cells)["errors"] for cells in range(30, 61)] == whole[29:]
    first = next(verdict.breach_at for verdict in whole if verdict.state is State.BREACH)
    assert {verdict.breach_at for verdict in whole if verdict.breach_at is not None} == {first}


def test_e36_the_order_of_answers_changes_nothing() -> None:
    traffic = Traffic().both((4_000, 70), (16_000, 160))
    at = START + STEP * 40
    queries = needs(PLAN, 0, START, at)
    answers: dict[Query, Answer] = {query: traffic.world.answer(query) for query in queries}
    assert judge_phase(PLAN, 0, START, at, answers) == judge_phase(PLAN, 0, START, at, dict(reversed(answers.items())))


def test_e37_a_new_attempt_has_its_own_evidence() -> None:
    traffic = Traffic(120).counter("req", [100.0] * 120, version="2", instance="c-h0")
    traffic.counter("bad", [20.0] * 40 + [1.0] * 80, version="2", instance="c-h0").arm("baseline", (48_000, 480))
    assert traffic.state(PLAN) is State.BREACH
    begun, at = START + STEP * 50, START + STEP * 120
    answers = {query: traffic.world.answer(query) for query in needs(PLAN, 0, begun, at)}
    (again,) = judge_phase(PLAN, 0, begun, at, answers)
    assert again.state is State.PASS


def test_e38_a_cold_start_inside_the_warm_up_is_ignored() -> None:
    traffic = Traffic(80).arm("baseline", (32_000, 320)).counter("req", [100.0] * 80, version="2", instance="c-h0")
    traffic.counter("bad", [5.0] * 4 + [1.0] * 76, version="2", instance="c-h0")
    assert traffic.state(plan_with(errors(), metrics={"warmup": "3m"})) is State.PASS


@pytest.mark.parametrize("late", [1.0, 4.0, 7.0, 14.0])
def test_e39_looks_between_the_grid_count_nothing_twice(late: float) -> None:
    traffic = Traffic().both((4_000, 40), (16_000, 160))
    at = STEP * 39
    on, off = traffic.world.judge(PLAN, at)["errors"], traffic.world.judge(PLAN, at + late)["errors"]
    assert on.state is off.state
    assert on.evidence.log_e == off.evidence.log_e


def test_e40_one_block_over_a_level_is_no_breach() -> None:
    plan = plan_with(gauge(max=0.2))
    values = [0.25] * 4 + [0.1] * 36
    assert Traffic().gauge("canary", values).past("cost", 0.1).state(plan, "cost") is not State.BREACH
    assert Traffic().gauge("canary", [0.3] * 40).past("cost", 0.1).state(plan, "cost") is State.BREACH


def test_a_source_that_is_down_or_partial_is_its_own_state() -> None:
    traffic = Traffic().both((4_000, 40), (16_000, 160))
    at = START + STEP * 40
    good = {query: traffic.world.answer(query) for query in needs(PLAN, 0, START, at)}
    down: dict[Query, Answer] = dict.fromkeys(good, SourceFailure(Kind.DOWN, "connection refused"))
    assert judge_phase(PLAN, 0, START, at, down)[0].state is State.SOURCE_DOWN
    partial: dict[Query, Answer] = {
        query: replace(answer, warnings=("a shard is missing",)) if isinstance(answer, Samples) else answer
        for query, answer in good.items()
    }
    assert judge_phase(PLAN, 0, START, at, partial)[0].state is State.PARTIAL


def test_states_of_the_past_are_those_that_were_seen_then() -> None:
    traffic = Traffic().both((4_000, 70), (16_000, 160))
    end = START + STEP * 40
    answers = {query: traffic.world.answer(query) for query in needs(PLAN, 0, START, end)}
    whole = heard(PLAN, 0, START, end, answers)
    for cell in (1, 5, 17, 29, 40):
        now = START + STEP * cell
        then = {query: traffic.world.answer(query) for query in needs(PLAN, 0, START, now)}
        live = judge_phase(PLAN, 0, START, now, then)
        assert [verdict.state for verdict in whole.verdicts(now)] == [verdict.state for verdict in live]
        assert whole.verdicts(now)[0].evidence.log_e == live[0].evidence.log_e


def _cases() -> set[int]:
    """Which of the forty the tests of this module say they are about."""
    found: set[int] = set()
    for name, test in globals().items():
        if name.startswith("test_"):
            marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
            said = [name, *(str(each) for mark in marks for each in mark.kwargs.get("ids") or ())]
            found |= {int(number) for text in said for number in re.findall(r"(?:^|_)e(\d\d)(?=[_ ])", text)}
    return found


def test_none_of_the_forty_is_missing() -> None:
    assert _cases() == set(range(1, 41))
