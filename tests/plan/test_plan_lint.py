import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plan.texts import SHIPPED, edited, plan
from rolloutctl.findings import Severity, with_lines
from rolloutctl.model.outcome import Capabilities, Concurrency
from rolloutctl.model.samples import Arm, Labels
from rolloutctl.plan.facts import ConfigFacts, Facts, FlagFact, LiveFacts, QueryFact, RunbookFact, asked
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.lint import lint
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan_file
from rolloutctl.promql import matchers_of, mentions_arm, read, with_arm

CONFIG = ConfigFacts(
    sources=frozenset({"prometheus"}),
    providers=frozenset({"unleash"}),
    environments={"production": True},
    operators={"ana": True, "ben": True},
    approvers=frozenset({"ana"}),
    groups=frozenset({"legal"}),
)
UNLEASH = Capabilities(Fraction(1), True, True, Concurrency.DETECT, False, True, "client API", 15)


def codes(of: Plan, facts: Facts | None = None) -> list[str]:
    return [finding.code for finding in lint(of, facts or Facts())]


def answers(of: Plan, series: Callable[[Arm], tuple[Labels, ...]]) -> LiveFacts:
    return LiveFacts(queries={query: QueryFact(series(query.arm), 5.0) for query in asked(of)})


def well(arm: Arm) -> tuple[Labels, ...]:
    return ((("channel", "web"), ("instance", "a"), ("version", arm.value)),)


EVERYTHING = Facts(
    CONFIG,
    UNLEASH,
    replace(answers(plan(), well), flag=FlagFact(True), audiences=frozenset(), scrape_interval_s=15.0),
)


def test_a_good_plan_is_clean_whatever_is_known() -> None:
    assert lint(plan(), Facts()) == ()
    assert lint(plan(), EVERYTHING) == ()


