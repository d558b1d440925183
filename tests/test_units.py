from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rolloutctl.model.fields import Duration, MarginOf, Number, Percent, Share, Size
from rolloutctl.units import (
    Margin,
    parse_duration,
    parse_number,
    parse_percentage,
    parse_size,
    show_age,
    show_clock,
    show_duration,
    show_number,
    show_share,
    show_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15),
        ("1h30m", 5400),
        ("28d", 28 * 86400),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("2w", 14 * 86400),
        ("0s", 0),
        (" 1m ", 60),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "1h-5m", "٣s", "1e3s", "11y", "3651d", "9" * 400 + "s"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|longer than ten years"):
        parse_duration(text)


@given(st.timedeltas(timedelta(), timedelta(days=3650)))
def test_a_shown_duration_reads_back(span: timedelta) -> None:
    assert parse_duration(show_duration(span)) == span


@given(st.fractions(0, 100, max_denominator=10**6))
def test_percent_round_trip(value: Fraction) -> None:
    adapter = TypeAdapter(Percent)
    assert adapter.validate_python(adapter.dump_python(value, mode="json")) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=30))
def test_number_round_trip_is_exact(value: Decimal) -> None:
    adapter = TypeAdapter(Number)
    assert adapter.validate_python(adapter.dump_python(adapter.validate_python(value), mode="json")) == value


@given(st.decimals(0, 10**6, places=8), st.booleans())
def test_margin_round_trip(amount: Decimal, relative: bool) -> None:
    adapter = TypeAdapter(MarginOf)
    margin = adapter.validate_python(f"{amount:f}%" if relative else amount)
    assert margin == Margin(Fraction(amount) / (100 if relative else 1), relative=relative)
    assert adapter.validate_python(adapter.dump_python(margin, mode="json")) == margin


def test_shares_are_exact() -> None:
    assert parse_percentage("0.05%") == Fraction(1, 2000)
    assert show_share(Fraction(1, 8)) == "12.5%"
    assert show_number(Fraction(1, 3)) == "1/3"


WRONG: list[tuple[object, object]] = [
    (Duration, 5),
    (Duration, True),
    (Share, 3),
    (Share, "10"),
    (Share, "1e99%"),
    (Share, "NaN%"),
    (Percent, 101),
    (Percent, -1),
    (Percent, "1/0"),
    (Percent, "a/b"),
    (Percent, "9" * 5000 + "/1"),
    (Percent, True),
    (MarginOf, "10"),
    (MarginOf, -1),
    (MarginOf, "-5%"),
    (MarginOf, "x absolute"),
    (Number, "x"),
    (Number, [1]),
    (Number, Decimal("NaN")),
    (Number, Decimal("1e999")),
    (Number, 16**9999),
    (Number, "1" * 200),
]


@pytest.mark.parametrize(("kind", "value"), WRONG, ids=range(len(WRONG)))
def test_wrong_values_get_a_sentence(kind: object, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    (error,) = caught.value.errors()
    assert error["type"] == "value_error"
    assert "Decimal" not in error["msg"]
    assert len(error["msg"]) < 300


@given(st.text())
def test_text_is_a_unit_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_percentage, parse_number):
        try:
            parse(text)
        except ValueError as error:
            said = str(error)
        else:
            continue
        assert said


def test_shown_for_reading() -> None:
    assert [show_age(s) for s in (4, 720, 7500, 20 * 86400)] == ["4s", "12m", "2h05m", "20d"]
    assert [show_clock(s) for s in (-1, 42, 161, 3720)] == ["0s", "42s", "2m41s", "1h02m"]


@pytest.mark.parametrize(
    ("text", "size"), [("1B", 1), ("16KiB", 16_384), (" 1MiB ", 1 << 20), ("64MiB", 64 << 20), ("1000B", 1000)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert TypeAdapter(Size).validate_python(text) == size


@pytest.mark.parametrize("text", ["", "0B", "1", "1KB", "1.5KiB", "65MiB", "-1B", "1 KiB", "٣B", "9999999999B"])
def test_what_is_no_size_is_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a size"):
        parse_size(text)


@given(st.integers(1, 64 << 20))
def test_sizes_are_read_back(size: int) -> None:
    assert parse_size(show_size(size)) == size
