"""The linter of runbooks: every rule is tried, the shipped ones are clean, and nothing that can be read makes it fail."""

from __future__ import annotations

from decimal import Decimal

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.errors import RunbookInvalid
from rolloutctl.findings import Severity, with_lines
from rolloutctl.runbook.facts import Known
from rolloutctl.runbook.findings import RULES
from rolloutctl.runbook.lint import lint
from rolloutctl.runbook.read import read_runbook, read_runbook_file
from runbook.texts import SHIPPED, WELL, data, edited

KNOWN = Known(
    sources=frozenset({"prometheus"}),
    providers=frozenset({"unleash"}),
    adapters=frozenset({"cache"}),
    channels=frozenset({"release"}),
)
SECRET = 'headers = { X-Team = "checkout" }'
STATIC = [
    ("RC701", ("promql = 'sum(rate(http_requests_total{service=\"checkout\"}[5m]))'", "promql = 'sum(rate('"), "preflight[0].promql"),
    ("RC701", ("sum(increase(http_requests_total", "sum(increase((http_requests_total"), "steps[4].guard.promql"),
    ("RC702", ("}[5m]))'", "}[5m])) or vector(0)'"), "preflight[0].promql"),
    ("RC703", ("Rollback of ${flag}", "Rollback of ${flags}"), "steps[2].comment"),
    ("RC703", ("${run.journal_head}", "${run.head}"), "after.recovered[0].text"),
    ("RC704", ("Rollback of ${flag}", "Rollback ${run.id}"), "steps[2].comment"),
    ("RC705", ('sets = "recovered"\n', ""), "objective.stop"),
    ("RC706", ('hold = "2m"', 'hold = "5m"'), "objective.time_to_rollback"),
    ("RC707", (SECRET, 'headers = { X-Auth = "Bearer abcdefghijklmnop123" }'), "steps[1].request.headers.X-Auth"),
    ("RC707", (SECRET, 'headers = { X-Auth-Token = "x1" }'), "steps[1].request.headers.X-Auth-Token"),
    ("RC707", ("weight = 0.5,", 'password = "hunter2",'), "steps[1].request.json.password"),
    ("RC707", ("Rollback of ${flag}", "see https://me:pw@example.com"), "steps[2].comment"),
    ("RC707", ("[params.generation]\n", '[params.api_key]\ndefault = "x"\n[params.generation]\n'), "params.api_key.default"),
    ("RC721", ("[params.generation]\n", '[params.speed]\ndefault = "x"\n[params.generation]\n'), "params.speed"),
    ("RC722", ('confirm = "type:${flag}"', 'confirm = "second_person"'), "steps[0].confirm"),
    ("RC725", ("[1m]))'\nguard", "[1m])) < 1'\nguard"), "steps[4].promql"),
]  # fmt: skip
NAMES = [
    ("RC711", ('adapter = "cache"', 'adapter = "cash"'), "steps[1].adapter"),
    ("RC712", ('channel = "release"', 'channel = "releases"'), "after.recovered[0].channel"),
    ("RC713", ('action = "silence"', 'action = "silence"\nsource = "other"'), "steps[2].source"),
]


def found(text: str, known: Known | None = KNOWN) -> list[tuple[str, str]]:
    file = read_runbook_file(text, "kill.toml")
    findings = with_lines(lint(file.runbook, known), file.document)
    assert all(finding.line for finding in findings), "every finding has its line"
    return [(finding.code, str(finding.__str__()).split(": ")[0].split()[-1]) for finding in findings]


def test_a_well_made_runbook_is_clean():
    assert found(WELL) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_ones_are_clean_and_named_like_their_files(path):
    book = read_runbook(path.read_text(encoding="utf-8"), path.name)
    assert book.id == path.stem
    assert [str(finding) for finding in lint(book, None) if finding.severity is not Severity.INFO] == []


@pytest.mark.parametrize(("code", "edit", "key"), STATIC + NAMES)
def test_each_rule_finds_its_line(code, edit, key):
    assert (code, key) in found(edited(edit))


