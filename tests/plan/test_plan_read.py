import re
from collections.abc import Callable
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from plan.texts import SHIPPED, WELL, edited
from rolloutctl.errors import ExitCode, PlanInvalid
from rolloutctl.plan.read import read_plan, read_plan_file
from rolloutctl.strict_toml import parse

JARGON = re.compile(
    r"pydantic|Input should|Value error|validation error|Fraction\(|Decimal\(|Traceback|\bstr\b|\bint\b|_type|NoneType"
)


def problems(text: str) -> list[str]:
    with pytest.raises(PlanInvalid) as caught:
        read_plan(text, "plan.toml")
    assert caught.value.exit_code is ExitCode.INVALID
    return [str(problem) for problem in caught.value.problems]


def one(text: str) -> str:
    (problem,) = problems(text)
    return problem


def line(text: str, start: str, nth: int = 1) -> int:
    return [number for number, content in enumerate(text.splitlines(), 1) if content.startswith(start)][nth - 1]


CASES: list[tuple[tuple[str, str], str]] = [
    (
        ('owner  = "ana"\n[flag]', 'owner = "ana"\nownr  = "ana"\n[flag]'),
        'ownr: unknown key "ownr". Did you mean "owner"? The file may have: format, name,',
    ),
    (("max   = 0.02", "maximum = 0.02\nmax = 1"), 'criteria[0].maximum: unknown key "maximum"'),
    (("percent = 50", "percnt = 50, percent = 50"), 'phases[1].cohort.percnt: unknown key "percnt". Did you mean "percent"?'),
    (("percent = 50", "percent = 500"), "phases[1].cohort.percent: 500 is not a percentage of users; it must be from 0 to 100."),
    (
        ("percent = 50", "percent = 3"),
        'phases[1].cohort: phase "half" has less exposure than "five" before it. Exposure goes down only by',
    ),
    (
        ('role  = "signal"', 'role = "signl"'),
        'criteria[1].role: "signl" is not known here; it must be "guardrail", "signal" or "info". Did you mean "signal"?',
    ),
    (("max   = 0.02", 'max = "five"'), 'criteria[0].max: "five" is not a finite number.'),
    (("max   = 0.02\n", ""), 'criteria[0]: criterion "errors" has no bound, so nothing can fail it'),
    (('key         = "ranker"', "key = 3"), "flag.key: must be text in quotes, not 3."),
    (('key         = "ranker"', 'key = ""'), "flag.key: must not be empty."),
    (('key         = "ranker"', ""), 'flag.key: "key" is missing. Add it: the flag\'s key at the provider'),
    (("format = 1", "format = 2"), "format: 2 is not a format that this version reads; it reads format = 1."),
    (("format = 1", "format = true"), "format: true is not a format"),
    (("format = 1", 'format = "1"'), 'format: "1" is not a format'),
    (('name   = "ranker"', 'name = "Ranker v2"'), 'name: "Ranker v2" is not a name; use lower case letters'),
    (('name   = "ranker"', 'name = "ranker\\n"'), "name: "),
    (('host     = "instance"', 'host = "in-stance"'), 'metrics.host: "in-stance" is not the name of a label'),
    (('host     = "instance"', 'host = "instance"\nstep = "15"'), 'metrics.step: "15" is not a duration; write for example'),
    (
        ('host     = "instance"', "host = 'i'\nexposure = 0.25"),
        'metrics.exposure: 0.25 is not a percentage; write it in quotes, for example "10%".',
    ),
    (('required = ["web"]', 'required = "web"'), 'metrics.segment.required: must be a list in square brackets, not "web".'),
    (('required = ["web"]', "required = [1]"), "metrics.segment.required[0]: must be text in quotes, not 1."),
    (
        ('before = "five"', 'before = "ten"'),
        'gates[0].before: the plan has no phase "ten" for this gate to stand before. Its phases are: five, half, everyone.',
    ),
    (('name   = "half"', 'name = "five"'), 'phases[1].name: "five" is already the name of another entry. Give each its own.'),
    (
        ('name   = "half"', 'name = "half"\nstabilise = true'),
        'phases[1].stabilise: phase "half" stabilises, which only the last phase may.',
    ),
    (
        ('name   = "half"', 'name = "half"\nstabilise = "yes"'),
        'phases[1].stabilise: must be true or false without quotes, not "yes".',
    ),
    (
        ('name   = "half"', 'name = "half"\napprovals = "2"'),
        'phases[1].approvals: must be a whole number without quotes, not "2".',
    ),
    (('name   = "half"', 'name = "half"\napprovals = -1'), "phases[1].approvals: must be at least 0, not -1."),
    (('name   = "half"', 'name = "half"\napprovals = 99'), "phases[1].approvals: must be at most 20, not 99."),
    (
        ('name   = "half"', 'name = "half"\ncriteria = ["errors", "speed"]'),
        'phases[1].criteria[1]: the plan has no criterion "speed". It has: errors, quality.',
    ),
    (
        ('type  = "ratio"\n', ""),
        'criteria[0].type: "type" is missing. Add type = "ratio", "latency", "value", "http" or "alert".',
    ),
    (
        ('type  = "ratio"', 'type = "ration"'),
        'criteria[0].type: "ration" is not known here; it must be "ratio", "latency", "value", "http" or "alert". Did you mean "ratio"?',
    ),
    (("{ percent = 5 }", "5"), "phases[0].cohort: must be a table, not 5."),
    (("{ percent = 5 }", "{ }"), "phases[0].cohort: an empty cohort; write { shadow = true }"),
    (("avg(rate(score{$arm}[5m]))", "(" * 60 + "x" + ")" * 60), "criteria[1].expr: the query is nested more than 50 deep"),
    (("avg(rate(score{$arm}[5m]))", "x" * 4001), "criteria[1].expr: must not be longer than 4000 characters."),
    (
        ('owner  = "ana"\n[flag]', 'owner = "ana"\n[freeze]\nwindows = ["UTC"]\n[flag]'),
        'freeze.windows[0]: "UTC" is not a freeze window',
    ),
]


