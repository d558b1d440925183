"""Going on from any cell is the same as having gone through all of them."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.rates.test_looks import CELLS, cell_of
from judge.rates.test_track import ASKED, traffic
from rolloutctl.judge.rates.counts import NOBODY
from rolloutctl.judge.rates.looks import advance, asked
from rolloutctl.judge.rates.resume import resumed
from rolloutctl.judge.rates.settings import Prior
from rolloutctl.judge.rates.track import track


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, CELLS - 1),
    st.sampled_from([15.0, 30.0, 60.0, 300.0]),
    st.sampled_from([(1, 1), (2, 4), (1, 5)]),
)
def test_a_look_from_any_cell_on_is_the_track(seed: int, at: int, cell_s: float, hosts: tuple[int, int]) -> None:
    counts = traffic(seed, hosts=hosts, cells=CELLS, segments=1 + seed % 2)
    past = np.full(hosts[1], 4000.0), np.arange(hosts[1]) * 7.0 + 50.0
    one = replace(ASKED, cell_s=cell_s, slack=0.02 * (seed % 3), prior=Prior(2.0, 10.0, *past))
    whole = track(counts, one)
    if (whole.left_out != NOBODY).any():
        return
    standing = resumed(counts.until(at), one, track(counts.until(at), one))
    of = asked([one], [hosts[0]], [hosts[1]])
    for cell in range(at, min(at + 25, CELLS)):
        standing, look = advance(of, standing, cell_of([counts], cell))
        for name in ("log_e", "log_p", "phi", "ratio", "tolerated", "spread"):
            assert float(getattr(look, name)[0]) == pytest.approx(float(getattr(whole, name)[cell]), rel=1e-9, abs=1e-9), name
        assert bool(look.passed[0]) == bool(whole.passed[cell])
        assert bool(look.by_ratio[0]) == bool(whole.by_ratio[cell])
    again = resumed(counts.until(cell + 1), one, track(counts.until(cell + 1), one))
    for field in fields(standing):
        mine, theirs = getattr(standing, field.name), getattr(again, field.name)
        pairs = zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=field.name)