EXPR = "avg(rate(score{$arm}[5m]))"
STATIC: list[tuple[str, list[tuple[str, str]]]] = [
    ("RC101", [("canary   = 'version=\"2\"'", "canary = 'version=2'")]),
    ("RC101", [("canary   = 'version=\"2\"'", 'canary = \'a="1"} or x{b="2"\'')]),
    ("RC102", [("'version=\"2\"'", '\'a="1",b="2"\''), ("'version=\"1\"'", '\'{b="2", a="1"}\'')]),
    ("RC103", [("requests = 'requests_total{$arm}'", "requests = 'sum(rate(requests_total{$arm}[5m]))'")]),
    ("RC103", [("requests = 'requests_total{$arm}'", "requests = 'requests_total'")]),
    ("RC103", [("requests = 'requests_total{$arm}'", "requests = 'requests_total{'")]),
    ("RC104", [("requests = 'requests_total{$arm}'\n", "")]),
    ("RC105", [("[flag]", '[freeze]\nwindows = ["Mon 00:00 - Thu 12:00 UTC", "Thu 10:00 - Mon 00:00 UTC"]\n[flag]')]),
    ("RC106", [('host     = "instance"', 'host = "i"\nstep = "500ms"')]),
    ("RC107", [('host     = "instance"', 'host = "i"\nmax_sample_age = "20s"')]),
    ("RC108", [('host     = "instance"', 'host = "i"\nexposure = "0%"')]),
    ("RC109", [("max   = 0.02", 'max = 0.02\nrole = "signal"')]),
    ("RC201", [(EXPR, "avg(rate(score{$arm}[5m])")]),
    ("RC201", [("bad   = 'requests_total{code=\"500\",$arm}'", "bad = 'requests_total{code=,$arm}'")]),
    ("RC202", [(EXPR, "avg(rate(score[5m]))")]),
    ("RC202", [(EXPR, "avg(rate(score{a='$arm'}[5m]))".replace("'", '"'))]),
    ("RC203", [("total = 'requests_total{$arm}'", "total = 'requests_total'")]),
    ("RC204", [(EXPR, f"{EXPR} or vector(0)")]),
    ("RC205", [("total = 'requests_total{$arm}'", "total = 'rate(requests_total{$arm}[5m])'")]),
    ("RC205", [("total = 'requests_total{$arm}'", "total = 'requests_total{$arm} offset 1h'")]),
    ("RC205", [('better = "higher"', "better = 'higher'\nfresh = 'sum(score{$arm})'")]),
    ("RC206", [(EXPR, "avg(rate(score{$arm}[2h]))")]),
    ("RC206", [(EXPR, "max_over_time(avg(score{$arm})[2h:1m])")]),
    ("RC207", [("max   = 0.02", 'max = 0.02\nwindow = "2h"')]),
    ("RC208", [("max   = 0.02", 'max = 0.02\nhold = "5h"')]),
    ("RC209", [("max   = 0.02", 'max = 0.02\nhold = "2h"')]),
    ("RC210", [("max   = 0.02", 'max = 0.02\nbreach_after = "2h"')]),
    ("RC211", [("max   = 0.02", 'max = 0.02\nwindow = "5s"')]),
    ("RC212", [("max   = 0.02", "max = 2")]),
    ("RC212", [("max   = 0.02", "min = 0")]),
    ("RC212", [(EXPR, "vector(1)")]),
    ("RC213", [(EXPR, f"{EXPR} > 3")]),
    (
        "RC214",
        [
            ('segment  = { label = "channel", required = ["web"] }\n', ""),
            ('better = "higher"', "better = 'higher'\nby_segment = true"),
        ],
    ),
    ("RC215", [('tolerate = "10%"', "max = 3\nversus = 'baseline'")]),
    ("RC216", [('tolerate = "10%"', "max = 3\nhard_max = 2")]),
    ("RC216", [('tolerate = "10%"', "min = 3\nhard_min = 4")]),
    ("RC217", [("max   = 0.02", 'max = 0.02\non_no_data = "ignore"')]),
    ("RC217", [("max   = 0.02", 'max = 0.02\non_stale = "ignore"')]),
    ("RC218", [('bake   = "1h"', 'bake = "1h"\ncriteria = ["errors"]')]),
    ("RC219", [("[flag]", '[[triggers]]\nalert = "BudgetBurn"\nrole = "info"\n[flag]')]),
    ("RC205", [("[flag]", '[[triggers]]\nalert = "BudgetBurn"\nfresh = "rate(evaluations[5m])"\n[flag]')]),
    ("RC217", [("[flag]", '[[triggers]]\nalert = "BudgetBurn"\non_no_data = "ignore"\n[flag]')]),
    ("RC208", [("[[gates]]", '[[criteria]]\nid = "burn"\ntype = "alert"\nalert = "BudgetBurn"\nhold = "5h"\n[[gates]]')]),
    ("RC301", [('bake   = "1h"', 'bake = "1h"\ncriteria = []')]),
    ("RC301", [("max   = 0.02", 'tolerate = "10%"')]),
    ("RC302", [("max   = 0.02", 'max = 0.02\nrole = "info"')]),
    ("RC303", [("max   = 0.02", 'max = 0.02\non_low_traffic = "ignore"')]),
    ("RC304", [('bake   = "1h"', 'bake = "4m"'), ("[5m]", "[2m]"), ("max   = 0.02", 'max = 0.02\nwindow = "2m"')]),
    ("RC305", [('bake   = "1h"', 'bake = "1h"\ndeadline = "59m"')]),
    ("RC305", [('bake   = "1h"', 'bake = "1m"')]),
    ("RC306", [('bake   = "1h"', 'bake = "0s"')]),
    ("RC307", [('host     = "instance"', 'host = "i"\nwarmup = "1h"')]),
    ("RC308", [("cohort = { percent = 100 }", 'cohort = { percent = 100 }\ncriteria = ["quality", "errors"]')]),
    ("RC309", [("percent = 5 ", "percent = 100 "), ("percent = 50 ", "percent = 100 ")]),
    ("RC309", [("{ percent = 5 }", "{ shadow = true }"), ("percent = 50 ", "percent = 100 ")]),
    ("RC310", [("percent = 5 ", "percent = 4.9 ")]),
    ("RC401", [("[flag]", "[rollback]\non_breach = 'hold'\n[flag]")]),
    ("RC402", [("[flag]", "[rollback]\nirreversible = 'a migration'\n[flag]")]),
    ("RC403", [("[flag]", "[rollback]\ncountdown = '0s'\n[flag]")]),
    ("RC404", [("[flag]", "[rollback]\nwatch_after = '0s'\n[flag]")]),
    ("RC405", [("[flag]", "[rollback]\ncountdown = '16m'\n[flag]")]),
]
CONFIGURED: list[tuple[str, Facts]] = [
    ("RC501", Facts(replace(CONFIG, sources=frozenset()))),
    ("RC502", Facts(replace(CONFIG, providers=frozenset({"other"})))),
    ("RC503", Facts(replace(CONFIG, environments={"staging": True}))),
    ("RC504", Facts(replace(CONFIG, operators={"ben": True}))),
    ("RC504", Facts(replace(CONFIG, groups=frozenset()))),
    ("RC505", Facts(replace(CONFIG, environments={"production": False}))),
    ("RC506", Facts(None, replace(UNLEASH, percent_step=Fraction(10)))),
    ("RC508", Facts(replace(CONFIG, operators={"ana": False}))),
    ("RC510", Facts(None, replace(UNLEASH, monotone=False))),
    ("RC511", Facts(None, replace(UNLEASH, verify=""))),
]


