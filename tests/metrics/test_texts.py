"""What is done to the text of a query: selectors, patterns, offsets, labels to group by."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.metrics.aggregate import merged_expressions
from rolloutctl.metrics.regex import alternation, decidable, escaped, same_everywhere
from rolloutctl.metrics.selector import CannotTell, Matcher, selector_of
from rolloutctl.metrics.shift import shifted


@pytest.mark.parametrize(
    "pattern", ["5..", "a|b", "(a|b)c", "a.*", "web-[0-9]+", "a{2,3}", "(?:a|b)?", "a\\.b", "[a-z0-9]+", "", "checkout-v1.2"]
)
def test_plain_patterns_are_read_here(pattern):
    assert same_everywhere(pattern) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        *("a++", "(a+)+", "(a|b)*", "^a$", "a{,2}", "(?i)a", "\\d", ".*?", "[^a]", "[[:alpha:]]", "ü", "[z-a]", "("),
        *("a{2}{3}", "\\pL", "a*b*c*d*e*", "(?=a)", "a(b"),
    ],
)
def test_what_the_two_might_read_otherwise_is_left_to_the_source(pattern):
    assert same_everywhere(pattern) is None


@given(st.text())
def test_a_pattern_that_is_read_here_is_one_for_python_too_and_ends_quickly(pattern):
    found = same_everywhere(pattern)
    if found is not None:
        found.fullmatch("a" * 200 + "!")


@given(st.lists(st.text(), min_size=1, max_size=5), st.text())
def test_an_alternation_fits_its_values_and_no_others(values, other):
    pattern = re.compile(alternation(values))
    assert all(pattern.fullmatch(value) for value in values)
    assert (pattern.fullmatch(other) is not None) is (other in values)


@given(st.text())
def test_an_escaped_value_escapes_nothing_that_re2_refuses(value):
    assert set(re.findall(r"\\(.)", escaped(value), re.DOTALL)) <= set(".+*?()|[]{}^$\\")


def test_a_line_break_is_for_the_source_to_match():
    assert not decidable("a\nb")
    with pytest.raises(CannotTell):
        Matcher("x", "=~", "a.b").fits("a\nb")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x", "x offset 7ms"),
        ('sum(rate(x{a="}"}[5m])) by (y)', 'sum(rate(x{a="}"}[5m] offset 7ms)) by (y)'),
        ("sum by (x, y) (x) / on(x) y", "sum by (x, y) (x offset 7ms) / on(x) y offset 7ms"),
        ("timestamp(x)", "timestamp(x offset 7ms)"),
        ("x > bool 2 or vector(0)", "x offset 7ms > bool 2 or vector(0)"),
        ("-x ^ 2", "-x offset 7ms ^ 2"),
        ('{__name__="x"} # note', '{__name__="x"} offset 7ms # note'),
        ("vector(1)", "vector(1)"),
    ],
)
def test_an_expression_is_moved_by_an_offset_behind_every_selector(text, wanted):
    assert shifted(text, 7) == wanted
    assert shifted(text, 0) == text


@pytest.mark.parametrize(
    "text", ["x offset 5m", "x @ 5", "time() - x", "rate(x[5m:1m])", "hour()", "timestamp(sum(x))", "sum(", "("]
)
def test_what_an_offset_would_not_move_or_moves_already_is_left_alone(text):
    assert shifted(text, 7) is None


def shares(*texts):
    return {share.text: share.texts for share in merged_expressions(texts, lambda _: 100)}


def test_expressions_that_differ_in_a_label_are_grouped_by_it():
    first, second = 'sum(rate(x{s="a"}[5m]))', 'sum(rate(x{s="b"}[5m]))'
    assert shares(first, second) == {'sum by (s) (rate(x{s=~"a|b"}[300000ms]))': (first, second)}


@pytest.mark.parametrize(
    "text",
    [
        'sum(x{s="%"}) / y{s="%"}',
        'sum(x{s="%"}) / on() sum(y{s="%"})',
        'sum without (h) (x{s="%"})',
        'topk(1, x{s="%"})',
        'quantile(0.5, x{s="%"})',
        'sum(x{s="%"}) > 1',
        'sum(x{s="%"}) or vector(0)',
        'sum(x{s="%"} offset 1m)',
        'sum(x{s="%"}) + sum(y)',
        'sum by (s) (x{s="%"})',
        'absent(x{s="%"})',
        'sum(max_over_time(x{s="%"}[5m:1m]))',
        'sum(x{s="%",s="z"})',
        'histogram_quantile(0.9, sum(x{s="%"}))',
        'count(sum by (h) (x{s="%"}))',
    ],
)
def test_expressions_for_which_it_would_not_be_the_same_are_left_alone(text):
    first, second = text.replace("%", "a"), text.replace("%", "b")
    assert shares(first, second) == {first: (first,), second: (second,)}


def test_a_selector_has_one_text_however_it_is_written():
    assert selector_of('x{b="1", a=~"2"}').text == selector_of("x{a=~'2',b='1',}").text == 'x{a=~"2",b="1"}'
    for other in ("x offset 1m", "{__name__='x'}", "sum(x)", "x[5m]", 'x{a="1" or b="2"}', "("):
        assert selector_of(other) is None
