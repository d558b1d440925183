"""`$arm` in selectors and expressions, and the selectors inside."""

import promql_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.errors import InvalidInput
from rolloutctl.judge.promql import counter_selector, name_and_labels, selectors, with_arm


@pytest.mark.parametrize(
    ("text", "matchers", "filled"),
    [
        ("x{$arm}", 'v="2"', 'x{v="2"}'),
        ('x{a="b",$arm}', 'v="2"', 'x{a="b",v="2"}'),
        ('x{a="b", $arm}', 'v="2"', 'x{a="b",v="2"}'),
        ('x{$arm,a="b"}', 'v="2"', 'x{v="2",a="b"}'),
        ('x{a="b",$arm,c="d"}', 'v="2"', 'x{a="b",v="2",c="d"}'),
        ('x{a="b",$arm,}', 'v="2"', 'x{a="b",v="2",}'),
        ("x{$arm}", 'v="2",', 'x{v="2"}'),
        ("x{$arm}", ' {v="2", w!="3"} ', 'x{v="2", w!="3"}'),
        ("x{$arm}", "", "x{}"),
        ('x{a="b",$arm}', "", 'x{a="b"}'),
        ('x{$arm,a="b"}', "", 'x{a="b"}'),
        ('x{a="b",$arm,c="d"}', "", 'x{a="b",c="d"}'),
        ("sum(rate(x{$arm}[5m])) / sum(rate(y{$arm}[5m]))", 'v="2"', 'sum(rate(x{v="2"}[5m])) / sum(rate(y{v="2"}[5m]))'),
        ('x{a="$arm"}', 'v="2"', 'x{a="$arm"}'),
        ("x{a=~`\\d+`,$arm}", 'v="2"', 'x{a=~"\\\\d+",v="2"}'),
    ],
)
def test_the_arm_is_filled_in_with_the_commas_the_grammar_wants(text, matchers, filled):
    assert with_arm(text, matchers) == filled
    promql_parser.parse(filled)


@pytest.mark.parametrize(("text", "matchers"), [("x{$arm", 'v="2"'), ("x{$arm}", "v=2"), ("sum(", "")])
def test_what_cannot_be_read_is_refused_with_a_sentence(text, matchers):
    with pytest.raises(InvalidInput, match="is not PromQL that can be read"):
        with_arm(text, matchers)


def test_selectors_inside_an_expression_lose_window_offset_and_at():
    text = 'sum(rate(a{v="2"}[5m] offset 1h)) / max_over_time(sum(b)[5m:15s]) + a{v="2"} @ 12 - {"odd.name",c=~"x|y"}'
    assert selectors(text) == ('a{v="2"}', "b", '{"__name__"="odd.name",c=~"x|y"}'.replace('"__name__"', "__name__"))


@pytest.mark.parametrize("text", ["rate(x[5m])", "sum(x)", "x offset 5m", "x @ 12", "x[5m]", "1"])
def test_only_a_plain_selector_is_a_counter(text):
    with pytest.raises(InvalidInput, match="counter"):
        counter_selector(text)


def test_two_ways_to_write_a_selector_are_one_query():
    assert counter_selector('( x { a = "b" , } )') == counter_selector("x{a='b'}") == 'x{a="b"}'


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20))
def test_a_rendered_selector_means_the_same(value):
    first = counter_selector(f"x{{a={_quoted(value)}}}")
    tree = promql_parser.parse(first)
    assert [m.value for m in tree.matchers.matchers] == [value]
    assert counter_selector(first) == first


def test_name_and_labels_of_a_selector():
    assert name_and_labels('x{a="b",c!="d"}') == ("x", {"a", "c"})
    assert name_and_labels('{__name__="x",a="b"}') == ("x", {"a"})
    assert name_and_labels('{__name__=~"x.*"}') == ("", frozenset())


def _quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
