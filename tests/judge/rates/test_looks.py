"""One look for many tests: the same numbers as going through all cells of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.rates.test_track import ASKED, traffic
from rolloutctl.judge.rates.counts import NOBODY, Counts, Floats
from rolloutctl.judge.rates.looks import Cell, Look, advance, asked, fresh
from rolloutctl.judge.rates.settings import Prior, RateSettings
from rolloutctl.judge.rates.track import track

CELLS = 90


def padded(parts: list[Floats], segments: int, hosts: int) -> Floats:
    found = np.zeros((len(parts), segments, hosts))
    for row, part in enumerate(parts):
        found[row, : part.shape[0], : part.shape[1]] = part
    return found


def cell_of(tests: list[Counts], at: int) -> Cell:
    ours, theirs = (max(getattr(one, name).shape[2] for one in tests) for name in ("canary_all", "baseline_all"))
    segments = max(one.canary_all.shape[1] for one in tests)
    return Cell(
        padded([one.canary_all[at] for one in tests], segments, ours),
        padded([one.canary_bad[at] for one in tests], segments, ours),
        padded([one.baseline_all[at] for one in tests], segments, theirs),
        padded([one.baseline_bad[at] for one in tests], segments, theirs),
    )


def looks(tests: list[Counts], each: list[RateSettings]) -> list[Look]:
    hosts = [one.canary_all.shape[2] for one in tests], [one.baseline_all.shape[2] for one in tests]
    of = asked(each, *hosts)
    standing = fresh(of, max(one.canary_all.shape[1] for one in tests), (max(hosts[0]), max(hosts[1])))
    found = []
    for at in range(CELLS):
        standing, look = advance(of, standing, cell_of(tests, at))
        found.append(look)
    return found


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_looks_are_the_track_cell_by_cell(seed: int) -> None:
    shapes = [(2, 4), (1, 3), (3, 5)]
    tests = [traffic(seed + i, hosts=shape, cells=CELLS, segments=2) for i, shape in enumerate(shapes)]
    past = np.array([4000.0, 3900.0, 4100.0, 4000.0]), np.array([60.0, 95.0, 80.0, 70.0])
    each = [
        replace(ASKED, slack=0.03, prior=Prior(2.0, 10.0, *past)),
        replace(ASKED, cell_s=60.0, horizon=40, reject=1.8),
        replace(ASKED, tolerate=1.05),
    ]
    found = looks(tests, each)
    for row, (counts, one) in enumerate(zip(tests, each, strict=True)):
        whole = track(counts, one)
        calm = len(np.flatnonzero((whole.left_out != NOBODY) | whole.fail | (whole.hold_host != NOBODY))) == 0
        until = CELLS if calm else next(at for at, look in enumerate(found) if look.closer[row])
        for name in ("log_e", "log_p", "phi", "ratio", "tolerated"):
            mine = [float(getattr(look, name)[row]) for look in found[:until]]
            assert mine == pytest.approx(getattr(whole, name)[:until].tolist(), rel=1e-9, abs=1e-9), name
        assert [bool(look.passed[row]) for look in found[:until]] == whole.passed[:until].tolist()


def test_a_breach_is_looked_at_more_closely() -> None:
    counts = traffic(4, ratio=4.0, cells=CELLS)
    whole, found = track(counts, ASKED), looks([counts], [ASKED])
    first = int(np.flatnonzero(whole.fail)[0])
    assert not any(look.closer[0] for look in found[:first])
    assert found[first].closer[0]