def live(**changes: object) -> Facts:
    assert EVERYTHING.live is not None
    return Facts(None, None, replace(EVERYTHING.live, **changes))  # type: ignore[arg-type]


def answered(series: Callable[[Arm], tuple[Labels, ...]]) -> Facts:
    return Facts(None, None, answers(plan(), series))


LIVE: list[tuple[str, Facts]] = [
    ("RC601", live(flag=FlagFact(False))),
    ("RC602", live(flag=FlagFact(True, enabled=True))),
    ("RC603", live(flag=FlagFact(True, foreign="a rule on countries"))),
    ("RC605", answered(lambda arm: well(arm) if arm is Arm.BASELINE else ())),
    ("RC606", answered(lambda arm: (*well(arm), (("channel", "web"), ("version", arm.value), ("zone", "b"))))),
    ("RC607", answered(lambda arm: ((("channel", "voice"), ("version", arm.value)),))),
    ("RC608", answered(lambda _arm: well(Arm.CANARY))),
    ("RC609", live(scrape_interval_s=76.0)),
    ("RC610", live(queries={query: QueryFact(error="parse error") for query in asked(plan())})),
    ("RC611", live(queries={query: QueryFact(well(query.arm), 61.0) for query in asked(plan())})),
]


@pytest.mark.parametrize(("code", "changes"), STATIC)
def test_a_rule_speaks_up(code: str, changes: list[tuple[str, str]]) -> None:
    found = [finding for finding in lint(plan(*changes), Facts()) if finding.code == code]
    assert found
    for finding in found:
        assert finding.severity is RULES[code].severity
        assert re.fullmatch(r"[A-Z`\"].*[.]", finding.why)
        assert re.fullmatch(r"[A-Z].*[.]", finding.do)


@pytest.mark.parametrize(("code", "facts"), CONFIGURED + LIVE)
def test_a_rule_that_needs_facts_speaks_up(code: str, facts: Facts) -> None:
    assert code in codes(plan(), facts)
    assert code not in codes(plan(), EVERYTHING)


def test_rules_about_audiences_and_approvals() -> None:
    people = plan(("{ percent = 5 }", '{ audiences = ["staff"] }'))
    assert "RC507" in codes(people, Facts(None, replace(UNLEASH, audiences=False)))
    assert "RC604" in codes(people, live(audiences=frozenset({"pilots"})))
    assert "RC604" not in codes(people, live(audiences=frozenset({"staff"})))
    assert "RC509" in codes(plan(("percent = 5 }", "percent = 5 }\napprovals = 2")), Facts(CONFIG))


RUNBOOKS = [
    (RunbookFact(trouble='there is no runbook "kill".'), "RC406", 'There is no runbook "kill".'),
    (RunbookFact(errors=("RC705 error objective.stop: never.",)), "RC407", "RC705 error objective.stop: never."),
    (RunbookFact(params=('the parameter "flag" has no value.',)), "RC408", 'The parameter "flag" has no value.'),
    (RunbookFact(second_person=("flag-off",)), "RC409", '"flag-off" waits for a second person'),
    (RunbookFact(standing="NEVER", proved=False, blocks=True), "RC410", "It is NEVER: no phase is entered"),
    (RunbookFact(standing="NEVER", proved=False), "RC410", "It is NEVER: advancing only warns"),
]


@pytest.mark.parametrize(("fact", "code", "said"), RUNBOOKS)
def test_the_runbook_is_judged_by_what_was_found(fact: RunbookFact, code: str, said: str) -> None:
    (found,) = [finding for finding in lint(plan(), Facts(runbook=fact)) if "runbook" in finding.key or "params" in finding.key]
    assert found.code == code
    assert said in found.why


