import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.errors import ExitCode, RunbookInvalid
from rolloutctl.model.run_words import ClockStop, Section
from rolloutctl.runbook.fields import Confirm, ConfirmKind, path_steps
from rolloutctl.runbook.read import read_runbook, read_runbook_file
from rolloutctl.runbook.steps import OnFailure, OnUnknown
from runbook.texts import WELL, data, edited, well, written

JARGON = re.compile(
    r"pydantic|Input should|Value error|validation error|Decimal\(|Traceback|\bstr\b|\bint\b|_type|NoneType|json_body"
)


def problems(text: str) -> list[str]:
    with pytest.raises(RunbookInvalid) as caught:
        read_runbook(text, "book.toml")
    assert caught.value.exit_code is ExitCode.INVALID
    return [str(problem) for problem in caught.value.problems]


def one(text: str) -> str:
    (problem,) = problems(text)
    return problem


def line_of(text: str, start: str) -> int:
    return next(number for number, content in enumerate(text.splitlines(), 1) if content.startswith(start))


def test_a_runbook_is_read_with_its_sections_and_defaults():
    book = well()
    assert [(section.value, step.id) for _, section, step in book.placed()] == [
        ("preflight", "metrics-alive"),
        ("steps", "flag-off"),
        ("steps", "purge-cache"),
        ("steps", "quiet"),
        ("steps", "breathe"),
        ("steps", "errors-recovered"),
        ("after.recovered", "tell-people"),
        ("after.recovered", "loud-again"),
        ("after.not_recovered", "escalate"),
    ]
    assert book.objective.stop is ClockStop.RECOVERED
    assert book.recovers
    purge, check = book.step("purge-cache"), book.step("errors-recovered")
    assert (book.timeout(purge), book.timeout(check)) == (timedelta(seconds=2), timedelta(seconds=5))
    assert book.max_body(purge) == 16 << 10
    assert book.step("flag-off").confirm == Confirm(ConfirmKind.TYPE, "${flag}")
    assert [[step.id for step in group] for group in book.groups(Section.STEPS)] == [
        ["flag-off"],
        ["purge-cache"],
        ["quiet", "breathe"],
        ["errors-recovered"],
    ]


def test_what_a_step_does_when_it_fails_depends_on_whether_it_is_critical():
    book = well()
    assert (book.step("flag-off").when_failed, book.step("flag-off").when_unknown) == (OnFailure.STOP, OnUnknown.ASK)
    tell = book.step("tell-people")
    assert (tell.when_failed, tell.when_unknown) == (OnFailure.CONTINUE, OnUnknown.CONTINUE)
    assert book.step("purge-cache").when_failed is OnFailure.ASK


def test_which_steps_have_effects():
    assert {step.id for _, _, step in well().placed() if not step.has_effect} == {"metrics-alive", "breathe", "errors-recovered"}


READBACK = """\
  [steps.readback]
  request = { method = "GET", path = "/generation/ranker" }
  expect = { json = [{ path = "generation", equals = "stable" }] }
"""
PURGE = 'effect = "idempotent"\n'
CASES = [
    (('owner = "team', 'ownr = "team'), 'ownr: unknown key "ownr". Did you mean "owner"?'),
    ((PURGE, ""), 'effect: "effect" is missing. Add it: what sending it once more does'),
    ((PURGE, 'effect = "always"\n'), '"always" is not known here; it must be "read", "idempotent", "keyed" or "once"'),
    (
        (READBACK, ""),
        "is idempotent, and cannot be read back",
    ),
    ((PURGE, 'effect = "once"\non_unknown = "ask"\n'), "it is retried only where nothing was sent"),
    ((PURGE, 'effect = "read"\n'), "there is nothing to read back or undo"),
    (("expect = { status = [200], json", "expct = { status = [200], json"), '"expect" is missing'),
    (("  [steps.undo]", "  [steps.undone]"), 'unknown key "undone". Did you mean "undo"?'),
    (('pass = { op = "<", value = "0.01" }\n', ""), '"pass" is missing. Add it: when it passes'),
    (('path = "/generation/${flag}"', 'path = "https://cache/x"'), "is not a path; begin it with one"),
    (('path = "/generation/${flag}"', 'path = "/generation/../x"'), 'leave out "." and ".."'),
    (('path = "/generation/${flag}"', 'path = "/a?b=c"'), "into `query`"),
    (('X-Team = "checkout"', 'Authorization = "Bearer abc"'), 'the header "Authorization" is the adapter\'s'),
    (('X-Team = "checkout"', 'Idempotency-Key = "1"'), "is set by the program itself"),
    (('title = "Turn ${flag} off', 'title = "Turn ${flag off'), "is not a placeholder"),
    (('flag="${flag}",code', "flag=${flag},code"), "stands outside quotes"),
    (('confirm = "type:${flag}"', 'confirm = "twice"'), "is not a way to confirm"),
    (('confirm = "type:${flag}"', 'confirm = "type:"'), "is not a way to confirm"),
    (("set = { off = true }", "set = { off = true, percent = 5 }"), "say one thing"),
    (("set = { off = true }", "set = { off = false }"), "false is not known here"),
    (('id = "breathe"', 'id = "quiet"'), '"quiet" is already the id of another step'),
    (('silence = "quiet"', 'silence = "breathe"'), 'with the id "breathe" silences an alert'),
    (('action = "silence"', 'action = "wait"'), '`comment` means nothing for action = "wait"'),
    (('lasts = "30m"\n', ""), "needs `lasts`"),
    (('hold = "2m"', 'hold = "20m"'), "it never passes"),
    (('default = "stable"', 'default = "other"'), 'the default "other" is not one of stable, canary'),
    (('pattern = "[a-z0-9_-]{1,64}"', 'pattern = "(?=a)b"'), "is not a regular expression that can be matched in linear time"),
    (('type = "wait"', 'type = "sleep"'), '"sleep" is not known here; it must be "flag", "http"'),
    (("weight = 0.5", "weight = 2026-01-01"), "is a date, which JSON does not know"),
    (("weight = 0.5", "weight = nan"), "NaN is not a number that JSON knows"),
    (('equals = "${generation}"', 'equals = "a", exists = true'), "with one of `equals`, `one_of` or `exists`"),
    (('time_to_rollback = "5m"', 'time_to_rollback = "soon"'), '"soon" is not a duration'),
    (('title = "Which model"', 'titel = "Which model"'), 'unknown key "titel"'),
    (("format = 1", "format = 2"), "is not a format that this version reads"),
]


