"""Value criteria with `test = "threshold"`."""

import math

import pytest

from judge.worlds import START, World, plan_of, value
from rolloutctl.model.verdict import State

CANARY = {"version": "2", "instance": "c0"}
BASELINE = {"version": "1", "instance": "b0"}


def arms(canary, baseline=None, until=1200.0):
    world = World().gauge("cost", canary, until, **CANARY)
    return world if baseline is None else world.gauge("cost", baseline, until, **BASELINE)


def verdict(world, at=1200.0, metrics=None, **criterion):
    return world.judge(plan_of([value(**criterion)], metrics=metrics), at)["cost"]


def test_the_mean_over_the_window_is_compared_with_the_bound_in_its_unit():
    found = verdict(arms(3.0), max=3.2, unit="USD")
    assert found.state is State.PASS
    assert found.why.startswith("3 USD, inside the bound of 3.2 USD for ")
    assert verdict(arms(3.3), max=3.2).state is State.BREACH
    assert verdict(arms(3.2), max=3.2).state is State.PASS
    assert verdict(arms(0.9), min=0.95).state is State.BREACH
    assert verdict(arms(0.97), min=0.95).state is State.PASS


def test_a_short_excursion_is_no_breach():
    world = arms(lambda at: 0.25 if 600 < at < 660 else 0.1, until=1500)
    assert verdict(world, 1500, max=0.2).state is State.PASS


def test_hosts_are_averaged():
    world = arms(2.0).gauge("cost", 4.0, 1200, version="2", instance="c1")
    found = verdict(world, max=3.0)
    assert found.state is State.PASS
    assert found.evidence.canary == pytest.approx(3.0)
    assert found.evidence.series == 2


def test_series_that_differ_in_other_labels_are_ambiguous_and_named():
    world = arms(2.0).gauge("cost", 2.0, 1200, model="b", **CANARY)
    found = verdict(world, max=3.0)
    assert found.state is State.AMBIGUOUS
    assert "they differ in model" in found.why
    assert found.grace_over


def test_a_series_that_replaces_another_is_not_ambiguous():
    world = World().gauge("cost", 2.0, 500, pod="x", **CANARY).gauge("cost", 2.0, 1200, since=540, pod="y", **CANARY)
    assert verdict(world, max=3.0).state is State.PASS


@pytest.mark.parametrize(
    ("better", "canary", "baseline", "state"),
    [
        ("lower", 1.04, 1.0, State.PASS),
        ("lower", 1.06, 1.0, State.BREACH),
        ("lower", 0.2, 1.0, State.PASS),
        ("higher", 0.96, 1.0, State.PASS),
        ("higher", 0.94, 1.0, State.BREACH),
        ("higher", 9.0, 1.0, State.PASS),
        ("lower", -1.04, -1.0, State.PASS),
        ("lower", -0.9, -1.0, State.BREACH),
        ("lower", 5.0, 5.0, State.PASS),
        ("lower", 6.0, 5.0, State.BREACH),
        ("lower", 0.0, 0.0, State.PASS),
    ],
)
def test_tolerate_is_relative_to_the_baseline_of_the_same_cell(better, canary, baseline, state):
    found = verdict(arms(canary, baseline), tolerate="5%", better=better, versus="baseline")
    assert found.state is state
    assert found.evidence.baseline == baseline


def test_an_absolute_margin_works_round_zero():
    assert verdict(arms(0.3, -0.1), tolerate=0.5, versus="baseline").state is State.PASS
    assert verdict(arms(0.5, -0.1), tolerate=0.5, versus="baseline").state is State.BREACH


def test_drift_that_both_arms_share_is_no_breach():
    assert verdict(arms(lambda at: 1 + at / 300, lambda at: 1 + at / 300), tolerate="5%").state is State.PASS


def test_an_incident_of_both_arms_neither_passes_nor_breaches():
    found = verdict(arms(5.0, 5.0), tolerate="5%", max=3.0)
    assert found.state is State.PENDING
    assert "shared incident" in found.why


def test_a_few_values_that_are_no_numbers_are_left_out_and_many_are_said():
    some = arms(lambda at: math.nan if at % 150 < 15 else 1.0)
    assert verdict(some, max=2.0).state is State.PASS
    many = arms(lambda at: math.nan if at % 60 < 30 else 1.0)
    found = verdict(many, max=2.0)
    assert found.state is State.NOT_A_NUMBER
    assert "50 %" in found.why
    assert verdict(arms(math.inf), max=2.0).state is State.NOT_A_NUMBER


