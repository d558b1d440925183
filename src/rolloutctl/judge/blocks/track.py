"""From cells to the track: runs over choices of hosts, put together so that each cell knows only what came before it."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rolloutctl.judge.blocks.evidence import FEWEST_BLOCKS, FEWEST_TO_PASS
from rolloutctl.judge.blocks.hosts import against_sound_hosts, one_host
from rolloutctl.judge.blocks.inputs import BlockInputs, BlockTrack, Bools, Floats, Ints, Scale, Settings
from rolloutctl.judge.blocks.means import Arm, arm_of, block_means, cells_per_block
from rolloutctl.judge.blocks.mixture import radius
from rolloutctl.judge.blocks.outlook import blocks_to_verdict, why_no_pass
from rolloutctl.judge.blocks.past import prior_of, usable_history
from rolloutctl.judge.blocks.run import Context, Run
from rolloutctl.judge.blocks.suspects import NOBODY, size_in

_Entry = TypeVar("_Entry", np.float64, np.bool_, np.int64)

_SHOWN_ERROR = 0.05
_SUSPICIOUS = np.log(3.0)
_QUIET_S = 300.0
_INCIDENT_BLOCKS = (2, 5)
_RECENT_BLOCKS = 10


def judge_blocks(inputs: BlockInputs, since: int = 0) -> BlockTrack:
    """Judge the cells of a phase; entry i of each array rests on rows 0 … i of the samples and on history alone.

    Cells before `since` were judged before: theirs is known, and only bounds, intervals and left-out hosts are given again,
    with no evidence. That makes a look at new cells cheap; all others are the same whatever `since` is.
    """
    settings, cells = inputs.settings, len(inputs.canary)
    per_block = cells_per_block(inputs.cell_s)
    block_s = per_block * inputs.cell_s
    canary = arm_of(block_means(inputs.canary, per_block))
    baseline = None if inputs.baseline is None else arm_of(block_means(inputs.baseline, per_block))
    history = usable_history(inputs.history, block_s)
    context = Context(
        settings,
        prior_of(history, settings.scale, inputs.canary.shape[1], block_s),
        history,
        -(-settings.horizon_cells // per_block),
        max(since + 1, 0) // per_block - 1,
    )
    run, left_out = against_sound_hosts(canary, baseline, context)
    crossed = (run.log_e >= np.log(1.0 / settings.alpha)) & (run.n >= FEWEST_BLOCKS)
    hold_host = one_host(canary, baseline, run, crossed, context)
    shared = _shared_incident(baseline, len(canary.mean), settings)
    needed = blocks_to_verdict(run, settings)
    passed = _passes(run, hold_host, shared, settings, per_block)
    at = (np.arange(cells) + 1) // per_block - 1
    estimate, low, high = _interval(run, settings)
    fail = _per_cell(at, crossed & (hold_host == NOBODY), False) | _beyond_hard(inputs.canary, settings)
    return BlockTrack(
        log_e=_per_cell(at, run.log_e, 0.0),
        log_p=_per_cell(at, run.log_p, 0.0),
        fail=fail,
        hold_host=_per_cell(at, hold_host, NOBODY),
        left_out=_per_cell(at, left_out, NOBODY),
        passed=_per_cell(at, passed, False) & ~fail & _fresh(inputs) & (np.arange(cells) + 1 >= settings.min_cells),
        estimate=_per_cell(at, estimate, np.nan),
        low=_per_cell(at, low, -np.inf),
        high=_per_cell(at, high, np.inf),
        spread=_per_cell(at, run.spread, np.nan),
        alarm_from=_per_cell(at, run.alarm_from, np.nan),
        onset=_per_cell(at, np.where(run.onset >= 0, run.onset * per_block, -1), -1),
        blocks_needed=_per_cell(at, np.where(passed | (crossed & (hold_host == NOBODY)), 0.0, needed), np.inf),
        shared_incident=_per_cell(at, shared, False),
        cannot_pass=why_no_pass(history, context, inputs, block_s),
        block_s=block_s,
    )


def _per_cell(block_of: Ints, values: NDArray[_Entry], before: object) -> NDArray[_Entry]:
    """What the last complete block knew, for each cell; `before` the first."""
    answer = np.full(len(block_of), before, dtype=values.dtype)
    known = block_of >= 0
    answer[known] = values[block_of[known]]
    return answer


def _passes(run: Run, hold_host: Ints, shared: Bools, settings: Settings, per_block: int) -> Bools:
    enough = (run.log_p >= np.log(1.0 / settings.beta)) & (run.n >= FEWEST_TO_PASS)
    calm = (run.log_e < _SUSPICIOUS) & (hold_host == NOBODY) & ~shared
    recent = size_in(run.worse[:, None], _RECENT_BLOCKS)[:, 0] < run.pass_below
    beyond = run.worse > (0.0 if settings.scale is Scale.LEVEL else settings.reject)
    last = np.maximum.accumulate(np.where(beyond, np.arange(len(beyond)), -1))
    inside = (np.arange(len(beyond)) - last) * per_block >= settings.hold_cells
    answer: Bools = enough & calm & recent & inside
    return answer


def _shared_incident(baseline: Arm | None, blocks: int, settings: Settings) -> Bools:
    """The baseline's mean over the last two or five blocks is beyond the bound."""
    if baseline is None or settings.bound is None:
        return np.zeros(blocks, dtype=bool)
    beyond = settings.sign * (baseline.mean - settings.bound)[:, None]
    short, long = (size_in(beyond, window)[:, 0] > 0 for window in _INCIDENT_BLOCKS)
    return short | long


