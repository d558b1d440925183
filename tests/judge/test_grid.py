"""Cells: how long, which are closed, and sums over windows of them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.judge.grid import Grid, cell_length, closed_cells, sliding_sums


@pytest.mark.parametrize(
    ("intervals", "length"),
    [([15.0], 15.0), ([5.0], 15.0), ([15.2], 15.0), ([60.0], 60.0), ([20.0], 30.0), ([15.0, 60.0], 60.0), ([], 15.0)],
)
def test_a_cell_is_the_step_or_the_slowest_arms_scrape_interval(intervals, length):
    arms = [[[i * interval for i in range(30)]] for interval in intervals]
    assert cell_length(15.0, arms) == length


def test_missed_scrapes_and_later_changes_do_not_move_the_grid():
    steady = [i * 15.0 for i in range(12)]
    missed = [*steady[:4], *steady[6:]]
    slower_later = [*steady, *(steady[-1] + i * 60.0 for i in range(1, 200))]
    assert cell_length(15.0, [[missed]]) == 15.0
    assert cell_length(15.0, [[[*(i * 15.0 for i in range(21)), *slower_later[30:]]]]) == 15.0


def test_a_cell_waits_for_every_live_host_but_not_for_a_dead_one():
    grid = Grid(start=0.0, length=15.0, now=100.0)
    assert grid.ended == 6
    assert closed_cells(grid, [98.0, 97.0], max_age=60.0) == 6
    assert closed_cells(grid, [98.0, 74.0], max_age=60.0) == 4
    assert closed_cells(grid, [98.0, 14.0], max_age=60.0) == 2
    assert closed_cells(grid, [98.0, -300.0], max_age=60.0) == 6
    assert closed_cells(grid, [], max_age=60.0) == 2


def test_a_silent_host_is_waited_for_no_longer_than_the_allowed_age():
    assert closed_cells(Grid(0.0, 15.0, now=160.0), [158.0, 80.0], max_age=60.0) == 6
    assert closed_cells(Grid(0.0, 15.0, now=190.0), [188.0, 80.0], max_age=60.0) == 8
    assert closed_cells(Grid(0.0, 15.0, now=196.0), [193.0, 80.0], max_age=60.0) == 12


def test_before_the_start_there_is_no_cell():
    assert Grid(start=1000.0, length=15.0, now=10.0).ended == 0


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), max_size=60), st.integers(1, 70))
def test_sliding_sums_are_the_sums_of_the_slices(values, width):
    sums = sliding_sums(values, width)
    assert len(sums) == len(values)
    for index, found in enumerate(sums):
        assert math.isclose(found, math.fsum(values[max(0, index - width + 1) : index + 1]), rel_tol=1e-9, abs_tol=1e-6)


def test_one_huge_value_does_not_spoil_the_sums_after_it():
    assert sliding_sums([1e18, 1.0, 1.0, 1.0, 1.0], 2)[2:] == [2.0, 2.0, 2.0]
