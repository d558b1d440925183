"""The models of other tools' rules, on counts small enough to follow by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from bench.judge_rules import argo, flagger, growthbook, kayenta, ours
from bench.judge_rules.arms import Arms, latched, looks, over_window
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from judge_rules.worlds import CELL_S, arms, first

GOOD, BAD, NOTHING = (100.0, 1.0), (100.0, 10.0), (0.0, 0.0)
RULES = [argo.breaches, flagger.breaches, growthbook.breaches, kayenta.breaches, ours.breaches]


def test_a_window_sums_hosts_and_the_cells_up_to_now() -> None:
    assert over_window(np.array([[1.0, 1.0], [2.0, 0.0], [4.0, 0.0], [8.0, 0.0]]), 2).tolist() == [2.0, 4.0, 6.0, 12.0]


def test_a_rule_looks_at_the_end_of_its_interval() -> None:
    assert looks(arms([GOOD] * 3), 60.0).tolist() == [3, 7, 11]
    assert looks(arms([GOOD]), CELL_S).tolist() == [0, 1, 2, 3]


def test_the_first_breach_stays() -> None:
    seen = arms([GOOD] * 3)
    assert np.flatnonzero(latched(seen, looks(seen, 60.0), np.array([False, True, False]))).tolist() == list(range(7, 12))


@pytest.mark.parametrize(
    ("minutes", "at"),
    [
        pytest.param([BAD] * 4, 4.0, id="three failed measurements are allowed, the fourth rolls back"),
        pytest.param([BAD] * 3, None, id="three are allowed"),
        pytest.param([GOOD] * 30, None, id="a ratio of one is fine"),
        pytest.param([GOOD] * 10 + [BAD, *[GOOD] * 10], 14.0, id="a minute fails the five windows that it is in"),
        pytest.param([NOTHING] * 10, None, id="nothing over something is no failure, for it is no number"),
    ],
)
def test_argo(minutes: Sequence[tuple[float, float]], at: float | None) -> None:
    assert first(argo.breaches(arms(minutes))) == at


def test_argo_counts_errors_over_none_as_failed_and_none_over_none_as_nothing() -> None:
    clean = [(100.0, 0.0)] * 6
    assert first(argo.breaches(arms([GOOD] * 6, clean))) == 4.0
    assert first(argo.breaches(arms(clean, clean))) is None


@pytest.mark.parametrize(
    ("minutes", "at"),
    [
        pytest.param([BAD] * 6, 6.0, id="five failed checks, and the run after them rolls back"),
        pytest.param([BAD] * 5, None, id="that run has to come"),
        pytest.param([BAD, GOOD] * 6, 10.0, id="they need not follow each other"),
        pytest.param([(100.0, 2.0)] * 20, None, id="twice the usual is still in the range"),
        pytest.param([NOTHING] * 6, 6.0, id="a minute without requests fails"),
    ],
)
def test_flagger(minutes: Sequence[tuple[float, float]], at: float | None) -> None:
    assert first(flagger.breaches(arms(minutes))) == at


def test_flagger_does_not_ask_the_baseline() -> None:
    assert first(flagger.breaches(arms([BAD] * 6, [BAD] * 6))) == 6.0


def lower_end(n: float, x: float, m: float, y: float) -> float:
    """Of the sequence of the lift: everything written out for one look."""
    a, b = x / n, y / m
    of_ours, of_theirs = a * (1 - a) / n, b * (1 - b) / m
    variance = of_ours / b**2 + of_theirs * a**2 / b**4
    rho = math.sqrt((-2 * math.log(0.05) + math.log(1 - 2 * math.log(0.05))) / 5000)
    users = n + m
    # For one observation of variance `users * variance`, the half-width of the mean's sequence after `users` of them.
    inside = 2 * (users * rho**2 + 1) / (users**2 * rho**2) * math.log(math.sqrt(users * rho**2 + 1) / 0.05)
    return a / b - 1 - math.sqrt(users * variance * inside)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=10), st.lists(st.integers(0, 6), min_size=10, max_size=10))
def test_growthbook_is_above_zero_where_the_lower_end_is(canary: list[int], baseline: list[int]) -> None:
    seen = arms([(100.0, float(x)) for x in canary], [(200.0, float(y)) for y in baseline[: len(canary)]])
    n, x, m, y = (
        np.cumsum(part[:, 0]) for part in (seen.canary_requests, seen.canary_errors, seen.baseline_requests, seen.baseline_errors)
    )
    above = [x[i] > 0 and y[i] > 0 and lower_end(n[i], x[i], m[i], y[i]) > 0 for i in range(len(n))]
    assert first(growthbook.breaches(seen)) == ((above.index(True) + 1) / 4 if any(above) else None)


def test_growthbook_finds_a_tenfold_ratio_and_nothing_in_equal_arms() -> None:
    assert first(growthbook.breaches(arms([BAD] * 10))) is not None
    assert first(growthbook.breaches(arms([GOOD] * 60))) is None
    assert first(growthbook.breaches(arms([(100.0, 0.5)] * 60))) is None


def test_kayenta_needs_series_apart_at_its_first_look() -> None:
    assert first(kayenta.breaches(arms([(100.0, 8.0 + i) for i in range(5)]))) == 5.0
    assert first(kayenta.breaches(arms([GOOD] * 4 + [BAD]))) is None


def test_kayenta_calls_equal_series_no_change_and_fewer_errors_no_failure() -> None:
    assert first(kayenta.breaches(arms([GOOD] * 60))) is None
    assert first(kayenta.breaches(arms([(100.0, 0.1 + i % 3 / 10) for i in range(60)]))) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), min_size=5, max_size=15))
def test_kayenta_is_high_where_the_sorted_shifts_say_so(minutes: list[tuple[int, int]]) -> None:
    high = []
    for look in range(5, len(minutes) + 1, 5):
        canary, baseline = ([pair[side] for pair in minutes[:look]] for side in (0, 1))
        shifts = sorted(a - b for a in canary for b in baseline)
        rank = int(look * look / 2 - 2.3263 * math.sqrt(look * look * (2 * look + 1) / 12))
        low, middle = shifts[rank - 1], abs(float(np.median(shifts)))
        assume(sum(canary) != sum(baseline) and 4 * low != middle)
        high.append(sum(canary) > sum(baseline) and 4 * low > middle)
    seen = arms([(100.0, float(x)) for x, _ in minutes], [(100.0, float(y)) for _, y in minutes])
    assert first(kayenta.breaches(seen)) == (5.0 * (high.index(True) + 1) if any(high) else None)


def drawn(times: float, *, bad_host: float = 1.0, seed: int = 4) -> Arms:
    """Two hours: 3 canary and 6 baseline hosts, 1 % errors."""
    rng = np.random.default_rng(seed)
    n, m, past = (rng.poisson(size, shape).astype(float) for size, shape in ((60, (480, 3)), (60, (480, 6)), (240, (60, 6))))
    share = np.full((480, 3), 0.01 * times)
    share[:, 0] *= bad_host
    x, y, old = (rng.binomial(a.astype(int), p).astype(float) for a, p in ((n, share), (m, 0.01), (past, 0.01)))
    return Arms(n, x, m, y, CELL_S, 0.01, past, old)


def test_ours_finds_a_doubled_ratio_and_holds_for_one_host() -> None:
    assert first(ours.breaches(drawn(1.0))) is None
    found = first(ours.breaches(drawn(2.0)))
    assert found is not None
    assert found < 60
    assert first(ours.breaches(drawn(1.0, bad_host=8.0))) is None
    assert ours.host_holds(drawn(1.0, bad_host=8.0)).any()
    assert not ours.host_holds(drawn(1.0)).any()


@pytest.mark.parametrize("rule", RULES)
def test_a_look_does_not_depend_on_what_comes_later(rule: object) -> None:
    assert callable(rule)
    seen = drawn(2.5)
    whole = rule(seen)
    before = Arms(
        *(part[:240] for part in (seen.canary_requests, seen.canary_errors, seen.baseline_requests, seen.baseline_errors)),
        CELL_S,
        seen.usual_ratio,
        seen.past_requests,
        seen.past_errors,
    )
    if rule is not ours.breaches:  # The deadline of ours is the end of what it is given.
        np.testing.assert_array_equal(whole[:240], rule(before))
    assert whole.any(), "something has to be found for this to say anything"
    assert (np.diff(whole.astype(int)) >= 0).all(), "what was found once stays"
