import string
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.errors import InvalidInput
from rolloutctl.strict_toml import MAX_BYTES, MAX_DEPTH, decode, parse
from rolloutctl.toml_lines import lines_of
from rolloutctl.toml_words import dotted

HARD = '''a."b.c" = [1, [2, {x = 1, y.z = [{q = 1}]}], # c ]
 3] # x = 3
[[t."\\u0041"]]
d = 1979-05-27 07:32:00
e = """ " [x]
y = 3 """"
f = \'\'\'a\'\' [z]
\'\'\'
"" = 'empty = name'
[t.A.k]
[[t.A.l]]
[[t.A]]
[t.A.k]
x.y=1
x.z=1
[late.inner]
[late]
'''


def keys(value: Any, key: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if key:
        yield key
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from keys(inner, (*key, name))


def test_lines_of_every_kind_of_key() -> None:
    lines = lines_of(HARD)
    assert set(lines) == set(keys(tomllib.loads(HARD)))
    assert lines["a", "b.c", 2] == 2
    assert lines["a", "b.c", 1, 1, "y", "z", 0, "q"] == 1
    assert lines["t", "A", 0, "f"] == 7
    assert lines["t", "A", 0, ""] == 9
    assert lines["t", "A", 1] == 12
    assert lines["t", "A", 1, "k", "x", "z"] == 15
    assert lines["late",] == 17


NAMES = st.text(st.characters(codec="utf-8"), max_size=6) | st.text(string.ascii_lowercase, min_size=1, max_size=3)
SCALARS = (
    st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.datetimes()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=6)


@given(DOCUMENTS, st.booleans())
def test_lines_are_those_of_exactly_the_keys_that_are_parsed(data: dict[str, Any], long_strings: bool) -> None:
    text = tomli_w.dumps(data, multiline_strings=long_strings)
    document = parse(text, "f.toml")
    lines = lines_of(text)
    assert set(lines) == set(keys(tomllib.loads(text)))
    assert set(document.places) == set(lines)
    count = text.count("\n") + 1
    assert all(1 <= line <= count for line in lines.values())


@given(st.text() | st.text("[]{}=.,\"'\\#\n ab1-_", max_size=60))
def test_any_text_is_a_document_or_a_sentence(text: str) -> None:
    try:
        parse(text, "f.toml")
    except InvalidInput as error:
        said = str(error)
    else:
        return
    assert said.startswith("f.toml")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a = 1\nb =\n", 2, "this is not TOML at column 4: invalid value"),
        ("a = 1\na = 2\n", 2, "cannot overwrite a value"),
        ('a = "x', 1, "unterminated string"),
        ("a = [1,\n2", 2, "at the end of the file: unclosed array"),
        ("x = 1\n" + "a." * 60 + "b = 1", 2, "nested more than 40 deep"),
        ("a = " + "[" * 3000 + "]" * 3000, None, "nested more than 40 deep"),
        ("a = " + "[" * 60 + "]" * 60, None, "nested more than 40 deep"),
        ("a = 1\nb = '\ud800'", 2, "not Unicode"),
        ("a = " + "9" * 5000, None, "too long to read"),
        ("#" * (MAX_BYTES + 1), None, "larger than 1 MiB"),
        ("#" + "ä" * (MAX_BYTES // 2), None, "larger than 1 MiB"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, line: int | None, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text, "f.toml")
    assert caught.value.place is not None
    assert caught.value.place.line == line
    assert words.lower() in str(caught.value).lower()


def test_forty_levels_are_read() -> None:
    depth = MAX_DEPTH - 1
    assert parse("a = " + "[" * depth + "]" * depth, "f.toml").data["a"] is not None


@pytest.mark.parametrize(
    "text",
    [
        "a." * 500_000 + "b = 1",
        "[" + "a." * 500_000 + "b]",
        '"a".' * 250_000 + "b = 1",
        "a" * 1_000_000,
        "a = " + "[" * 1_000_000,
        "a = {" * 200_000,
        '"' * 1_000_000,
        "'\n" * 500_000,
        "a = '" + "." * 1_000_000 + "'",
        "a = 0x" + "f" * 1_000_000,
        "[[a]]\n" * 170_000,
        "a = '''" + "''a" * 300_000 + "'''",
        "".join(f"k{i} = 1\n" for i in range(80_000)),
    ],
    ids=range(13),
)
def test_no_text_takes_long(text: str) -> None:
    start = time.monotonic()
    with suppress(InvalidInput):
        parse(text, "f.toml")
    assert time.monotonic() - start < 20


def test_a_missing_key_stands_at_its_table() -> None:
    document = parse("x = 1\n[a]\nb = { c = 1 }\n[[l]]\n[[l]]\n", "f.toml")
    assert str(document.place(("a", "b", "gone"))) == "f.toml:3 a.b.gone"
    assert str(document.place(("l", 1, "gone"))) == "f.toml:5 l[1].gone"
    assert str(document.place(("gone",))) == "f.toml gone"


def test_dotted() -> None:
    assert dotted(("operators", "ana.ruiz", "groups", 0)) == 'operators."ana.ruiz".groups[0]'
    assert "\x1b" not in dotted(("\x1b[31m",))


def test_bytes() -> None:
    assert decode(b"\xef\xbb\xbfa = 1", "f") == "a = 1"
    assert parse("\ufeffa = 1", "f").data == {"a": 1}
    with pytest.raises(InvalidInput, match="f:2: the file is not UTF-8"):
        decode(b"a\nb\xff", "f")
    with pytest.raises(InvalidInput, match="larger than 1 MiB"):
        decode(b"#" * (MAX_BYTES + 1), "f")