def test_an_expression_that_returns_nothing_is_no_data():
    assert verdict(World(), max=2.0).state is State.NO_DATA
    assert verdict(arms(1.0), tolerate="5%").state is State.NO_DATA


def test_a_value_that_outlives_its_samples_is_as_old_as_they_are():
    world = World()
    # A fallback such as `or vector(0)` goes on for ever; what it stands for has no sample at all.
    world.gauge("always", 0.0, 1200)
    found = verdict(world, max=2.0, expr="always", fresh="cost{$arm}")
    assert found.state is State.NO_DATA
    assert 'cost{version="2"} has no sample' in found.why
    world.gauge("cost", 0.0, 600, **CANARY)
    found = verdict(world, max=2.0, expr="always", fresh="cost{$arm}")
    assert found.state is State.STALE
    assert found.missing_since == START + 660
    assert found.grace_over


def test_an_expression_that_gives_nothing_beside_fresh_samples_is_no_data():
    world = World().gauge("always", 0.0, 300).gauge("cost", 0.0, 1200, **CANARY)
    found = verdict(world, max=2.0, expr="always", fresh="cost{$arm}")
    assert found.state is State.NO_DATA
    assert "gives no value" in found.why


def test_an_expression_without_a_selector_says_what_to_declare():
    found = verdict(World(), max=2.0, expr="vector(1)")
    assert found.state is State.INVALID
    assert "`fresh`" in found.why


def test_a_canary_that_falls_silent_blocks_a_pass_and_keeps_its_breach():
    assert verdict(arms(1.0, until=1200), 1275, max=2.0).state is State.STALE
    assert verdict(arms(3.0, until=1200), 1500, max=2.0).state is State.BREACH


def test_two_samples_beyond_a_hard_bound_are_a_breach_at_once_even_in_the_warm_up():
    world = arms(lambda at: 0.9 if at > 60 else 0.1)
    found = verdict(world, 105, max=0.2, hard_max=0.6, metrics={"warmup": "5m"})
    assert found.state is State.BREACH
    assert found.breach_at == START + 90
    assert "two samples in a row over the hard bound of 0.6" in found.why
    assert verdict(world, 80, max=0.2, hard_max=0.6, metrics={"warmup": "5m"}).state is State.PENDING


def test_one_sample_seen_at_many_grid_times_is_one_sample():
    # Scraped once a minute: the grid shows every scrape four times.
    world = World().gauge("cost", lambda at: 0.9 if 300 < at < 360 else 0.1, 1200, every=60, **CANARY)
    slow = {"max_sample_age": "150s"}
    assert verdict(world, 600, max=0.8, hard_max=0.6, metrics=slow).state is not State.BREACH
    twice = World().gauge("cost", lambda at: 0.9 if 300 < at < 420 else 0.1, 1200, every=60, **CANARY)
    assert verdict(twice, 600, max=0.8, hard_max=0.6, metrics=slow).state is State.BREACH


def test_hard_min():
    world = arms(lambda at: -5 if at > 600 else 1.0)
    assert "under the hard bound" in verdict(world, 700, min=0.5, hard_min=0).why


SEGMENTS = {"segment": {"label": "channel", "required": ["web", "voice"]}}


def test_segments_are_judged_apart_only_by_segment():
    world = World().gauge("cost", 1.0, 1200, channel="web", **CANARY).gauge("cost", 4.0, 1200, channel="chat", **CANARY)
    together = world.judge(plan_of([value(max=3)], metrics=SEGMENTS), 1200)
    assert {key: v.state for key, v in together.items()} == {"cost": State.PASS}
    apart = world.judge(plan_of([value(max=3, by_segment=True)], metrics=SEGMENTS), 1200)
    assert {key: v.state for key, v in apart.items()} == {
        "cost/chat": State.BREACH,
        "cost/voice": State.NO_DATA,
        "cost/web": State.PASS,
    }


def test_the_newest_two_thousand_cells_are_kept():
    found = verdict(arms(1.0, until=15 * 2100), 15 * 2100, max=2.0)
    assert len(found.evidence.cells) == 2000
    assert found.evidence.cells[-1].end >= START + 15 * 2098


def test_a_look_a_moment_before_a_cell_ends_and_an_age_of_zero():
    for at in (14.999, 15.0, 299.9985, 300.0):
        assert verdict(arms(1.0), at, max=2.0, metrics={"max_sample_age": "0s"}).state in {State.STALE, State.PENDING}
