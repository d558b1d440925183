"""`runbook list`, `show`, `check` and `schema runbook` as commands, on the runbooks that ship and on ones that are wrong."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cli.conforming import unlike
from rolloutctl.__main__ import screen
from rolloutctl.cli.answers.commands import ANSWERS
from rolloutctl.cli.app import run
from runbook.texts import SHIPPED, WELL, edited
from schema_check import errors


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SHIPPED[0].parent, tmp_path / "runbooks")
    return tmp_path / "runbooks"


def answered(path: str, text: str) -> Any:
    found = json.loads(text)
    assert unlike(found, ANSWERS[path].shape, path) == []
    return found


def test_the_list_names_each_and_how_it_stands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runbook", "list"], screen) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [[path.stem, "NEVER"] for path in SHIPPED]
    assert run(["runbook", "list", "--json"], screen) == 0
    found = answered("runbook list", capsys.readouterr().out)
    assert {each["state"] for each in found["runbooks"]} == {"NEVER"}
    (folder / "bad.toml").write_text("= 1")
    assert run(["runbook", "list", "--json"], screen) == 2
    assert answered("runbook list", capsys.readouterr().out)["broken"][0]["file"] == "runbooks/bad.toml"
    assert run(["runbook", "list"], screen) == 2
    assert "runbooks/bad.toml" in capsys.readouterr().err


def test_no_folder_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(folder)
    assert run(["runbook", "list"], screen) == 0
    assert "no runbook in the folder runbooks" in capsys.readouterr().err


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_step_is_in_every_way_of_showing_it(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [each["id"] for _, each in steps_of(tomllib.loads(path.read_text(encoding="utf-8")))]
    for options in ([], ["--md"], ["--offline"], ["--json"]):
        assert run(["runbook", "show", path.stem, *options], screen) == 0
        text = capsys.readouterr().out
        assert [each for each in ids if each not in text] == []
        if options == ["--md"]:
            assert text.startswith("# ")
            assert text.count("\n   - ") >= len(ids)
        if options == ["--offline"]:
            assert text.count("[ ]") == len(ids)
        if options == ["--json"]:
            assert [step["id"] for step in answered("runbook show", text)["steps"]] == ids


def steps_of(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    after = document.get("after", {})
    sections = (document.get("preflight", []), document["steps"], after.get("recovered", []), after.get("not_recovered", []))
    return [("", step) for section in sections for step in section]


def test_every_type_of_step_has_its_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "whole.toml").write_text(WELL)
    assert run(["runbook", "show", "whole"], screen) == 0
    text = capsys.readouterr().out
    for words in (
        "Set the flag to off",
        'By hand: typing "${flag}" confirms it.',
        'PUT /generation/${flag}?why=${incident} {"generation": "${generation}", "weight": 0.5, "parts": [1, true]}',
        "Undone by: PUT /generation/ranker",
        'Silence the alert CheckoutErrorBudgetBurn{service="checkout"} for 30m',
        "End the silence that the step quiet made",
        "Wait 10s",
        "It counts only where",
        "and it must hold for 2m",
        "When it passes, the run has recovered.",
        "Tell the channel release",
        'Answer: "Whom did you page?" In 15m.',
        "When it fails, a person says how to go on.",
    ):
        assert words in text, words


def test_two_ways_at_once_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runbook", "show", "escalation-only", "--md", "--offline"], screen) == 2
    assert "Choose one" in capsys.readouterr().err


def test_markdown_of_foreign_text_stays_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.toml").write_text(edited(("Turn the new checkout off and prove recovery", "<b>*Turn*</b> `it` [off](x)")))
    assert run(["runbook", "show", "odd", "--md"], screen) == 0
    assert capsys.readouterr().out.splitlines()[0] == r"# \<b\>\*Turn\*\</b\> \`it\` \[off\](x)"


def test_check_names_file_line_code_and_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.toml").write_text(edited(('sets = "recovered"\n', "")))
    (folder / "bad.toml").write_text(edited(('effect = "idempotent"\n', "")))
    good = str(folder / "checkout-flag-kill.toml")
    assert run(["runbook", "check", good], screen) == 0
    assert capsys.readouterr().out.endswith("checkout-flag-kill.toml: clean\n")
    assert run(["runbook", "check", good, "runbooks/odd.toml"], screen) == 1
    assert "runbooks/odd.toml:9: RC705 error objective.stop: " in capsys.readouterr().out
    assert run(["runbook", "check", "runbooks/bad.toml", "runbooks/odd.toml", "--json"], screen) == 2
    bad, odd = answered("runbook check", capsys.readouterr().out)["runbooks"]
    assert not bad["readable"]
    assert 'runbooks/bad.toml:37 steps[1].effect: "effect" is missing' in bad["problems"][0]
    assert [finding["code"] for finding in odd["findings"]] == ["RC705"]
    assert run(["runbook", "check", "runbooks/odd.toml", "--sarif"], screen) == 1
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert (result["ruleId"], result["locations"][0]["physicalLocation"]["region"]) == ("RC705", {"startLine": 9})


def test_warnings_count_when_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.toml").write_text(edited(('confirm = "type:${flag}"', 'confirm = "second_person"')))
    assert run(["runbook", "check", "runbooks/odd.toml"], screen) == 0
    assert run(["runbook", "check", "runbooks/odd.toml", "--strict"], screen) == 1
    assert "RC722 warning steps[0].confirm" in capsys.readouterr().out


def test_names_are_judged_by_the_config(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rolloutctl.toml").write_text('[adapters.other]\nurl = "http://127.0.0.1:9"\n')
    assert run(["runbook", "check", "runbooks/checkout-model-revert.toml"], screen) == 1
    text = capsys.readouterr().out
    assert "RC711 error steps[0].adapter: The config has no [adapters.models]; it knows other." in text
    assert "RC712" in text
    assert "RC713" in text


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_schema_takes_what_ships(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "runbook"], screen) == 0
    schema = json.loads(capsys.readouterr().out)
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    assert list(errors(schema, document)) == []
    assert list(errors(schema, {**document, "stesp": []}))