def _beyond_hard(cells: Floats, settings: Settings) -> Bools:
    """The second of two cells in a row, missing ones skipped, whose mean over hosts is beyond a hard bound."""
    mean = block_means(cells, 1)
    there = np.isfinite(mean)
    value = np.where(there.any(axis=1), np.where(there, mean, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1), np.nan)
    seen = np.flatnonzero(np.isfinite(value))
    beyond = np.zeros(len(seen), dtype=bool)
    if settings.hard_max is not None:
        beyond |= value[seen] > settings.hard_max
    if settings.hard_min is not None:
        beyond |= value[seen] < settings.hard_min
    answer = np.zeros(len(cells), dtype=bool)
    answer[seen[1:][beyond[1:] & beyond[:-1]]] = True
    return answer


def _fresh(inputs: BlockInputs) -> Bools:
    """Something of every judged arm came in within the last five minutes."""
    arms = [inputs.canary]
    if inputs.baseline is not None and inputs.settings.scale is not Scale.LEVEL:
        arms.append(inputs.baseline)
    index = np.arange(len(inputs.canary))
    fresh = np.ones(len(index), dtype=bool)
    for arm in arms:
        last = np.maximum.accumulate(np.where(np.isfinite(arm).any(axis=1), index, -(10**9)))
        fresh &= (index - last) * inputs.cell_s <= _QUIET_S
    return fresh


def _interval(run: Run, settings: Settings) -> tuple[Floats, Floats, Floats]:
    n = np.maximum(run.n, 1.0)
    mean = np.where(run.n > 0, run.total / n, np.nan)
    half = np.where(run.n >= 2, radius(n, run.variance, np.maximum(run.df, 0.5), _SHOWN_ERROR), np.inf)
    half = np.where(np.isfinite(mean), half, np.inf)
    middle = settings.sign * mean
    low, high = np.where(np.isfinite(half), middle - half, -np.inf), np.where(np.isfinite(half), middle + half, np.inf)
    if settings.scale is Scale.RATIO:
        return np.exp(middle), np.exp(low), np.exp(high)
    bound = settings.bound if settings.scale is Scale.LEVEL and settings.bound is not None else 0.0
    return middle + bound, low + bound, high + bound
