import numpy as np
import pytest

from rolloutctl.judge.blocks.noise import SPANS, noise_of, spans_of


def noise(series, prior=1.0, weight=4.0):
    size = len(series) + 1
    return noise_of(series, np.full((size, len(SPANS)), prior), weight, np.zeros(size))


def correlated(rng, blocks, coefficient):
    values = np.zeros(blocks)
    for i in range(1, blocks):
        values[i] = coefficient * values[i - 1] + rng.standard_normal()
    return values


def test_independent_noise_is_found():
    variance = [noise(np.random.default_rng(seed).standard_normal(300)).variance[-1] for seed in range(30)]
    assert 0.9 < np.median(variance) < 1.6


def test_slow_wandering_counts_as_noise():
    coefficient = 0.8
    truth = 1 / (1 - coefficient) ** 2
    found = [noise(correlated(np.random.default_rng(seed), 600, coefficient)).variance[-1] for seed in range(30)]
    assert 0.5 * truth < np.median(found) < 2 * truth


def test_before_the_first_block_it_is_historys_and_soon_the_phases_own():
    rng = np.random.default_rng(1)
    calm = noise(3.0 * rng.standard_normal(40), prior=1.0)
    assert calm.variance[0] == 1.0
    assert calm.df[0] == pytest.approx(4.0)
    assert calm.variance[20] > 3.0


@pytest.mark.parametrize("height", [10.0, 100.0])
def test_a_regression_is_not_taken_for_noise(height):
    series = np.random.default_rng(2).standard_normal(90)
    calm = noise(series).variance[-1]
    series[33:] += height
    assert noise(series).variance[-1] < 2.5 * calm


def test_a_slow_rise_is_not_taken_for_noise():
    series = np.random.default_rng(3).standard_normal(120)
    calm = noise(series).variance[-1]
    assert noise(series + np.clip(np.arange(120) - 40, 0, 30) / 2.0).variance[-1] < 2.5 * calm


def test_what_rises_and_falls_again_is_noise():
    series = np.random.default_rng(4).standard_normal(120)
    calm = noise(series).variance[-1]
    for start in (20, 50, 80):
        series[start : start + 8] += 10.0
    assert noise(series).variance[-1] > 10 * calm


def test_without_history_the_first_rises_are_all_there_is():
    rising = noise(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), prior=0.0, weight=0.0)
    assert rising.variance[-1] == pytest.approx(0.5)


def test_the_same_after_each_block_as_on_the_series_until_then():
    series = np.random.default_rng(5).standard_normal(150)
    whole = noise(series)
    for n in (1, 4, 17, 60, 149):
        part = noise(series[:n])
        assert part.variance[-1] == pytest.approx(whole.variance[n], rel=1e-12)
        assert part.df[-1] == pytest.approx(whole.df[n], rel=1e-12)


def test_history_by_span_grows_with_correlation():
    values = correlated(np.random.default_rng(6), 600, 0.8)
    found = spans_of(values)
    assert found[3] > 3 * found[0]
