"""Answers that are not what the API promises."""

import base64
import contextlib
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.metrics.decode import NotTheApi, TooManySeries, matrix, scalar
from rolloutctl.metrics.failure import Kept, clean, of_response, scrubbed
from rolloutctl.model.samples import FailureKind, SourceFailure

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metric", "values", "status", "data", "error", "result", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_any_json_is_decoded_or_refused(document):
    for decode in (lambda: matrix(document, 10), lambda: scalar(document)):
        with contextlib.suppress(NotTheApi):
            decode()


@settings(deadline=None)
@given(JSON, st.integers(100, 599))
def test_any_answer_is_a_success_or_a_sentence(document, status):
    failure = of_response(Kept(status, "application/json", "http://elsewhere/", document), "http://h/p")
    if failure is None:
        assert status == 200
        assert document["status"] == "success"
    else:
        assert failure.why


def test_too_many_series_are_refused():
    one = {"metric": {}, "values": [[1, "1"]]}
    assert len(matrix([one] * 3, 3)) == 3
    with pytest.raises(TooManySeries, match="4 series, more than the 3"):
        matrix([one] * 4, 3)


def test_native_histograms_are_read_with_their_buckets_in_order():
    found = {"count": "7", "sum": "3.5", "buckets": [[0, "1", "2", "4"], [3, "-0.001", "0.001", "1"], [0, "2", "4", "2"]]}
    (series,) = matrix([{"metric": {"a": "b"}, "histograms": [[15.5, found]]}], 3)
    (one,) = series.histograms
    assert (one.time, one.count, one.sum) == (15.5, 7.0, 3.5)
    assert one.buckets == ((-0.001, 0.001, 1.0), (1.0, 2.0, 4.0), (2.0, 4.0, 2.0))
    assert series.times == ()


@pytest.mark.parametrize(
    "broken", [{}, {"count": "1"}, {"count": "x", "sum": "1"}, {"count": "1", "sum": "1", "buckets": [[1]]}, 7]
)
def test_histograms_that_are_none_are_refused(broken):
    with pytest.raises(NotTheApi):
        matrix([{"metric": {}, "histograms": [[1, broken]]}], 3)


def test_samples_out_of_order_are_refused():
    with pytest.raises(NotTheApi, match="order of time"):
        matrix([{"metric": {}, "values": [[2, "1"], [1, "1"]]}], 3)


def test_one_number_is_a_scalar_or_a_vector_of_one():
    assert scalar([1, "2.5"]) == scalar([{"metric": {}, "value": [1, "2.5"]}]) == 2.5
    for document in ([], [{}], [{"value": [1]}], {"0": 1}, [1, 2, 3]):
        with pytest.raises(NotTheApi):
            scalar(document)


@settings(deadline=None)
@given(st.text())
def test_a_servers_words_are_one_bounded_printable_line(text):
    found = clean(text)
    assert len(found) <= 300
    assert found.isprintable()


@settings(deadline=None)
@given(st.text(min_size=4, max_size=20).filter(lambda s: s.strip() == s))
def test_a_secret_never_stays_in_a_sentence(secret):
    encoded = base64.b64encode(secret.encode()).decode()
    failure = SourceFailure(FailureKind.DOWN, f"<{secret}> <{quote(secret, safe='')}> <{encoded}>")
    assert scrubbed(failure, [secret]).why == "<«secret»> <«secret»> <«secret»>"
