import math

import numpy as np
import pytest

from rolloutctl.judge.blocks import judge_blocks

from .worlds import PER_BLOCK, arms, first, inputs, settings


def judged(*given, **more):
    canary, baseline, history = given
    return judge_blocks(inputs(canary, baseline, history, settings(horizon=len(canary), **more)))


@pytest.mark.parametrize("canary_hosts", [2, 3, 5])
@pytest.mark.parametrize("bad", [1.8, 4.0])
def test_one_bad_canary_host_is_held_and_named(canary_hosts, bad):
    canary, baseline, history = arms(41, canary=canary_hosts)
    canary[80:, 1] *= bad if canary_hosts < 5 else 2 * bad
    track = judged(canary, baseline, history)
    assert set(track.hold_host[track.hold_host >= 0].tolist()) == {1}
    assert first(track.hold_host >= 0) >= 80
    assert not track.fail.any()
    assert not track.passed[track.hold_host >= 0].any()


def test_the_other_hosts_must_look_clean_not_just_better():
    canary, baseline, history = arms(42, canary=3, factor=1.5)
    canary[:, 0] *= 2
    assert judged(canary, baseline, history).fail.any()


def test_a_hold_becomes_a_breach_when_the_others_follow():
    canary, baseline, history = arms(43, canary=3, minutes=90)
    canary[80:, 0] *= 3
    canary[200:] *= 1.5
    track = judged(canary, baseline, history)
    assert track.hold_host[190] == 0
    assert first(track.fail) > 200


def test_a_regression_of_all_hosts_is_a_breach_and_names_none():
    track = judged(*arms(44, canary=4, factor=1.4))
    assert track.fail.any()
    assert not (track.hold_host >= 0).any()


def test_a_drained_baseline_host_is_left_out_and_does_not_feign_a_regression():
    canary, baseline, history = arms(45)
    baseline[100:, 2] = 0.0
    track = judged(canary, baseline, history)
    assert track.left_out[-1] == 2
    assert not (track.left_out[:100] >= 0).any()
    assert not track.fail.any()


def test_a_sick_baseline_host_does_not_hide_a_regression():
    canary, baseline, history = arms(46, baseline=3, factor=1.6)
    baseline[:, 0] *= 4.0
    track = judged(canary, baseline, history)
    assert track.left_out[-1] == 0
    assert track.fail.any()


def test_a_host_that_always_was_different_is_not_left_out():
    canary, baseline, history = arms(47)
    odd = np.array([1.0, 1.0, 1.0, 4.0])
    assert not (judged(canary, baseline * odd, history * odd).left_out >= 0).any()


def test_a_host_that_history_does_not_know_is_judged_by_its_peers_alone():
    canary, baseline, history = arms(50)
    history[:, 1] = np.nan
    history[::9, 2] = np.nan
    assert judged(canary, baseline, history).passed[-1]
    baseline[:, 1] *= 5.0
    assert judged(canary, baseline, history).left_out[-1] == 1


def test_spikes_of_one_host_do_not_leave_it_out():
    canary, baseline, history = arms(48, minutes=180)
    baseline[::50, 1] *= 40
    assert not (judged(canary, baseline, history).left_out >= 0).any()


def test_unequal_hosts_raise_what_is_compared_with():
    equal, unequal = judged(*arms(49)), judged(*arms(49, spread=0.3))
    assert equal.alarm_from[-1] < 1.3 * math.log(1.05)
    assert unequal.alarm_from[-1] > 2 * unequal.spread[-1] > 0.1


def test_unequal_hosts_do_not_hide_a_rise_above_the_canarys_own_past():
    found = 0
    for seed in range(10):
        canary, baseline, history = arms(60 + seed, minutes=120, factor=1.35, onset=60, spread=0.0)
        unequal = np.array([0.6, 1.0, 1.0, 1.6])
        track = judged(canary, baseline * unequal, history * unequal)
        assert track.alarm_from[-1] > math.log(1.35)
        assert not track.fail[: 60 * PER_BLOCK].any()
        found += track.fail.any()
    assert found >= 8


def test_a_canary_that_was_better_may_become_as_good_as_the_baseline():
    unequal = np.array([0.6, 1.0, 1.0, 1.6])
    for seed in range(10):
        canary, baseline, history = arms(80 + seed, minutes=120)
        canary[: 60 * PER_BLOCK] *= 0.7
        assert not judged(canary, baseline * unequal, history * unequal).fail.any()
