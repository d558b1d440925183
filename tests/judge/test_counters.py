"""Increments of raw counters."""

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.judge.counters import count, tidy, whole
from rolloutctl.judge.grid import Grid
from rolloutctl.model.samples import Samples, Series

GRID = Grid(start=0.0, length=15.0, now=75.0)


def increments(*series, origin=0.0, grid=GRID):
    found = whole(count(tidy(Samples(tuple(series)), grid.now), grid, origin, "instance", None).values())
    return list(found.increments)


def counter(values, times=None, host="a", **labels):
    times = times or [5.0 + 15 * i for i in range(len(values))]
    kept = [(t, v) for t, v in zip(times, values, strict=True) if v is not None]
    labels = tuple(sorted({"instance": host, **labels}.items()))
    return Series(labels, tuple(t for t, _ in kept), tuple(map(float, (v for _, v in kept))))


def test_a_restart_counts_what_the_new_process_shows():
    assert increments(counter([100, 160, 220, 15, 75])) == [0, 60, 60, 15, 60]


def test_the_first_sample_of_a_new_series_only_says_where_it_begins():
    assert increments(counter([None, None, 37, 80])) == [0, 0, 0, 43, 0]


def test_events_of_a_missing_scrape_come_with_the_next():
    assert increments(counter([100, 110, None, 130, 140])) == [0, 10, 0, 20, 10]


def test_an_interval_that_began_before_the_phase_is_not_counted():
    assert increments(counter([90, 100, 110, 120], times=[-25.0, -10.0, 5.0, 20.0])) == [0, 10, 0, 0, 0]


def test_looks_at_other_times_count_the_same_events_once():
    series = counter([0, 10, 20, 30, 40, 50], times=[1.0, 14.0, 16.0, 31.0, 44.0, 61.0])
    early = increments(series, grid=Grid(0.0, 15.0, 50.0))
    late = increments(series)
    assert early == late[: len(early)]
    assert sum(late) == 50


def test_samples_on_a_border_belong_to_the_cell_they_end():
    assert increments(counter([0, 1, 3, 6], times=[0.0, 15.0, 30.0, 45.0])) == [1, 2, 3, 0, 0]


def test_no_number_is_left_out_and_counted():
    series = counter([0, 10, math.nan, 30, math.inf])
    found = whole(count(tidy(Samples((series,)), 75.0), GRID, 0.0, None, None).values())
    assert list(found.increments) == [0, 10, 0, 20, 0]
    assert found.broken == {2: 1, 4: 1}


def test_samples_out_of_order_twice_or_in_pieces_are_one_series():
    values = counter([0, 10, 20, 30, 40])
    pairs = list(zip(values.times, values.values, strict=True))
    random.Random(1).shuffle(pairs)
    pieces = [Series(values.labels, *map(tuple, zip(*part, strict=True))) for part in (pairs[:3], pairs[2:])]
    assert increments(*pieces) == increments(values)


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=5, max_size=5), st.integers(1, 4), st.randoms())
def test_splitting_a_counter_over_hosts_does_not_change_the_sum(steps, hosts, rng):
    total, parts = [0], [[0] for _ in range(hosts)]
    for step in steps:
        total.append(total[-1] + step)
        shares = [0] * hosts
        for _ in range(step):
            shares[rng.randrange(hosts)] += 1
        for part, share in zip(parts, shares, strict=True):
            part.append(part[-1] + share)
    times = [1.0 + 14 * i for i in range(6)]
    split = [counter(part, times, host=str(i)) for i, part in enumerate(parts)]
    rng.shuffle(split)
    assert increments(*split) == increments(counter(total, times))
