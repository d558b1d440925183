from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.wire.limits import LONGEST_S, UNTOLD_S, retry_after_s

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
IN_90_S = NOW + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, UNTOLD_S),
        ({"retry-after": "60"}, 60),
        ({"retry-after": "0"}, 0),
        ({"retry-after": format_datetime(IN_90_S, usegmt=True)}, 90),
        ({"retry-after": "Mon, 05 Jan 2026 10:01:30 -0000"}, 90),
        ({"retry-after": format_datetime(NOW - timedelta(hours=1), usegmt=True)}, 0),
        ({"retry-after": "soon"}, UNTOLD_S),
        ({"retry-after": "-5"}, UNTOLD_S),
        ({"retry-after": "1e9"}, UNTOLD_S),
        ({"ratelimit-reset": "42"}, 42),
        ({"x-ratelimit-reset": str(int(IN_90_S.timestamp()))}, 90),
        ({"x-ratelimit-reset": str(int(IN_90_S.timestamp() * 1000))}, 90),
        ({"x-rate-limit-reset": "7"}, 7),
        ({"ratelimit": "limit=15, remaining=0, reset=33"}, 33),
        ({"ratelimit": '"default";r=0;t=21'}, 21),
        ({"retry-after": "5", "ratelimit-reset": "50"}, 50),
        ({"retry-after": "999999999"}, LONGEST_S),
    ],
)
def test_every_dialect_is_understood(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_s(headers, NOW) == pytest.approx(seconds)


@given(st.dictionaries(st.sampled_from(["retry-after", "ratelimit-reset", "x-ratelimit-reset", "ratelimit"]), st.text()))
def test_nonsense_is_a_bounded_wait(headers: dict[str, str]) -> None:
    assert 0 <= retry_after_s(headers, NOW) <= LONGEST_S
