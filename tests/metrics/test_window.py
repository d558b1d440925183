"""The cache of windows: whatever the order of looks, the same samples as if everything were asked."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.metrics.window import WindowCache
from rolloutctl.model.samples import Query, QueryKind, Series

LABELS = (("instance", "a"),)


def asked(cache, query, truth):
    """What a fetch through the cache gives, and how many samples it had to fetch."""
    window = cache.window(query)
    since = window.missing_from()
    fresh = tuple(cut(series, since, query.end) for series in truth)
    fresh = tuple(series for series in fresh if series.times)
    if since <= query.end:
        window.add(since, query.end, fresh, query.end)
        cache.keep(query, window)
    return window.series(query.end), sum(len(series.times) for series in fresh)


def cut(series, start, end):
    kept = [(t, v) for t, v in zip(series.times, series.values, strict=True) if start <= t <= end]
    return Series(series.labels, tuple(t for t, _ in kept), tuple(v for _, v in kept))


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1000), max_size=60, unique=True).map(sorted),
    st.lists(st.floats(0, 1000), min_size=1, max_size=8),
    st.floats(0, 500),
    st.sampled_from([QueryKind.RAW, QueryKind.GRID]),
)
def test_any_sequence_of_looks_sees_what_a_whole_fetch_would(times, looks, start, kind):
    step = 0.0 if kind is QueryKind.RAW else 15.0
    if step:
        times = [start + step * i for i in range(60)]
    truth = (Series(LABELS, tuple(times), tuple(t / 2 for t in times)),)
    cache = WindowCache(ingest_delay=15.0)
    for look in looks:
        end = max(start, look) if not step else start + step * math.floor(max(0.0, look - start) / step)
        query = Query(kind, "up", start, end, step)
        found, _ = asked(cache, query, truth)
        whole = cut(truth[0], start, end)
        assert found == ((whole,) if whole.times else ())


def test_a_sample_that_arrives_late_is_still_seen():
    cache = WindowCache(ingest_delay=15.0)
    early = (Series(LABELS, (10.0, 25.0), (1.0, 2.0)),)
    late = (Series(LABELS, (10.0, 25.0, 38.0, 55.0), (1.0, 2.0, 3.0, 4.0)),)
    asked(cache, Query(QueryKind.RAW, "up", 0.0, 40.0), early)
    found, fetched = asked(cache, Query(QueryKind.RAW, "up", 0.0, 60.0), late)
    assert found == late
    assert fetched == 2


def test_looking_again_costs_the_same_however_old_the_window_is():
    cache = WindowCache(ingest_delay=15.0)
    times = tuple(float(t) for t in range(0, 90_000, 15))
    truth = (Series(LABELS, times, times),)
    costs = [asked(cache, Query(QueryKind.RAW, "up", 0.0, end), truth)[1] for end in (600.0, 660.0, 86_400.0, 86_460.0)]
    assert costs[1] == costs[3] <= 6


def test_another_start_text_or_step_is_another_window():
    cache = WindowCache()
    known = Query(QueryKind.GRID, "up", 0.0, 600.0, 15.0)
    asked(cache, known, ())
    assert cache.window(known).missing_from() > 500
    for other in (
        Query(QueryKind.GRID, "up", -15.0, 600.0, 15.0),
        Query(QueryKind.GRID, "up", 15.0, 600.0, 15.0),
        Query(QueryKind.GRID, "down", 0.0, 600.0, 15.0),
        Query(QueryKind.GRID, "up", 0.0, 600.0, 30.0),
        Query(QueryKind.TIMESTAMP, "up", 0.0, 600.0, 15.0),
    ):
        assert cache.window(other).missing_from() == other.start


def known(cache: WindowCache, query: Query) -> bool:
    return cache.window(query).missing_from() != query.start


def test_what_was_used_longest_ago_is_forgotten_when_there_is_too_much():
    cache = WindowCache(max_samples=250)
    truth = (Series(LABELS, tuple(map(float, range(100))), (0.0,) * 100),)
    queries = [Query(QueryKind.RAW, name, 0.0, 200.0) for name in "abc"]
    for query in queries:
        asked(cache, query, truth)
    assert [known(cache, query) for query in queries] == [False, True, True]
    huge = (Series(LABELS, tuple(map(float, range(300))), (0.0,) * 300),)
    wide = Query(QueryKind.RAW, "d", 0.0, 400.0)
    assert len(asked(cache, wide, huge)[0][0].times) == 300
    assert [known(cache, query) for query in (*queries, wide)] == [False, True, True, False]