@pytest.mark.parametrize(("change", "said"), CASES)
def test_one_mistake_one_sentence_with_its_place(change: tuple[str, str], said: str) -> None:
    problem = one(edited(change))
    assert re.match(r"plan\.toml(:\d+)? ", problem)
    assert said in problem, problem
    assert not JARGON.search(problem), problem
    assert not re.search(r"[\x00-\x1f]", problem)


def test_the_line_is_the_key_s_own() -> None:
    text = edited(("max   = 0.02", "maximum = 0.02\nmax = 1"))
    assert one(text).startswith(f"plan.toml:{line(text, 'maximum')} criteria[0].maximum:")
    text = edited(('before = "five"', 'before = "ten"'))
    assert one(text).startswith(f"plan.toml:{line(text, 'before')} ")
    text = edited(('bake   = "1h"', ""))
    assert [problem.split(" ")[0] for problem in problems(text)] == [
        f"plan.toml:{line(text, '[[phases]]', n)}" for n in (1, 2, 3)
    ]


def test_everything_wrong_is_reported_in_the_order_of_the_file() -> None:
    text = edited(
        ("format = 1", "format = 3"),
        ("max   = 0.02", "max = []"),
        ('bake   = "1h"', "bake = 1"),
        ('id     = "legal"', 'idd = "legal"'),
    )
    found = problems(text)
    assert len(found) == 7, found
    lines = [int(re.match(r"plan\.toml:(\d+)", problem)[1]) for problem in found]  # type: ignore[index]
    assert lines == sorted(lines)


def test_very_many_mistakes_are_cut_off() -> None:
    found = problems(WELL.replace("[[phases]]", "[[phases]]\n" + "\n".join(f"x{n} = 1" for n in range(500)), 1))
    assert len(found) == 51
    assert "There is more" in found[-1]


