import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.wire.text import MOST_CHARACTERS, clean

TOKEN = "*:*.5f/2a+77=Zq&x-e1"


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("plain", "plain"),
        ("a\r\n\tb   c", "a b c"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x00nul\x7f", "nul"),
        ("right\u202eto left\u2066", "rightto left"),
        ("lone \ud800 half", "lone half"),
        ("", ""),
    ],
)
def test_nothing_reaches_a_terminal_that_could_move_it(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


def test_long_text_is_cut() -> None:
    assert clean("x" * 1000) == "x" * (MOST_CHARACTERS - 1) + "…"


@pytest.mark.parametrize(
    "spelling",
    [
        TOKEN,
        TOKEN.upper(),
        quote(TOKEN),
        quote(TOKEN, safe=""),
        quote(TOKEN, safe="").lower(),
        base64.b64encode(TOKEN.encode()).decode(),
        base64.urlsafe_b64encode(TOKEN.encode()).decode(),
        base64.b64encode(f"user:{TOKEN}".encode()).decode(),
        base64.b64encode(f"a:{TOKEN}".encode()).decode(),
        base64.b64encode(f"{TOKEN}:".encode()).decode(),
        "\x00".join(TOKEN),
        TOKEN[:5] + "\x1b[0m" + TOKEN[5:],
    ],
)
@pytest.mark.parametrize("around", ["{}", "before {} after", "y" * (MOST_CHARACTERS - 8) + " {}"])
def test_a_secret_is_not_shown_in_any_spelling(spelling: str, around: str) -> None:
    shown = clean(around.format(spelling), (TOKEN,))
    assert TOKEN.lower() not in shown.lower()
    plain = "".join(character for character in spelling if character.isprintable()).replace("[0m", "")
    for start in range(len(plain) - 9):
        assert plain[start : start + 10] not in shown


@given(st.text(), st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=30))
def test_what_is_shown_is_one_printable_line_without_the_secret(text: str, secret: str) -> None:
    shown = clean(text + secret + text, (secret,))
    assert "\n" not in shown
    assert len(shown) <= MOST_CHARACTERS
    assert all(character.isprintable() for character in shown)
    assert secret not in shown.replace("[secret]", "")