@pytest.mark.parametrize(("edit", "said"), CASES, ids=[said[:40] for _, said in CASES])
def test_a_wrong_file_is_sentences_with_place_and_key(edit, said):
    told = problems(edited(edit))
    assert any(said in problem for problem in told), told
    assert all(re.match(r"book\.toml(:\d+)? [a-z]", problem) for problem in told), told
    assert not any(JARGON.search(problem) for problem in told), told


def test_the_line_and_the_key_are_those_of_the_mistake():
    text = edited(('adapter = "cache"', 'adapter = "Cache!"'))
    assert one(text).startswith(f"book.toml:{line_of(text, 'adapter')} steps[1].adapter: ")


def test_preflight_only_reads():
    changing = '[[preflight]]\nid = "early"\ntype = "alert"\naction = "silence"\nalert = "A"\nlasts = "5m"\n'
    assert 'step "early" changes something, which preflight may not' in one(edited(("[[steps]]\n", f"{changing}[[steps]]\n")))
    assert "it must be" in one(edited(("[[steps]]\n", '[[preflight]]\nid = "e"\ntype = "wait"\nfor = "1s"\n[[steps]]\n')))


def test_a_group_is_not_interrupted():
    text = edited(
        ('group = "together"\n[[steps]]', 'group = "together"\n[[steps]]\nid = "between"\ntype = "wait"\nfor = "1s"\n[[steps]]')
    )
    assert 'group "together" is interrupted by other steps' in one(text)


def test_once_must_say_what_an_unknown_outcome_does():
    step = '[[steps]]\nid = "charge"\ntype = "http"\nadapter = "pay"\neffect = "once"\nrequest = { method = "POST", path = "/x" }\nexpect = { status = [201] }\n'
    assert "does not say what an unknown outcome does" in one(edited(("[[steps]]\n", f"{step}[[steps]]\n")))
    assert read_runbook(edited(("[[steps]]\n", f'{step}on_unknown = "stop"\n[[steps]]\n')), "b").step("charge").has_effect


def test_text_is_composed_so_that_what_is_rehearsed_is_what_runs():
    assert (
        read_runbook(edited(("Turn the new", "Turn the ne\u0301w")), "b").title
        == "Turn the n\u00e9w checkout off and prove recovery"
    )


def test_the_file_keeps_its_lines_and_its_text():
    file = read_runbook_file(WELL.encode(), "book.toml")
    assert file.text == WELL
    assert file.document.place(("steps", 1, "request", "json", "weight")).line == line_of(WELL, 'request = { method = "PUT"')


@pytest.mark.parametrize(
    ("path", "steps"),
    [("a", ("a",)), ("items[0].name", ("items", 0, "name")), ("[2][3].b", (2, 3, "b")), ("a-b.c", ("a-b", "c"))],
)
def test_a_path_into_json(path, steps):
    assert path_steps(path) == steps


# --- nothing that a file can hold is a traceback ---------------------------------------------------------------

junk = st.recursive(
    st.none().map(lambda _: "")
    | st.booleans()
    | st.integers(-(2**40), 2**70)
    | st.text(max_size=8)
    | st.floats()
    | st.dates()
    | st.sampled_from(["http", "check", "${", "${flag}", "once", "5m", "/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def every_place(node, key=()):
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for part, inner in items:
        yield (*key, part)
        yield from every_place(inner, (*key, part))


PLACES = list(every_place(data()))


@given(st.sampled_from(PLACES), junk)
@settings(max_examples=400, deadline=None)
def test_anything_anywhere_is_read_or_refused_with_sentences(place, value):
    document = data()
    node = document
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value
    try:
        text = written(document)
    except (TypeError, ValueError, UnicodeError):
        return
    try:
        read_runbook(text, "book.toml")
    except RunbookInvalid as error:
        told = [str(problem) for problem in error.problems]
        assert told
        assert not any(JARGON.search(problem) for problem in told if str(value) not in problem), told


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_refused_with_a_sentence(text):
    with pytest.raises(RunbookInvalid):
        read_runbook(text, "book.toml")


@given(st.sampled_from(PLACES))
@settings(max_examples=100, deadline=None)
def test_whatever_is_missing_it_is_said_or_has_a_default(place):
    document = data()
    node = document
    for part in place[:-1]:
        node = node[part]
    del node[place[-1]]
    told: tuple[object, ...] = ()
    try:
        read_runbook(written(document), "book.toml")
    except RunbookInvalid as error:
        told = error.problems
    assert all(str(problem).startswith("book.toml") for problem in told)