NOT_YET: list[tuple[Callable[[], str], str]] = [
    (lambda: WELL + "[rollback]\ncapacity = { promql = 'up' }\n", "rollback.capacity: "),
    (lambda: edited(("[flag]", '[flag]\nvariant = "b"')), "flag.variant: "),
    (lambda: WELL + 'reviews = ["30d"]\n', "phases[2].reviews: "),
]


@pytest.mark.parametrize(("text", "said"), NOT_YET)
def test_what_this_version_has_not_is_refused_in_its_own_words(text: Callable[[], str], said: str) -> None:
    problem = one(text())
    assert said in problem
    assert "not supported by this version. " in problem
    assert problem.startswith("plan.toml:")


def test_control_characters_do_not_reach_the_terminal() -> None:
    problem = one(edited(('key         = "ranker"', '"k\\u001b[31m" = 1\nkey = "x"')))
    assert "\x1b" not in problem
    assert "u001b" in problem


def test_composed_and_decomposed_text_are_the_same_plan() -> None:
    assert read_plan(edited(('"ana"', '"Jose\u0301"')), "p") == read_plan(edited(('"ana"', '"Jos\u00e9"')), "p")


def test_bytes_are_read_too() -> None:
    assert read_plan_file(WELL.encode(), "p").plan == read_plan(WELL, "p")
    with pytest.raises(PlanInvalid, match="p:1: the file is not UTF-8"):
        read_plan_file(b"\xff", "p")


def never_fails_otherwise(text: str) -> None:
    try:
        read_plan(text, "plan.toml")
    except PlanInvalid as error:
        found = error.problems
    else:
        return
    assert found
    for problem in found:
        said = str(problem)
        assert said.startswith("plan.toml"), said
        assert "\n" not in said
        assert not JARGON.search(problem.message + problem.remedy) or JARGON.search(text), said


@given(st.text())
def test_random_text(text: str) -> None:
    never_fails_otherwise(text)


WORDS = (
    "format name owner flag metrics criteria phases cohort percent type test max judge rollback freeze windows gates tolerate step "
    "segment shadow audiences runbook change canary on_breach x"
)
NAMES = st.sampled_from(WORDS.split())
SCALARS = (
    st.sampled_from(["ratio", "value", "threshold", "5%", "15s", "off", "1/0", "Fri 16:00 - Mon 08:00 UTC", "\x1b", 10**30, 1])
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.dates()
    | st.times()
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=15
)


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_random_documents(data: dict[str, Any]) -> None:
    never_fails_otherwise(tomli_w.dumps(data))


def slots(value: Any, key: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for name, inner in items for found in ((*key, name), *slots(inner, (*key, name)))]


@settings(max_examples=200)
@given(st.data())
def test_plans_with_one_value_changed_dropped_or_renamed(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(SHIPPED))
    document: Any = parse(path.read_text(encoding="utf-8"), path.name).data
    key = data.draw(st.sampled_from(slots(document)))
    table = document
    for part in key[:-1]:
        table = table[part]
    match data.draw(st.sampled_from(["change", "drop", "rename"])):
        case "change":
            table[key[-1]] = data.draw(VALUES)
        case "drop":
            del table[key[-1]]
        case _ if isinstance(table, dict):
            table[data.draw(NAMES)] = table.pop(key[-1])
    never_fails_otherwise(tomli_w.dumps(document))


@given(st.data())
def test_plans_with_characters_changed(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SHIPPED)).read_text(encoding="utf-8")
    at = data.draw(st.integers(0, len(text) - 1))
    never_fails_otherwise(text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 5)) :])


def test_a_plan_names_its_runbook_and_fills_it_in() -> None:
    rollback = read_plan(WELL + '[rollback]\nrunbook = "kill"\nparams = { generation = "stable" }\n', "plan.toml").rollback
    assert (rollback.runbook, rollback.params) == ("kill", {"generation": "stable"})
    assert "there is no runbook for these parameters" in one(WELL + '[rollback]\nparams = { a = "b" }\n')
    assert "rollback.runbook: " in one(WELL + '[rollback]\nrunbook = "../kill"\n')
