"""Traffic with a known truth: what is drawn is what was asked for, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from bench.judge_accuracy import regressions, rollouts
from bench.judge_accuracy.services import normal_tail
from bench.judge_accuracy.traffic import Arm, Asked, Worse, spells, wander
from bench.judge_rules.traffic import Service, Weather, simulate
from bench.judge_simulation.figures import Share, alarmed_within, detection

KINDS = list(rollouts.MAKERS)


@pytest.mark.parametrize("weather", list(Weather))
def test_the_same_seed_draws_the_same_and_no_more_errors_than_requests(weather: Weather) -> None:
    one, other = (simulate(weather, Service(), 2.0, 15.0, 2.0, 3600.0, np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(one.canary_errors, other.canary_errors)
    assert one.canary_errors.shape == (480, 4)
    assert one.past_requests.shape == (60, 8)
    assert (one.canary_errors <= one.canary_requests).all()
    assert (one.baseline_errors <= one.baseline_requests).all()


def test_a_regression_begins_with_its_onset() -> None:
    arms = simulate(Weather.CLEAN, Service(requests_per_s=40.0), 2.0, 15.0, 5.0, 3600.0, np.random.default_rng(8))
    ratio = arms.canary_errors.sum(axis=1) / arms.canary_requests.sum(axis=1)
    assert ratio[:240].mean() == pytest.approx(0.01, rel=0.2)
    assert ratio[240:].mean() == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_counts_of_a_phase_fit_each_other(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    service = rollouts.MAKERS[kind](rng)
    traffic = service.phase(Asked(80, service.most_canary_hosts, 0.2), rng)
    assert traffic.canary.requests.shape == (80, service.most_canary_hosts)
    assert len(traffic.past.requests) == 60
    for arm in (traffic.canary, traffic.baseline, traffic.past):
        assert (arm.errors <= arm.requests).all()
        assert (arm.slower <= arm.requests[:, None, :]).all()
        assert (np.diff(arm.slower, axis=1) <= 0).all(), "fewer requests are slower than a later edge"
        assert (arm.gauge > 0).all()


@pytest.mark.parametrize("kind", ["mixed", "queueing"])
def test_what_is_worse_is_worse_in_the_canary_from_the_onset_on(kind: str) -> None:
    def phases(worse: Worse) -> list[Arm]:
        found = []
        for seed in range(6):
            rng = np.random.default_rng(seed)
            service = rollouts.MAKERS[kind](rng)
            found.append(service.phase(Asked(240, service.most_canary_hosts, 0.5, worse), rng).canary)
        return found

    def total(arms: list[Arm], name: str, cells: slice) -> float:
        return float(sum(getattr(arm, name)[cells].sum() for arm in arms))

    usual, worse = phases(Worse()), phases(Worse(errors=8.0, latency=2.0, gauge=2.0, onset=120))
    before, after = slice(0, 120), slice(120, None)
    for name, factor in (("errors", 3.0), ("slower", 1.1), ("gauge", 1.5)):
        assert total(worse, name, after) > factor * total(usual, name, after), name
        assert total(worse, name, before) == pytest.approx(total(usual, name, before), rel=0.2), name


def test_rollouts_do_not_depend_on_how_they_are_dealt_out() -> None:
    together = rollouts.play("mixed", 3, range(4))
    apart = [one for number in range(4) for one in rollouts.play("mixed", 3, [number])]
    assert list(together) == apart


def test_regressions_are_told_from_their_onset() -> None:
    times = regressions.Times(1800.0, [600.0, 1800.0, 1815.0, 2400.0, float("inf")])
    assert times.found == [15.0, 600.0]
    assert times.early == 2
    played = regressions.play_all("mixed", 2, 3, workers=1)
    assert {name for name, _, _ in played} == set(regressions.ONSETS)
    assert all(len(one.breaches) == 2 for one in played.values())
    assert any(one.found for (_, kind, _), one in played.items() if kind == "errors x10")


def test_the_tail_of_the_normal_distribution() -> None:
    assert normal_tail(np.array([0.0, 1.96, -1.96, 3.0])).tolist() == pytest.approx([0.5, 0.025, 0.975, 0.00135], abs=1e-5)


def test_noise_has_the_size_and_the_memory_that_was_asked_for() -> None:
    noise = wander(np.random.default_rng(1), (40_000, 1), 0.3, 10.0)[:, 0]
    assert noise.std() == pytest.approx(0.3, rel=0.1)
    assert np.corrcoef(noise[:-10], noise[10:])[0, 1] == pytest.approx(np.exp(-1.0), abs=0.06)
    assert spells(np.random.default_rng(1), 100_000, 90.0, 10.0).mean() == pytest.approx(0.1, abs=0.02)


def test_wilsons_interval_and_what_counts_as_early() -> None:
    assert Share(0, 100).interval == pytest.approx((0.0, 0.037), abs=5e-4)
    assert Share(50, 100).interval == pytest.approx((0.4038, 0.5962), abs=5e-4)
    assert Share(0, 0).interval == (0.0, 1.0)
    alarms = np.array([600.0, 7200.0, 7800.0, 9000.0, np.inf])
    found = detection(alarms, np.random.default_rng(0))
    assert (found.early.part, found.found.part, found.found.whole) == (2, 2, 3)
    assert found.delay.median == 1200.0
    assert alarmed_within(alarms, 3600.0).part == 1
