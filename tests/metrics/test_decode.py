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


def test_native_histograms_are_named():
    with pytest.raises(NotTheApi, match="native histograms"):
        matrix([{"metric": {}, "histograms": [[1, {}]]}], 3)


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
