"""Numbers, answers and stretches of them survive being stored, bit for bit."""

from __future__ import annotations

import json
import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.engine.evidence.columns import column, numbers
from rolloutctl.engine.evidence.packing import Asked, Packed, pack, unpack
from rolloutctl.engine.evidence.parts import between, digest_until, joined
from rolloutctl.model.histogram import Histogram
from rolloutctl.model.samples import FailureKind, QueryKind, Samples, Series, SourceFailure

ANY = st.floats(allow_nan=True, allow_infinity=True)
WHOLE = st.integers(min_value=-(2**60), max_value=2**60).map(float)
MILLISECONDS = st.integers(min_value=0, max_value=2**48).map(lambda ms: ms / 1000)
COLUMNS = st.one_of(*(st.lists(each, max_size=30) for each in (ANY, WHOLE, MILLISECONDS, ANY | WHOLE | MILLISECONDS)))
ASKED = Asked(QueryKind.RAW, 'req{version="2"}', 1.5, 0.0, ("instance",))


def bits(values: list[float]) -> list[bytes]:
    return [b"nan" if math.isnan(value) else struct.pack(">d", value) for value in values]


@given(COLUMNS)
def test_a_column_comes_back_as_it_was_and_holds_no_float(values: list[float]) -> None:
    stored = json.loads(json.dumps(column(np.array(values, dtype=np.float64))), parse_float=_refused)
    assert bits(numbers(stored).tolist()) == bits(values)


def _refused(text: str) -> float:
    pytest.fail(f"{text} is a float")


def test_counts_and_times_are_short() -> None:
    times = np.arange(1_700_000_000.123, 1_700_086_400.0, 15.0)
    assert column(np.round(times, 3))["d"][1:3] == [15000, 15000]
    assert column(np.array([7.0, 9.0, 9.0, 2.0])) == {"x": 1, "d": [7, 2, 0, -7]}


@pytest.mark.parametrize(
    "stored", [{"x": 10, "d": [1]}, {"d": [1]}, {"t": ["one"]}, {"x": 1, "d": [[1], [1, 2]]}, {"x": 1, "d": ["a"]}]
)
def test_what_is_no_column_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        numbers(stored)


@st.composite
def samples(draw: st.DrawFn) -> Samples:
    names = draw(st.lists(st.text(max_size=4), unique=True, max_size=4))
    axes = draw(st.lists(st.lists(MILLISECONDS, unique=True, max_size=12).map(sorted), min_size=1, max_size=2))
    found = []
    for name in names:
        times = draw(st.sampled_from(axes))
        values = draw(st.lists(WHOLE, min_size=len(times), max_size=len(times)))
        if times:
            found.append(Series((("host", name),), times, values))
    return Samples(tuple(found), approximate=draw(st.booleans()))


@given(samples())
def test_an_answer_comes_back_as_it_was(answer: Samples) -> None:
    stored = json.loads(json.dumps(pack(Packed(ASKED, None, answer), str)))
    assert unpack(stored) == Packed(ASKED, None, answer)


def test_failures_warnings_and_native_histograms_come_back_without_secrets() -> None:
    def scrub(text: str) -> str:
        return text.replace("hunter2", "***")

    failure = SourceFailure(FailureKind.DOWN, "refused hunter2")
    assert unpack(pack(Packed(ASKED, None, failure), scrub)).answer == SourceFailure(FailureKind.DOWN, "refused ***")
    histogram = Histogram(12.5, 3.0, 0.1 + 0.2, ((0.0, 0.5, 2.0), (0.5, math.inf, 1.0)))
    answer = Samples((Series((("a", "b"),), (), (), (histogram,)),), warnings=("partial hunter2",))
    found = unpack(json.loads(json.dumps(pack(Packed(ASKED, 7.25, answer), scrub))))
    assert (found.after, found.answer) == (7.25, Samples(answer.series, ("partial ***",)))


@given(samples(), st.lists(MILLISECONDS, max_size=3))
def test_stretches_that_follow_each_other_are_the_whole_again(answer: Samples, cuts: list[float]) -> None:
    borders = [-math.inf, *sorted(cuts), math.inf]
    stretches = [between(answer, after, until) for after, until in pairwise(borders)]
    whole = joined(stretches)
    assert {one.labels: one for one in whole.series} == {one.labels: one for one in answer.series}
    assert digest_until(whole, math.inf) == digest_until(answer, math.inf)


@given(samples(), MILLISECONDS)
def test_the_digest_of_a_stretch_knows_nothing_of_what_came_later(answer: Samples, until: float) -> None:
    assert digest_until(answer, until) == digest_until(between(answer, -math.inf, until), math.inf)


def test_the_digest_sees_every_change() -> None:
    def of(*values: float, labels: str = "a", approximate: bool = False) -> str:
        return digest_until(Samples((Series((("h", labels),), (1.0, 2.0), values),), (), approximate), 2.0)

    assert len({of(1, 2), of(1, 3), of(1, 2, labels="b"), of(1, 2, approximate=True)}) == 4
    assert of(1, math.nan) == of(1, -math.nan)
