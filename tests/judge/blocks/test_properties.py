import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from rolloutctl.judge.blocks import BlockInputs, BlockTrack, Scale, judge_blocks

from .worlds import PER_BLOCK, arms, first, hosts, settings

SCALED = ("estimate", "low", "high", "spread", "alarm_from")


@st.composite
def worlds(draw):
    minutes = draw(st.integers(4, 70))
    canary, baseline, history = arms(
        draw(st.integers(0, 10_000)),
        minutes=minutes,
        canary=draw(st.integers(1, 4)),
        baseline=draw(st.integers(1, 5)),
        factor=draw(st.sampled_from([0.8, 1.0, 1.1, 1.3, 2.0])),
        onset=draw(st.integers(0, minutes - 1)),
        noise=draw(st.sampled_from([0.02, 0.1, 0.3])),
        spread=draw(st.sampled_from([0.0, 0.0, 0.2])),
        past=draw(st.sampled_from([20, 60])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    holes = draw(st.sampled_from([0.0, 0.1, 0.5]))
    canary[rng.random(canary.shape) < holes] = np.nan
    baseline[rng.random(baseline.shape) < holes] = np.nan
    if draw(st.booleans()):
        canary[len(canary) // 2 :, 0] *= 3.0
    if draw(st.booleans()):
        baseline[len(baseline) // 2 :, 0] = 0.0
    scale = draw(st.sampled_from(list(Scale)))
    more = {"tolerate": 0.05, "reject": 0.25} if scale is Scale.DIFFERENCE else {}
    more |= {"bound": 1.2} if scale is Scale.LEVEL or draw(st.booleans()) else {}
    more |= {"hard_max": 6.0} if draw(st.booleans()) else {}
    given = settings(scale, horizon=draw(st.sampled_from([len(canary), 4 * len(canary)])), hold_cells=8, **more)
    return BlockInputs(canary, baseline, 15.0, history if draw(st.booleans()) else None, given)


def same(one: BlockTrack, other: BlockTrack, cells=slice(None), but=(), close=False):
    for field in fields(BlockTrack):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name in but:
            continue
        if isinstance(a, np.ndarray):
            a, b = a[cells], b[cells]
            if close and a.dtype == float:
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=field.name)
            else:
                np.testing.assert_array_equal(a, b, err_msg=field.name)
        else:
            assert a == b, field.name


@profile(deadline=None, max_examples=60)
@given(worlds(), st.floats(0, 1))
def test_a_look_knows_nothing_of_later_cells(world, part):
    cells = int(part * len(world.canary))
    cut = replace(world, canary=world.canary[:cells], baseline=world.baseline[:cells])
    whole, early = judge_blocks(world), judge_blocks(cut)
    same(early, BlockTrack(**{f.name: _head(getattr(whole, f.name), cells) for f in fields(BlockTrack)}))


def _head(values, cells):
    return values[:cells] if isinstance(values, np.ndarray) else values


@profile(deadline=None, max_examples=60)
@given(worlds(), st.floats(0, 1))
def test_a_look_at_new_cells_says_what_a_look_at_all_says(world, part):
    since = int(part * (len(world.canary) - 1))
    same(judge_blocks(world), judge_blocks(world, since), slice(since, None))


@profile(deadline=None, max_examples=60)
@given(worlds(), st.sampled_from([1e-6, 1e-3, 7.0, 1e6]))
def test_verdicts_do_not_depend_on_the_unit(world, unit):
    given = world.settings
    scaled = {n: None if getattr(given, n) is None else getattr(given, n) * unit for n in ("bound", "hard_max", "hard_min")}
    if given.scale is Scale.DIFFERENCE:
        scaled |= {"tolerate": given.tolerate * unit, "reject": given.reject * unit}
    other = BlockInputs(
        world.canary * unit,
        world.baseline * unit,
        world.cell_s,
        None if world.history is None else world.history * unit,
        replace(given, **scaled),
    )
    same(judge_blocks(world), judge_blocks(other), but=() if given.scale is Scale.RATIO else (*SCALED, "cannot_pass"), close=True)


@profile(deadline=None, max_examples=60)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_hosts_does_not_matter(world, random):
    ours, theirs = list(range(world.canary.shape[1])), list(range(world.baseline.shape[1]))
    random.shuffle(ours)
    random.shuffle(theirs)
    history = world.history
    if history is not None and history.shape[1] > 1 and len(theirs) > 1:
        history = None
        world = replace(world, history=None)
    other = replace(world, canary=world.canary[:, ours], baseline=world.baseline[:, theirs], history=history)
    one, two = judge_blocks(world), judge_blocks(other)
    same(one, two, but=("hold_host", "left_out"), close=True)
    assert [h if h < 0 else ours[h] for h in two.hold_host] == one.hold_host.tolist()
    assert [h if h < 0 else theirs[h] for h in two.left_out] == one.left_out.tolist()


@profile(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([1.3, 1.6, 3.0]), st.integers(1, 60))
def test_more_of_the_same_evidence_never_turns_a_breach_into_a_pass(seed, factor, more):
    canary, baseline, history = arms(seed, minutes=30, factor=factor)
    track = judge_blocks(BlockInputs(canary, baseline, 15.0, history, settings(horizon=400)))
    breach = first(track.fail)
    if breach is None:
        return
    upto = (breach + 1) // PER_BLOCK * PER_BLOCK
    again = np.concatenate([canary[:upto]] + [canary[upto - 16 : upto]] * more)
    peers = np.concatenate([baseline[:upto]] + [baseline[upto - 16 : upto]] * more)
    longer = judge_blocks(BlockInputs(again, peers, 15.0, history, settings(horizon=400)))
    assert longer.fail[breach]
    assert not longer.passed[breach:].any()


@profile(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.2, 5.0, 50.0]), st.integers(0, 50))
def test_a_burst_or_drift_that_both_arms_share_does_not_alarm(seed, height, start):
    canary, baseline, history = arms(seed)
    shared = np.exp(np.cumsum(0.05 * np.random.default_rng(seed).standard_normal(len(canary))))[:, None]
    shared[start * PER_BLOCK : (start + 7) * PER_BLOCK] *= height
    track = judge_blocks(BlockInputs(canary * shared, baseline * shared, 15.0, history, settings(alpha=0.001)))
    assert not track.fail.any()


@pytest.mark.parametrize("noisier", [1.0, 3.0])
def test_harmless_phases_seldom_alarm_even_if_noisier_than_their_history(noisier):
    alpha, phases, alarms = 0.05, 300, 0
    for seed in range(phases):
        canary, baseline, history = arms(seed, noise=0.1)
        calm = np.exp(np.log(history) / noisier)
        alarms += bool(judge_blocks(BlockInputs(canary, baseline, 15.0, calm, settings(alpha=alpha))).fail.any())
    assert alarms <= alpha * phases


@pytest.mark.parametrize(("factor", "share"), [(1.1, 0.5), (1.25, 0.95), (2.0, 1.0)])
def test_regressions_are_found(factor, share):
    found = 0
    for seed in range(60):
        canary, baseline, history = arms(seed, minutes=60, factor=factor, noise=0.07)
        found += bool(judge_blocks(BlockInputs(canary, baseline, 15.0, history, settings(alpha=0.01))).fail.any())
    assert found >= share * 60


def test_tiny_and_huge_levels_are_judged_alike():
    values, past = hosts(1, 60, 2, level=0.25), hosts(2, 60, 2, level=0.1)[::PER_BLOCK]
    cells = set()
    for unit in (1e-9, 1e-3, 1.0, 1e3):
        given = settings(Scale.LEVEL, bound=0.2 * unit)
        cells.add(first(judge_blocks(BlockInputs(values * unit, None, 15.0, past * unit, given)).fail))
    assert len(cells) == 1
    assert None not in cells
    assert math.isfinite(cells.pop())
