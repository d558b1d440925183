"""Random counts have the means and spreads they claim."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.demo.draws import binomial, multinomial, poisson

DRAWS = 4000


def check(values: list[int], mean: float, variance: float) -> None:
    seen = sum(values) / len(values)
    spread = sum((value - seen) ** 2 for value in values) / len(values)
    assert seen == pytest.approx(mean, abs=5 * math.sqrt(variance / len(values)))
    assert spread == pytest.approx(variance, rel=0.15)


@pytest.mark.parametrize("mean", [0.3, 5, 40, 600])
def test_poisson(mean):
    rng = Random(7)
    check([poisson(rng, mean) for _ in range(DRAWS)], mean, mean)


@pytest.mark.parametrize(("trials", "chance"), [(10, 0.5), (600, 0.02), (600, 0.4), (5000, 0.97)])
def test_binomial(trials, chance):
    rng = Random(7)
    check([binomial(rng, trials, chance) for _ in range(DRAWS)], trials * chance, trials * chance * (1 - chance))


@given(st.integers(0, 5000), st.floats(0, 1), st.integers())
def test_binomial_stays_inside(trials, chance, seed):
    assert 0 <= binomial(Random(seed), trials, chance) <= trials


@given(st.integers(0, 2000), st.lists(st.floats(0.01, 1), min_size=1, max_size=9), st.integers())
def test_multinomial_spreads_everything(trials, weights, seed):
    counts = multinomial(Random(seed), trials, [weight / sum(weights) for weight in weights])
    assert len(counts) == len(weights)
    assert sum(counts) == trials
    assert min(counts) >= 0
