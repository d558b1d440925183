import math

import numpy as np
import pytest

from rolloutctl.judge.blocks import Better, BlockInputs, Scale, Settings, judge_blocks

from .worlds import PER_BLOCK, arms, first, hosts, inputs, settings


def judged(canary, baseline, history, given=None, cell_s=15.0):
    return judge_blocks(inputs(np.asarray(canary, float), baseline, history, given, cell_s))


def constant(value, minutes=30, number=2):
    return np.full((minutes * PER_BLOCK, number), float(value))


def level(bound=0.2, better=Better.LOWER, **more):
    return settings(Scale.LEVEL, better=better, bound=bound, **more)


class TestVerdicts:
    def test_a_good_canary_passes_after_five_blocks_and_no_sooner(self):
        track = judged(*arms(1))
        assert not track.fail.any()
        assert first(track.passed) >= 5 * PER_BLOCK - 1
        assert track.passed[-1]

    @pytest.mark.parametrize("factor", [1.25, 1.5, 2.0, 10.0])
    def test_a_regression_is_found_and_never_on_fewer_than_four_blocks(self, factor):
        track = judged(*arms(2, factor=factor))
        assert 4 * PER_BLOCK - 1 <= first(track.fail) <= 15 * PER_BLOCK
        assert not track.passed.any()

    def test_a_regression_that_starts_late_is_a_breach_after_a_pass(self):
        track = judged(*arms(3, minutes=120, factor=1.5, onset=80))
        assert first(track.passed) < 80 * PER_BLOCK < first(track.fail) < 90 * PER_BLOCK
        assert abs(int(track.onset[first(track.fail)]) - 80 * PER_BLOCK) <= 5 * PER_BLOCK

    def test_better_higher_turns_the_direction(self):
        canary, baseline, history = arms(4, factor=0.8)
        assert judged(canary, baseline, history, settings(better=Better.HIGHER)).fail.any()
        assert not judged(canary, baseline, history).fail.any()
        assert not judged(*arms(4, factor=1.3), settings(better=Better.HIGHER)).fail.any()

    def test_estimate_and_interval_are_factors(self):
        track = judged(*arms(5, factor=1.5))
        assert track.estimate[-1] == pytest.approx(1.5, rel=0.05)
        assert 1.3 < track.low[-1] < 1.5 < track.high[-1] < 1.75

    def test_no_pass_before_the_minimum_time(self):
        assert first(judged(*arms(6), settings(min_cells=100)).passed) == 99

    def test_a_canary_that_is_better_passes(self):
        track = judged(*arms(7, factor=0.5))
        assert track.passed[-1]
        assert not track.fail.any()

    def test_one_host_in_each_arm_can_alarm_and_pass(self):
        assert judged(*arms(8, canary=1, baseline=1, factor=1.5)).fail.any()
        assert judged(*arms(8, canary=1, baseline=1)).passed.any()

    def test_a_slow_ramp_no_longer_passes_when_it_has_arrived(self):
        canary, baseline, history = arms(9, minutes=120)
        canary *= np.linspace(1.0, 1.8, len(canary))[:, None]
        track = judged(canary, baseline, history, settings(horizon=len(canary)))
        assert track.fail.any()
        assert not track.passed[len(canary) // 2 :].any()


class TestConstants:
    def test_equal_values_pass(self):
        track = judged(constant(5), constant(5, number=3), constant(5, 15, 3))
        assert track.passed[-1]
        assert not track.fail.any()

    def test_equal_values_pass_without_history(self):
        assert judged(constant(5), constant(5, number=3), None).passed[-1]

    @pytest.mark.parametrize("past", [None, np.full((60, 3), 5.0)])
    def test_different_constants_are_a_breach(self, past):
        assert first(judged(constant(6), constant(5, number=3), past).fail) < 8 * PER_BLOCK

    def test_zero_in_both_arms_is_no_difference(self):
        assert judged(constant(0), constant(0, number=3), None).passed[-1]

    def test_zero_where_higher_is_better_is_a_breach(self):
        track = judged(constant(0), constant(5, number=3), np.full((60, 3), 5.0), settings(better=Better.HIGHER))
        assert track.fail.any()

    def test_a_baseline_of_zero_decides_nothing(self):
        track = judged(constant(3), constant(0, number=3), None)
        assert not track.fail.any()
        assert not track.passed.any()


class TestMissing:
    def test_one_sample_decides_nothing(self):
        canary, baseline, history = arms(10)
        canary[1:] = np.nan
        track = judged(canary * 3, baseline, history)
        assert not track.fail.any()
        assert not track.passed.any()

    def test_no_sample_at_all(self):
        track = judged(constant(math.nan), constant(math.nan), None)
        assert not track.fail.any()
        assert not track.passed.any()
        assert np.all(np.isinf(track.blocks_needed))

    @pytest.mark.parametrize("hosts_seen", [(0, 2), (2, 0), (0, 0)])
    def test_an_arm_without_hosts(self, hosts_seen):
        track = judged(*(np.full((40, number), 0.5) for number in hosts_seen), None, settings(hard_max=1.0))
        assert not track.fail.any()
        assert not track.passed.any()

    def test_no_cell_at_all(self):
        assert len(judged(np.empty((0, 2)), np.empty((0, 3)), None).fail) == 0

    def test_what_is_no_number_is_missing(self):
        canary, baseline, history = arms(11, factor=1.4)
        holes = canary.copy()
        holes[::7, 0], holes[3::11, 1] = math.inf, math.nan
        gaps = np.where(np.isfinite(holes), holes, math.nan)
        assert np.array_equal(judged(holes, baseline, history).log_e, judged(gaps, baseline, history).log_e)
        assert judged(holes, baseline, history).fail.any()

    def test_nothing_passes_five_minutes_after_the_last_sample(self):
        canary, baseline, history = arms(12)
        canary[120:] = np.nan
        track = judged(canary, baseline, history)
        assert track.passed[119]
        assert not track.passed[120 + 20 :].any()
        assert np.all(track.log_e[140:] == track.log_e[140])

    @pytest.mark.parametrize("arm", ["canary", "baseline"])
    def test_hosts_that_miss_blocks_do_not_move_the_mean(self, arm):
        canary, baseline, history = arms(13, spread=0.0, noise=0.03)
        unequal = np.array([1.0, 3.0])
        canary, baseline, history = canary * unequal, baseline * np.tile(unequal, 2), history * np.tile(unequal, 2)
        whole = judged(canary, baseline, history)
        (canary if arm == "canary" else baseline)[80:160, 1] = np.nan
        assert judged(canary, baseline, history).estimate[-1] == pytest.approx(whole.estimate[-1], rel=0.03)

    def test_a_column_that_was_never_seen_does_not_count(self):
        canary, baseline, history = arms(14)
        ghost = np.full((len(canary), 1), np.nan)
        assert np.array_equal(
            judged(canary, baseline, history).log_e, judged(np.hstack([canary, ghost]), baseline, history).log_e
        )


class TestDifference:
    def given(self, **more):
        return settings(Scale.DIFFERENCE, tolerate=0.5, reject=2.0, **more)

    def test_values_may_be_below_zero(self):
        canary, baseline, history = (np.log(values) * 10 for values in arms(15))
        assert judged(canary, baseline, history, self.given()).passed[-1]
        track = judged(canary + 4, baseline, history, self.given())
        assert track.fail.any()
        assert track.estimate[-1] == pytest.approx(4, abs=0.5)

    def test_a_ratio_of_values_below_zero_says_at_once_that_it_cannot_pass(self):
        canary, baseline, history = (np.log(values) * 10 for values in arms(15))
        assert "number" in judged(canary, baseline, history).cannot_pass


class TestLevel:
    def test_inside_passes_and_beyond_is_a_breach(self):
        values = hosts(16, 60, 2, level=0.1)
        past = hosts(17, 60, 2, level=0.1)[::PER_BLOCK]
        assert judged(values, None, past, level()).passed[-1]
        track = judged(values * 2.5, None, past, level())
        assert track.fail.any()
        assert track.estimate[-1] == pytest.approx(0.25, rel=0.05)

    def test_a_lower_bound(self):
        values = hosts(18, 60, 2, level=0.97, noise=0.01)
        past = hosts(19, 60, 2, level=0.97, noise=0.01)[::PER_BLOCK]
        assert judged(values, None, past, level(0.9, Better.HIGHER)).passed[-1]
        assert judged(values - 0.15, None, past, level(0.9, Better.HIGHER)).fail.any()

    def test_one_block_beyond_is_no_breach(self):
        values = np.full((20 * PER_BLOCK, 2), 0.1)
        values[8 * PER_BLOCK : 9 * PER_BLOCK] = 0.25
        assert not judged(values, None, np.full((60, 2), 0.1), level()).fail.any()

    def test_a_pass_needs_the_hold_time_inside(self):
        values = hosts(20, 60, 2, level=0.1)
        values[100:104] = 0.3
        track = judged(values, None, hosts(21, 60, 2, level=0.1)[::PER_BLOCK], level(hold_cells=40))
        assert first(track.passed) is not None
        assert not track.passed[104:140].any()
        assert track.passed[-1]

    def test_without_history(self):
        assert judged(hosts(22, 60, 2, level=0.1), None, None, level()).passed[-1]
        assert judged(hosts(22, 60, 2, level=0.3), None, None, level()).fail.any()


class TestHardBounds:
    def test_two_cells_beyond_are_a_breach_at_once(self):
        canary, baseline, history = arms(23)
        canary[1:3] = 50.0
        assert first(judged(canary, baseline, history, settings(hard_max=20.0)).fail) == 2

    def test_one_is_not_and_a_gap_between_two_does_not_part_them(self):
        canary, baseline, history = arms(24)
        canary[1] = 50.0
        assert not judged(canary, baseline, history, settings(hard_max=20.0)).fail[:16].any()
        canary[2], canary[3] = np.nan, 50.0
        assert first(judged(canary, baseline, history, settings(hard_max=20.0)).fail) == 3

    def test_a_least_value(self):
        canary, baseline, history = arms(25)
        canary[4:6] = 0.01
        assert first(judged(canary, baseline, history, settings(hard_min=0.1)).fail) == 5


class TestSharedIncident:
    def test_nothing_passes_while_the_baseline_breaks_the_bound(self):
        canary, baseline, history = arms(26)
        canary[100:180] *= 5
        baseline[100:180] *= 5
        track = judged(canary, baseline, history, settings(bound=3.0))
        assert track.passed[99]
        assert track.shared_incident[108:180].all()
        assert not (track.passed & track.shared_incident).any()
        assert track.passed[-1]

    def test_a_level_looks_at_the_baseline_for_that_alone(self):
        values = hosts(27, 60, 2, level=0.1)
        past = hosts(28, 60, 2, level=0.1)[::PER_BLOCK]
        track = judged(values, np.full((240, 3), 0.4), past, level())
        assert track.shared_incident[-1]
        assert not track.passed.any()
        assert np.array_equal(track.log_e, judged(values, None, past, level()).log_e)


class TestNeeded:
    def test_less_is_needed_as_time_goes_by_and_nothing_after_a_verdict(self):
        track = judged(*arms(29, minutes=90, noise=0.25, factor=1.05))
        assert track.blocks_needed[-1] >= 0
        assert track.blocks_needed[3] > 1

    def test_the_forecast_is_about_right(self):
        track = judged(*arms(30, minutes=120, noise=0.12))
        passed = first(track.passed)
        at = 6 * PER_BLOCK - 1
        assert not track.passed[at]
        assert abs(track.blocks_needed[at] - (passed - at) / PER_BLOCK) <= 10

    def test_in_the_grey_zone_none_comes(self):
        given = settings(tolerate=math.log(1.05), reject=math.log(1.1), better=Better.LOWER)
        track = judged(constant(1.05), constant(1.0, number=3), np.ones((60, 3)), given)
        assert not track.fail.any()

    def test_unequal_hosts_say_at_once_that_no_pass_is_possible(self):
        canary, baseline, history = arms(31, canary=2, baseline=3)
        unequal = np.array([1.0, 2.0, 4.0])
        track = judged(canary, baseline * unequal, history * unequal)
        assert "hosts" in track.cannot_pass
        assert judged(canary[:0], baseline[:0], history * unequal, settings()).cannot_pass == track.cannot_pass

    def test_a_phase_that_is_too_short_or_too_noisy_says_so(self):
        assert "too short" in judged(*arms(32), settings(horizon=16)).cannot_pass
        assert "minutes" in judged(*arms(32, noise=1.0), settings(horizon=80)).cannot_pass
        assert judged(*arms(32)).cannot_pass is None


class TestSettings:
    @pytest.mark.parametrize(
        "wrong", [{"tolerate": 0.3}, {"tolerate": -0.1}, {"alpha": 0.0}, {"beta": 0.9}, {"scale": Scale.LEVEL}]
    )
    def test_what_makes_no_sense_is_refused(self, wrong):
        given = {"scale": Scale.RATIO, "tolerate": 0.05, "reject": 0.2, "alpha": 0.01, "beta": 0.05} | wrong
        with pytest.raises(ValueError, match=r"tolerate|alpha|bound"):
            Settings(better=Better.LOWER, **given)


def test_arms_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="agree"):
        judged(constant(1), constant(1)[1:], None)
    with pytest.raises(ValueError, match="baseline"):
        judged(constant(1), None, None)


def test_cells_longer_than_a_minute_are_blocks_themselves():
    canary, baseline, history = arms(33, factor=1.5)
    track = judge_blocks(BlockInputs(canary[::PER_BLOCK], baseline[::PER_BLOCK], 120.0, history, settings(horizon=60)))
    assert track.block_s == 120.0
    assert first(track.fail) is not None
