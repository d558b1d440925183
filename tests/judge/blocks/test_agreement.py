"""The arrays agree with the streaming form, block by block."""

import numpy as np
import pytest

from rolloutctl.judge.blocks import judge_blocks
from rolloutctl.judge.blocks.inputs import Scale
from rolloutctl.judge.blocks.past import prior_of, usable_history

from . import streaming
from .worlds import PER_BLOCK, arms, inputs, settings


@pytest.mark.parametrize(
    ("seed", "factor", "onset", "spread"),
    [(1, 1.0, 0, 0.0), (2, 1.05, 0, 0.0), (3, 1.3, 20, 0.0), (4, 1.0, 0, 0.2), (5, 1.25, 25, 0.2), (6, 2.0, 30, 0.4)],
)
def test_evidence_agrees_with_the_streaming_form(seed, factor, onset, spread):
    canary, baseline, history = arms(seed, minutes=50, factor=factor, onset=onset, spread=spread)
    given = settings(horizon=len(canary))
    track = judge_blocks(inputs(canary, baseline, history, given))
    ends = np.arange(PER_BLOCK - 1, len(canary), PER_BLOCK)
    assert not np.any(track.left_out >= 0)

    def means(arm):
        return arm.reshape(-1, PER_BLOCK, arm.shape[1]).mean(axis=(1, 2))

    worse = np.log(means(canary) / means(baseline)).tolist()
    per_host = prior_of(usable_history(history, 60.0), Scale.RATIO, 2, 60.0)
    prior = (per_host.private * (1 / 2 + 1 / 4)).tolist()
    bounds = np.concatenate((track.alarm_from[ends][:1], track.alarm_from[ends]))
    spreads = np.concatenate((track.spread[ends][:1], track.spread[ends]))
    expected = streaming.judge(
        worse, prior, per_host.weight, given.tolerate, given.reject, bounds.tolist(), spreads.tolist(), len(worse)
    )
    assert track.log_e[ends].tolist() == pytest.approx([e for e, _ in expected], rel=1e-4, abs=1e-4)
    assert track.log_p[ends].tolist() == pytest.approx([p for _, p in expected], rel=1e-4, abs=1e-4)