def test_an_effect_without_undo_is_left_behind_by_a_rehearsal():
    begin = WELL.index("  [steps.undo]")
    text = WELL[:begin] + WELL[WELL.index('[[steps]]\nid = "quiet"') :]
    assert ("RC723", "steps[1]") in found(text)


def test_a_person_in_the_middle_is_worth_knowing():
    text = edited(('type = "wait"\nfor = "10s"', 'type = "manual"\ninstructions = "breathe"'))
    assert ("RC724", "steps[3]") in found(text)


def test_nobody_hears_of_what_did_not_recover():
    assert ("RC726", "after") in found(WELL[: WELL.index("[[after.not_recovered]]")])


def test_a_flag_needs_a_provider():
    assert ("RC714", "steps[0].type") in found(WELL, Known(sources=frozenset({"a"})))


def test_last_critical_needs_something_critical():
    text = edited(('stop  = "recovered"', 'stop = "last_critical"')).replace("[[steps]]\nid", "[[steps]]\ncritical = false\nid")
    assert ("RC705", "objective.stop") in found(text)


def test_waits_count_up_to_the_step_that_stops_the_clock_and_groups_count_once():
    waits = 'for = "10s"'
    assert "RC706" not in dict(found(edited((waits, 'for = "2m59s"'))))
    assert "RC706" in dict(found(edited((waits, 'for = "3m"'))))
    late = edited(('stop  = "recovered"', 'stop = "last_critical"'), (waits, 'for = "4m"'))
    assert "RC706" in dict(found(late))


def test_without_a_config_names_are_not_judged():
    assert found(edited(('adapter = "cache"', 'adapter = "cash"')), None) == []


def test_a_finding_never_repeats_a_secret():
    file = read_runbook_file(edited((SECRET, 'headers = { X-Auth = "Bearer abcdefghijklmnop123" }')), "kill.toml")
    (finding,) = lint(file.runbook, KNOWN)
    assert "abcdefghijklmnop123" not in str(finding)


def test_a_guard_makes_a_default_harmless():
    assert found(edited(("[1m]))'\nguard", "[1m])) or vector(0)'\nguard"))) == []


def test_every_rule_is_tried():
    assert {code for code, *_ in STATIC + NAMES} | {"RC714", "RC723", "RC724", "RC726"} == set(RULES)


TEXTS = st.text(max_size=30) | st.sampled_from(
    ["${flag}", "${run.id}", "${x", "${a.b}", "$${", "sum(", "a or vector(0)", "Bearer " + "a" * 20, "://a:b@c", "1m", 'a{b="${flag}"}']
)  # fmt: skip
VALUES = TEXTS | st.integers() | st.booleans() | st.decimals(allow_nan=False, allow_infinity=False) | st.lists(TEXTS, max_size=2)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_whatever_stands_anywhere_is_linted_or_refused_with_file_line_and_key(drawn):
    document = data()
    for _ in range(drawn.draw(st.integers(1, 3))):
        node = document
        while True:
            key = drawn.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
            inner = node[key]
            if not isinstance(inner, (dict, list)) or not inner or drawn.draw(st.integers(0, 9)) == 0:
                break
            node = inner
        node[key] = drawn.draw(VALUES)
    text = tomli_w.dumps(document)
    try:
        file = read_runbook_file(text, "kill.toml")
    except RunbookInvalid as error:
        for problem in error.problems:
            assert problem.place is not None
            assert problem.place.file == "kill.toml"
            assert problem.place.line is not None or "There is more" in str(problem) or "missing" in str(problem)
            assert problem.place.key or problem.place.line or "There is more" in str(problem)
        return
    for finding in with_lines(lint(file.runbook, KNOWN), file.document):
        assert finding.line is not None
        assert finding.why.endswith(".")
        assert finding.do.endswith(".")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_runbook_or_sentences(raw):
    with pytest.raises(RunbookInvalid) as error:
        read_runbook_file(raw, "kill.toml")
    assert all(problem.place is not None and problem.place.file == "kill.toml" for problem in error.value.problems)


def test_numbers_with_a_point_stay_exact():
    assert isinstance(data()["steps"][1]["request"]["json"]["weight"], Decimal)
