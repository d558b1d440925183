import json
from urllib.parse import unquote

import promql_parser as pp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.runbook.placeholders import Landing, check_promql, names, names_in_json, parse, render, render_json

values = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_names_are_found_once_and_in_order():
    assert names("${b} and ${a}, ${b}; $${c} {d} $e ${run.id}") == ("b", "a", "run.id")
    assert names_in_json({"x": ["${a}", {"${no}": "${b}"}], "y": 5}) == ("a", "b")


@pytest.mark.parametrize("text", ["${", "${}", "${A}", "${a b}", "${a.b.c}", "x ${a", "${1a}"])
def test_what_is_no_placeholder_is_refused(text):
    with pytest.raises(ValueError, match="is not a placeholder"):
        parse(text)


def test_a_doubled_sign_stands_for_itself():
    assert render('$${flag} is ${flag}, {x="$"}', {"flag": "a"}, Landing.TEXT) == '${flag} is a, {x="$"}'


@given(values)
def test_a_value_is_never_read_for_placeholders(value):
    assert render("${a}", {"a": "${b}" + value, "b": "no"}, Landing.JSON) == "${b}" + value


def test_a_name_without_a_value_is_a_sentence():
    with pytest.raises(ValueError, match=r'there is no value for "\$\{b\}"'):
        render("${b}", {"a": "1"}, Landing.TEXT)


@given(values)
def test_in_a_path_a_value_is_one_segment(value):
    if value in {"", ".", ".."}:
        with pytest.raises(ValueError, match="cannot be a part of a path"):
            render("/a/${x}/b", {"x": value}, Landing.URL_PATH)
        return
    path = render("/a/${x}/b", {"x": value}, Landing.URL_PATH)
    assert path.isascii()
    assert [unquote(part) for part in path.split("/")] == ["", "a", value, "b"]
    assert not set("?#\\ ") & set(path)


@given(values)
def test_in_json_a_value_is_one_string(value):
    body = {"a": "x${v}y", "n": 5, "l": ["${v}", True]}
    assert json.loads(json.dumps(render_json(body, {"v": value}))) == {"a": f"x{value}y", "n": 5, "l": [value, True]}


@given(values)
def test_in_promql_a_value_is_exactly_the_label(value):
    tree = pp.parse(render("up{a=\"x${v}\", b='${v}'}", {"v": value}, Landing.PROMQL))
    assert {m.name: m.value for m in tree.matchers.matchers} == {"a": f"x{value}", "b": value}


@given(st.text("ab.*+?()|[]{}^$\\-", max_size=10), st.text("ab.*", max_size=10))
def test_behind_a_regular_matcher_a_value_matches_only_itself(value, other):
    import re

    tree = pp.parse(render('up{a =~ "${v}|x"}', {"v": value}, Landing.PROMQL))
    (matcher,) = tree.matchers.matchers
    assert re.fullmatch(matcher.value, value)
    assert bool(re.fullmatch(matcher.value, other)) == (other in {value, "x"})


@pytest.mark.parametrize(
    "text", ["rate(x[${w}])", "up{a=${v}}", "up{a=`${v}`}", 'up{a="x"} > ${v}', 'up{a="\\${v}"}', 'up # "\n${v}', "${v}"]
)
def test_in_promql_a_placeholder_outside_quotes_is_refused(text):
    with pytest.raises(ValueError, match="stands"):
        check_promql(text)


def test_promql_with_braces_alone_is_left_alone():
    text = 'sum(rate(x{a="${v}",b=~"5.."}[1m])) by (c) # {it\'s}\n > 0'
    assert check_promql(text) == text
    assert render(text, {"v": "1"}, Landing.PROMQL) == text.replace("${v}", "1")


@given(values)
def test_people_never_see_control_characters(value):
    assert all(char.isprintable() or char == "\n" for char in render("${v}", {"v": value}, Landing.TEXT))


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\x00", "\x7f"])
def test_a_header_takes_no_control_character(value):
    with pytest.raises(ValueError, match="control character"):
        render("${v}", {"v": value}, Landing.HEADER)


@pytest.mark.parametrize("landing", Landing)
def test_a_hidden_value_is_shown_by_its_name(landing):
    text = 'up{a="${key}"}' if landing is Landing.PROMQL else "${key}"
    said = render(text, {"key": "s3cr3t"}, landing, hidden={"key"})
    assert "«key»" in said
    assert "s3cr3t" not in said
