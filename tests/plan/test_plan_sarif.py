from plan.texts import edited
from rolloutctl.findings import with_lines
from rolloutctl.plan.facts import Facts
from rolloutctl.plan.lint import lint
from rolloutctl.plan.read import read_plan_file
from rolloutctl.sarif import to_sarif


def test_findings_become_results_with_lines_and_their_rules() -> None:
    read = read_plan_file(edited(("percent = 5 ", "percent = 1 "), ("requests = 'requests_total{$arm}'\n", "")), "a.toml")
    findings = with_lines(lint(read.plan, Facts()), read.document)
    (run,) = to_sarif({"plans/a.toml": findings}, "1.2.3")["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["RC104", "RC310"]
    assert [result["level"] for result in run["results"]] == ["note", "warning"]
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "plans/a.toml"}, "region": {"startLine": findings[1].line}}


def test_no_findings_are_a_run_without_results() -> None:
    (run,) = to_sarif({"a.toml": ()}, "1")["runs"]
    assert run["results"] == []
