"""One host is not the version: a baseline host that departed is left out, a canary host that alone is bad is named."""

from __future__ import annotations

import numpy as np

from rolloutctl.judge.blocks.inputs import Bools, Floats, Ints, Scale
from rolloutctl.judge.blocks.means import Arm
from rolloutctl.judge.blocks.run import Context, Run, run_of
from rolloutctl.judge.blocks.suspects import NOBODY, canary_suspects, left_out_host

_LITTLE = np.log(10.0)
_SUSPECT_Z = 2.0
_CLEAN_ERRORS = 2.0


def against_sound_hosts(canary: Arm, baseline: Arm | None, context: Context) -> tuple[Run, Ints]:
    nobody = np.full(len(canary.mean), NOBODY)
    run = run_of(canary, baseline, context.history, context)
    if baseline is None or context.settings.scale is Scale.LEVEL:
        return run, nobody
    left_out = left_out_host(context.history, baseline.hosts, context.settings)
    if not np.any(left_out != NOBODY):
        return run, left_out
    host = int(left_out.max())
    without = run_of(canary, baseline.without(host), _without(context.history, host), context)
    return run.taken_where(left_out != NOBODY, without), left_out


def _without(history: Floats | None, host: int) -> Floats | None:
    return None if history is None or history.shape[1] <= host else np.delete(history, host, axis=1)


def one_host(canary: Arm, baseline: Arm | None, run: Run, crossed: Bools, context: Context) -> Ints:
    """Where a breach would be called though the canary's other hosts look clean: the one host; else -1."""
    answer = np.full(len(crossed), NOBODY)
    if canary.hosts.shape[1] < 2 or not crossed.any():
        return answer
    suspect, z = canary_suspects(canary, context.settings, context.history)
    candidate = crossed & (z > _SUSPECT_Z)
    for host in np.unique(suspect[candidate]):
        here = candidate & (suspect == host)
        rest, _ = against_sound_hosts(canary.without(int(host)), baseline, context)
        answer[here & _clean(rest, run)] = host
    return answer


def _clean(rest: Run, run: Run) -> Bools:
    """Little evidence against the other hosts, and since the onset they are near what is tolerated.

    Near is within two standard errors of it, and nearer to it than to the whole arm.
    """
    theirs, number = _since(run.onset, rest.worse)
    whole, _ = _since(run.onset, run.worse)
    error = np.sqrt(rest.variance / np.maximum(number, 1.0))
    near = (theirs <= rest.alarm_from + _CLEAN_ERRORS * error) & (theirs <= (whole + rest.alarm_from) / 2.0)
    clean: Bools = (rest.log_e < _LITTLE) & (number >= 2) & near
    return clean


def _since(onset: Ints, worse: Floats) -> tuple[Floats, Floats]:
    """Mean of the blocks from the onset up to each block, and their number."""
    sums = np.concatenate(([0.0], np.cumsum(np.nan_to_num(worse))))
    count = np.concatenate(([0.0], np.cumsum(np.isfinite(worse))))
    start, end = np.clip(onset, 0, len(worse)), np.arange(1, len(worse) + 1)
    number = count[end] - count[start]
    return (sums[end] - sums[start]) / np.maximum(number, 1.0), number
