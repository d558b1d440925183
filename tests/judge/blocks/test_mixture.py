import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.judge.blocks.mixture import EFFECTS, log_evidence, log_phi, radius


def one(function, *values):
    return float(function(*(np.array([value], dtype=float) for value in values))[0])


@given(st.floats(-35, 8))
def test_log_phi_agrees_with_the_error_function(z):
    assert one(log_phi, z) == pytest.approx(math.log(0.5 * math.erfc(-z / math.sqrt(2))), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("z", [-1e2, -1e4, -1e8])
def test_log_phi_keeps_the_asymptote_where_the_function_itself_underflows(z):
    assert one(log_phi, z) == pytest.approx(-z * z / 2 - math.log(-z) - 0.5 * math.log(2 * math.pi), rel=1e-6)


@given(st.floats(-40, 40), st.integers(1, 2000))
def test_known_noise_gives_the_one_sided_normal_mixture(t, k):
    parts = []
    for g, weight in EFFECTS:
        q = 1 + g * k
        tail = one(log_phi, t * math.sqrt(g * k / q))
        parts.append(math.log(2 * weight) - 0.5 * math.log(q) + g * k * t * t / (2 * q) + tail)
    assert one(log_evidence, t, k, 1e12) == pytest.approx(np.logaddexp(*parts), rel=1e-3, abs=1e-3)


@given(st.floats(3, 30), st.integers(4, 500), st.floats(1, 200))
def test_not_knowing_the_noise_costs_evidence(t, k, nu):
    assert one(log_evidence, t, k, nu) <= one(log_evidence, t, k, 1e9) + 1e-6


@given(st.floats(-1e6, 0), st.integers(1, 5000), st.floats(0.5, 1e4))
def test_a_hopeless_run_is_never_evidence(t, k, nu):
    assert one(log_evidence, t, k, nu) <= 1e-6


@pytest.mark.parametrize("blocks", [4, 12, 60])
def test_under_the_null_the_evidence_is_one_on_average(blocks):
    nu = blocks - 1.0
    t = np.sinh(np.linspace(-12, 12, 40_001))
    scale = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi)
    density = np.exp(scale - (nu + 1) / 2 * np.log1p(t * t / nu))
    mean = np.trapezoid(density * np.exp(log_evidence(t, np.full(len(t), float(blocks)), np.full(len(t), nu))), t)
    assert mean == pytest.approx(1.0, abs=0.02)


def test_the_interval_narrows_and_is_infinite_with_too_little():
    half = [one(lambda n, v, d: radius(n, v, d, 0.05), n, 1.0, n - 1.0) for n in (2, 10, 100, 1000)]
    assert half[0] == math.inf
    assert half[1] > half[2] > half[3] > 1.96 / math.sqrt(1000)


def test_the_interval_holds_at_all_times_together():
    rng = np.random.default_rng(6)
    n = np.arange(1.0, 301.0)
    outside = 0
    for _ in range(400):
        mean = np.cumsum(rng.standard_normal(300)) / n
        outside += bool(np.any(np.abs(mean) > radius(n, np.ones(300), np.full(300, 1e9), 0.05)))
    assert outside / 400 < 0.05
