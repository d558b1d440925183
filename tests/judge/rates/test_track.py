"""Test A on arrays: against a slow computation of the same definition, and what must hold for any counts."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.judge.rates.counts import NOBODY, Counts, Floats
from rolloutctl.judge.rates.interval import interval
from rolloutctl.judge.rates.process import Mixture, breach_process, compared, log_evidence
from rolloutctl.judge.rates.settings import FIRST_MOST_PER_S, HARM, LATE_MOST_PER_S, PHI_GRID, Prior, RateSettings
from rolloutctl.judge.rates.track import RateTrack, track, track_together

CELLS = 160
ASKED = RateSettings(cell_s=15.0, horizon=CELLS, alpha=0.02, beta=0.05)


def traffic(
    seed: int, *, ratio: float = 1.0, hosts: tuple[int, int] = (2, 4), share: float = 0.02, cells: int = CELLS, segments: int = 1
) -> Counts:
    rng = np.random.default_rng(seed)
    n = rng.poisson(60, (cells, segments, hosts[0])).astype(float)
    m = rng.poisson(80, (cells, segments, hosts[1])).astype(float)
    x, y = (rng.binomial(part.astype(int), min(1.0, p)).astype(float) for part, p in ((n, share * ratio), (m, share)))
    return Counts(n, x, m, y)


def same(one: RateTrack, other: RateTrack, until: int | None = None) -> None:
    for field in fields(RateTrack):
        mine, theirs = getattr(one, field.name)[:until], getattr(other, field.name)[:until]
        np.testing.assert_array_equal(mine, theirs, err_msg=field.name)


def slow_log_e(counts: Counts, phi: Floats, asked: RateSettings) -> list[float]:
    """Cell by cell as the definition has it, at one phi for all cells."""
    found = []
    first, levels = [0.0] * len(HARM), [[0.0] * len(HARM)]
    for cell in range(counts.cells):
        n, x, m, y = (
            float(part[cell].sum()) for part in (counts.canary_all, counts.canary_bad, counts.baseline_all, counts.baseline_bad)
        )
        step = []
        for harm in HARM:
            pi, q = asked.tolerate * n / (asked.tolerate * n + m), harm * asked.tolerate * n / (harm * asked.tolerate * n + m)
            step.append((x * math.log(q / pi) + y * math.log((1 - q) / (1 - pi))) / float(phi[cell]))
        first = [a + min(b, FIRST_MOST_PER_S * asked.cell_s) for a, b in zip(first, step, strict=True)]
        levels.append([a + min(b, LATE_MOST_PER_S * asked.cell_s) for a, b in zip(levels[-1], step, strict=True)])
        late = asked.onset / (asked.horizon - 1)
        mixed = [
            (1 - asked.onset) * math.exp(first[k])
            + sum(late * math.exp(levels[-1][k] - levels[start][k]) for start in range(1, cell + 1))
            for k in range(len(HARM))
        ]
        found.append(math.log(sum(mixed) / len(HARM) + 1 - (1 - asked.onset) - late * cell))
    return found


def test_it_agrees_with_the_definition_computed_cell_by_cell() -> None:
    counts = traffic(1, ratio=1.6, hosts=(1, 1), cells=60)
    at = float(PHI_GRID[2])
    phi = np.full(60, at)
    tolerated = np.full(60, ASKED.tolerate)
    evidence = compared(counts.strata(), tolerated, tolerated[:, None] * np.array(HARM))
    log_e, _ = breach_process(evidence, phi, ASKED.horizon, ASKED.onset, ASKED.cell_s, Mixture.fresh(len(HARM)))
    assert log_e.tolist() == pytest.approx(slow_log_e(counts, phi, ASKED), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, CELLS - 1), st.sampled_from([0.7, 1.0, 1.5, 3.0]))
def test_what_comes_later_changes_nothing_before_it(seed: int, cut: int, ratio: float) -> None:
    counts = traffic(seed, ratio=ratio)
    same(track(counts, ASKED), track(counts.until(cut), ASKED), cut)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, CELLS - 1))
def test_a_process_that_is_continued_is_the_same_as_one_that_never_stopped(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    evidence, phi = rng.normal(-0.05, 0.4, (CELLS, len(HARM))), rng.uniform(1.0, 20.0, CELLS)
    whole, _ = breach_process(evidence, phi, CELLS, 0.3, 15.0, Mixture.fresh(len(HARM)))
    first, state = breach_process(evidence[:cut], phi[:cut], CELLS, 0.3, 15.0, Mixture.fresh(len(HARM)))
    then, _ = breach_process(evidence[cut:], phi[cut:], CELLS, 0.3, 15.0, state)
    np.testing.assert_array_equal(whole, np.concatenate([first, then]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0]))
def test_the_order_of_hosts_and_segments_does_not_matter(seed: int, ratio: float) -> None:
    counts = traffic(seed, ratio=ratio, hosts=(3, 4), segments=3)
    rng = np.random.default_rng(seed)
    ours, theirs, strata = (rng.permutation(size) for size in (3, 4, 3))
    moved = Counts(
        counts.canary_all[:, strata][:, :, ours],
        counts.canary_bad[:, strata][:, :, ours],
        counts.baseline_all[:, strata][:, :, theirs],
        counts.baseline_bad[:, strata][:, :, theirs],
    )
    one, other = track(counts, ASKED), track(moved, ASKED)
    np.testing.assert_allclose(one.log_e, other.log_e, atol=1e-8)
    np.testing.assert_array_equal(one.fail, other.fail)
    np.testing.assert_array_equal(one.passed, other.passed)
    held = one.hold_host != NOBODY
    np.testing.assert_array_equal(one.hold_host[held], ours[other.hold_host[held]])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_more_of_the_same_evidence_never_turns_a_breach_into_a_pass(seed: int) -> None:
    counts = traffic(seed, ratio=2.5, cells=80)
    twice = Counts(
        *(
            np.concatenate([part, part])
            for part in (counts.canary_all, counts.canary_bad, counts.baseline_all, counts.baseline_bad)
        )
    )
    found = track(twice, replace(ASKED, horizon=160))
    first = np.flatnonzero(found.fail)
    assert len(first)
    assert not found.passed[first[0] :].any()


def test_evidence_goes_to_nothing_as_dispersion_grows_beyond_the_grid() -> None:
    evidence = np.full((40, len(HARM)), 40.0)
    last = float(PHI_GRID[-1])
    at = [float(log_evidence(evidence, np.full(40, phi), 40, 0.3)[-1]) for phi in (last, 2 * last, 8 * last, 1e6 * last)]
    assert at == pytest.approx([at[0], at[0] / 2, at[0] / 8, 0.0], abs=1e-4)


def paused(*, hosts: int, cells: int) -> Counts:
    """Half-way, for some cells, all requests of the first canary host fail; history and the other hosts know nothing of it."""
    counts = traffic(3, ratio=1.0, hosts=(hosts, 6))
    counts.canary_bad[CELLS // 2 : CELLS // 2 + cells, :, 0] = counts.canary_all[CELLS // 2 : CELLS // 2 + cells, :, 0]
    return counts


def test_a_single_cell_is_never_enough_for_a_breach() -> None:
    assert not track(paused(hosts=1, cells=1), ASKED).fail.any()
    assert track(paused(hosts=1, cells=20), ASKED).fail.any()


def test_a_host_that_pauses_is_named_though_it_was_well_for_long() -> None:
    found = track(paused(hosts=3, cells=20), ASKED)
    held = found.hold_host[found.hold_host != NOBODY]
    assert not found.fail.any()
    assert set(held.tolist()) == {0}


def alarms(make: object, runs: int) -> int:
    assert callable(make)
    return sum(bool(track(make(seed), ASKED).fail.any()) for seed in range(runs))


def test_a_burst_that_both_arms_share_does_not_alarm() -> None:
    def shared(seed: int) -> Counts:
        rng = np.random.default_rng(seed)
        level = np.where(rng.random(CELLS) < 0.05, 15.0, 1.0)[:, None, None]
        n, m = rng.poisson(60, (CELLS, 1, 2)).astype(float), rng.poisson(80, (CELLS, 1, 4)).astype(float)
        return Counts(
            n, rng.binomial(n.astype(int), 0.01 * level).astype(float), m, rng.binomial(m.astype(int), 0.01 * level).astype(float)
        )

    assert alarms(shared, 150) == 0


def test_a_drift_that_both_arms_share_does_not_alarm() -> None:
    def drifting(seed: int) -> Counts:
        rng = np.random.default_rng(seed)
        level = np.exp(np.cumsum(rng.normal(0, 0.08, CELLS)))[:, None, None]
        n, m = rng.poisson(60, (CELLS, 1, 2)).astype(float), rng.poisson(80, (CELLS, 1, 4)).astype(float)
        share = np.minimum(0.01 * level, 0.5)
        return Counts(n, rng.binomial(n.astype(int), share).astype(float), m, rng.binomial(m.astype(int), share).astype(float))

    assert alarms(drifting, 150) <= 1


@pytest.mark.parametrize("every", [1, 10])
def test_looking_every_step_or_every_tenth_alarms_no_more_than_alpha(every: int) -> None:
    asked = replace(ASKED, alpha=0.1, tolerate=1.0001)
    runs, alarmed = 300, 0
    for seed in range(runs):
        alarmed += bool(track(traffic(seed), asked).fail[::every].any())
    # Three standard deviations over alpha.
    assert alarmed <= 0.1 * runs + 3 * math.sqrt(0.1 * 0.9 * runs)


def test_doubled_errors_are_found_and_equal_ones_pass() -> None:
    found = [track(traffic(seed, ratio=2.0), ASKED) for seed in range(20)]
    assert all(one.fail.any() for one in found)
    passed = [track(traffic(seed), ASKED) for seed in range(20)]
    assert sum(one.passed.any() for one in passed) >= 18


def test_bursts_after_a_calm_history_are_allowed_for() -> None:
    def bursty(seed: int) -> Counts:
        rng = np.random.default_rng(seed)
        n, m = rng.poisson(150, (CELLS, 1, 2)).astype(float), rng.poisson(150, (CELLS, 1, 6)).astype(float)
        x, y = (rng.poisson(5.0 * rng.poisson(part * 0.002)).astype(float) for part in (n, m))
        return Counts(n, np.minimum(x, n), m, np.minimum(y, m))

    assert alarms(bursty, 100) <= 6


def test_a_host_explains_a_breach_only_if_the_others_are_clean() -> None:
    counts = traffic(3, hosts=(3, 4))
    one = counts.canary_bad.copy()
    one[:, 0, 1] = np.minimum(counts.canary_all[:, 0, 1], one[:, 0, 1] * 8 + 2)
    found = track(replace(counts, canary_bad=one), ASKED)
    assert not found.fail.any()
    assert set(found.hold_host.tolist()) == {NOBODY, 1}
    every = np.minimum(counts.canary_all, counts.canary_bad * 4)
    every[:, 0, 1] = np.minimum(counts.canary_all[:, 0, 1], every[:, 0, 1] * 2)
    assert track(replace(counts, canary_bad=every), ASKED).fail.any()


def test_evidence_of_several_tests_is_added() -> None:
    weak = [traffic(seed, ratio=1.7, cells=60) for seed in (11, 12, 13)]
    asked = [(counts, replace(ASKED, alpha=0.02 / 3, horizon=60)) for counts in weak]
    together = track_together(asked)
    apart = [track(counts, each) for counts, each in asked]

    def first(tracks: object) -> int:
        assert isinstance(tracks, (list, tuple))
        return min(int(np.flatnonzero(one.fail)[0]) if one.fail.any() else 99 for one in tracks)

    assert first(together) <= first(apart)


def test_the_interval_holds_the_truth_and_narrows() -> None:
    inside = 0
    widths = []
    for seed in range(60):
        strata = traffic(seed, ratio=1.4).strata()
        low, high = interval(strata, 1.0)
        inside += low <= 1.4 <= high
        widths.append(math.log(high / low))
    assert inside >= 57
    low, high = interval(traffic(1, ratio=1.4, cells=20).strata(), 1.0)
    assert low == 0 or math.log(high / low) > max(widths)


def test_without_history_the_usual_dispersion_is_assumed() -> None:
    assert Prior().phi == 1.5
    assert not len(Prior().hosts_all)
