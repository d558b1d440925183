"""The first look at an old phase: when samples were scraped is read off raw samples, and asked as an expression for the newest."""

from __future__ import annotations

import numpy as np
import pytest

from rolloutctl.metrics.question import Instant, Range
from rolloutctl.metrics.scraped import LONG_S, RECENT_S, raw_part, timestamps
from rolloutctl.model.samples import Query, QueryKind, Samples, Series

from .model_server import Asker, Model, same

DAY_S = 86_400.0


def hosts(number: int = 3, *, seconds: float = DAY_S, every: float = 15.0) -> Model:
    found = []
    for host in range(number):
        times = np.arange(4.0 + 3.7 * host - 900, seconds, every)
        found.append(({"__name__": "up", "instance": f"h{host}"}, [(round(float(at), 3), 1.0) for at in times]))
    return Model(found)


def dated(end: float, start: float = 0.0, step: float = 60.0) -> Query:
    return Query(QueryKind.TIMESTAMP, "up", start, end, step)


async def test_only_the_newest_part_is_asked_as_an_expression():
    model = hosts(seconds=4 * 3600.0)
    asker, query = Asker(model), dated(4 * 3600.0)
    answer = (await asker.fetch([query]))[query]
    assert isinstance(answer, Samples)
    assert same(answer.series, model.whole(query))
    asked = [(one.end - one.start) for one in model.asked if isinstance(one, Range)]
    assert asked
    assert max(asked) <= RECENT_S
    assert any(isinstance(one, Instant) for one in model.asked)
    model.asked.clear()
    later = dated(4 * 3600.0 + 60)
    assert same((await asker.fetch([later]))[later].series, model.whole(later))
    assert not any(isinstance(one, Instant) for one in model.asked), "the second look goes on from the first"


@pytest.mark.parametrize("trouble", ["refused", "partial", "the same but for the name"])
async def test_where_raw_samples_do_not_tell_all_of_it_is_asked_as_it_was_wanted(trouble):
    model = hosts(seconds=2 * 3600.0)
    query = dated(2 * 3600.0)
    match trouble:
        case "refused":
            model.refuses = ("up[",)
        case "partial":
            model.warns = ("half of it",)
        case _:
            query = Query(QueryKind.TIMESTAMP, '{instance=~"h.*"}', 0.0, 2 * 3600.0, 60.0)
            model.series.append(({"__name__": "load", "instance": "h9"}, [(9.0 + 15 * i, 1.0) for i in range(480)]))
            model.series.append(({"__name__": "down", "instance": "h8"}, [(8.0 + 15 * i, 1.0) for i in range(480)]))
    answer = (await Asker(model).fetch([query]))[query]
    assert isinstance(answer, Samples)
    assert same(answer.series, model.whole(query))


def test_a_short_stretch_is_asked_as_it_is_wanted() -> None:
    assert raw_part(dated(LONG_S - 60), 0.0) is None
    assert raw_part(Query(QueryKind.GRID, "up", 0.0, DAY_S, 60.0), 0.0) is None


def test_a_sample_counts_until_the_next_one_should_have_come() -> None:
    query = dated(7200.0, step=15.0)
    scraped = np.concatenate((np.arange(5.0, 1000.0, 15.0), np.arange(2000.0, 7200.0, 15.0)))
    (found,) = timestamps([Series.of_arrays((("__name__", "up"), ("i", "a")), scraped, scraped)], query, 0.0, 6000.0) or ()
    assert found.labels == (("i", "a"),)
    times = np.array(found.times)
    assert times[0] == 15.0, "nothing before the first sample"
    assert not ((times > 1010) & (times < 2000)).any(), "a host that is gone has no sample, not an old one"
    assert set(found.values) <= set(scraped.tolist())


def test_series_that_only_a_name_tells_apart_cannot_be_told() -> None:
    one = Series.of_arrays((("__name__", "a"),), np.array([1.0]), np.array([1.0]))
    other = Series.of_arrays((("__name__", "b"),), np.array([1.0]), np.array([1.0]))
    assert timestamps([one, other], dated(7200.0), 0.0, 6000.0) is None