def test_a_runbook_that_is_proved_and_well_says_nothing() -> None:
    assert lint(plan(), Facts(runbook=RunbookFact(standing="REHEARSED 2 d ago", blocks=True))) == lint(plan(), Facts())


def test_every_rule_is_tried() -> None:
    tried = (
        {code for code, _ in STATIC}
        | {code for code, _ in CONFIGURED + LIVE}
        | {"RC507", "RC509", "RC604", "RC512", "RC612", "RC613"}
        | {code for _, code, _ in RUNBOOKS}
    )
    assert set(RULES) == tried
    assert all(re.fullmatch(r"RC[1-6]\d\d", code) for code in RULES)
    assert list(RULES) == sorted(RULES)


@pytest.mark.parametrize(
    "expr",
    [
        f"({EXPR} or vector(0)) and sum(rate(requests_total{{$arm}}[5m])) > 1",
        f"sum(rate(requests_total{{$arm}}[5m])) > 1 and ({EXPR} or vector(0))",
        f"{EXPR} or avg(score{{$arm}})",
    ],
)
def test_a_default_behind_a_traffic_guard_is_fine(expr: str) -> None:
    assert "RC204" not in codes(plan((EXPR, expr)))


def test_windows_of_several_zones_are_not_added_up() -> None:
    windows = '[freeze]\nwindows = ["Mon 00:00 - Thu 12:00 UTC", "Thu 10:00 - Mon 00:00 Europe/Madrid"]\n[flag]'
    assert "RC105" not in codes(plan(("[flag]", windows)))
    assert "RC105" not in codes(plan(("[flag]", '[freeze]\nwindows = ["Mon 00:01 - Mon 00:00 UTC"]\n[flag]')))


def test_findings_have_the_lines_of_the_file() -> None:
    text = edited(("percent = 5 ", "percent = 1 "))
    read = read_plan_file(text, "plan.toml")
    (finding,) = with_lines(lint(read.plan, Facts()), read.document)
    assert finding.line == 1 + text[: text.index("{ percent = 50 }")].count("\n")
    assert str(finding).startswith(f"RC310 warning line {finding.line} phases[1].cohort: ")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_plans_are_clean_but_for_the_launch_at_once(path) -> None:
    found = lint(read_plan_file(path.read_bytes(), path.name).plan, Facts(None, UNLEASH))
    risky = [("RC309", Severity.WARNING)] if path.stem == "one-shot" else []
    assert [(finding.code, finding.severity) for finding in found] == risky


def test_five_plans_are_shipped() -> None:
    assert {path.stem for path in SHIPPED} == {"canary", "phased-by-audience", "shadow", "ab-fixed-split", "one-shot"}


@pytest.mark.parametrize(
    ("text", "matchers", "filled"),
    [
        ("x{$arm}", 'a="1"', 'x{a="1"}'),
        ('x{b="2",$arm}', '{a="1",}', 'x{b="2",a="1"}'),
        ('x{$arm, b="2"}', "", 'x{ b="2"}'),
        ('x{c="3", $arm, b="2"}', "", 'x{c="3", b="2"}'),
        ('x{b="$arm",$arm}', 'a="1"', 'x{b="$arm",a="1"}'),
        ("x{$army}", 'a="1"', "x{$army}"),
    ],
)
def test_arms_are_filled_in(text: str, matchers: str, filled: str) -> None:
    assert with_arm(text, matchers).replace(" ", "") == filled.replace(" ", "")


def test_arm_in_quotes_is_no_arm() -> None:
    assert not mentions_arm('x{a="$arm"}')
    assert mentions_arm('x{a="$arm",$arm}')


@given(st.text("xab{}()[]=~!\"'`,.0123456789 +-*/<>5m:@$armsumrateofbyvector", max_size=40) | st.text(max_size=30))
def test_any_query_is_read_or_a_value_error(text: str) -> None:
    for reader in (read, matchers_of):
        try:
            reader(text)
        except ValueError as error:
            said = str(error)
        else:
            continue
        assert said


@pytest.mark.parametrize(
    "expr", ["+".join(["x{$arm}"] * 450), "(" * 49 + "x{$arm}" + ")" * 49, "abs(" * 49 + "x{$arm}" + ")" * 49]
)
def test_long_queries_are_linted_quickly(expr: str) -> None:
    assert "RC201" not in codes(plan((EXPR, expr)))
