"""Commands that need nothing but files; what is typed wrongly; what is printed and how."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from cli.test_help import GROUPS
from rolloutctl import telling
from rolloutctl.__main__ import screen
from rolloutctl.cli import app as cli_app
from rolloutctl.cli import ending, explaining, naming, out
from rolloutctl.cli.app import run
from rolloutctl.cli.signals import Ended
from rolloutctl.cli.table import COMMANDS
from rolloutctl.cli.toplevel import answer_early, globals_first, help_text
from rolloutctl.engine.cards.making import card_of, where
from rolloutctl.errors import ExitCode, InvalidInput, NotYet
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.state import RolloutState, Status
from rolloutctl.plan.model import LatencyCriterion, RatioCriterion, RollbackTo, ValueCriterion
from rolloutctl.plan.read import read_plan

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(arguments, screen)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


WITHOUT_JSON = {"completion", "demo"}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_JSON - set(GROUPS)))
def test_every_command_answers_in_json(capsys, name):
    assert "--json" in said(capsys, name, "--help")[1]


def test_the_programs_help_lists_every_command():
    for name, entry in COMMANDS.items():
        assert f"\n  {name} " in help_text()
        assert entry.about in help_text()
    assert answer_early(["--help"]) == help_text()
    assert answer_early(["status", "--help"]) is None
    assert answer_early(["status", "--version"]) == answer_early(["--version"])
    assert answer_early(["note", "x", "--", "--version"]) is None


def test_global_options_are_valid_after_the_command():
    assert globals_first(["status", "--config", "a.toml", "x", "--read-only"]) == [
        "--config",
        "a.toml",
        "--read-only",
        "status",
        "x",
    ]
    assert globals_first(["note", "x", "--", "--config"]) == ["note", "x", "--", "--config"]
    assert globals_first(["status", "--config"]) == ["--config", "status"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["statu"], 'Did you mean "status"?'),
        (["\x1b[31mred"], "there is no command"),
        (["status", "--jsn"], "--json"),
        (["status", "a", "b"], "b"),
        (["advance"], "ROLLOUT"),
        (["gate", "x", "y"], "--go or --no-go"),
        (["wait", "x", "--for", "never"], "never"),
        (["wait", "x", "--timeout", "soon"], "soon"),
        (["hold", "x"], "--why"),
        (["journal", "shw"], "show"),
        (["--nonsense"], "--nonsense"),
        (["--config"], "--config"),
        (["status", "--config", "missing.toml"], "missing.toml"),
    ],
)
def test_wrong_usage_is_2_and_says_what(capsys, line, words):
    code, text, error = said(capsys, *line)
    assert code == 2
    assert words in error
    assert text == ""
    assert "\x1b" not in error


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            ["wait", "x", "--for", "redy"],
            '--for cannot be "redy". Did you mean "ready"? It is one of: baking, ready, done, rolled-back, ended.',
        ),
        (["completion", "tcsh"], 'SHELL cannot be "tcsh". It is one of: bash, zsh, fish.'),
        (["journal", "show", "--limit", "many"], "--limit wants a whole number."),
        (["journal", "show", "--limit", "0"], "--limit wants at least 1."),
        (["wait", "x", "--fro", "ready"], 'there is no option --fro. Did you mean "--for"?'),
        (["hold", "x"], "--why TEXT is missing: the reason; it is journalled."),
        (["wait"], "ROLLOUT is missing: `name#n`, or `name` for its newest attempt."),
        (["config"], "which one? show, path, validate."),
        (["status", "a", "b"], "got unexpected extra argument"),
    ],
)
def test_a_wrong_line_is_told_in_a_sentence_and_never_in_words_of_a_library(capsys, line, sentence):
    code, _, error = said(capsys, *line)
    assert code == 2
    assert error.startswith(f"rolloutctl: {sentence}")
    assert "--help" in error
    for word in ("Value error", "Input should", "Error:", "{"):
        assert word not in error


def test_check_knows_a_config_from_a_plan(capsys):
    Path("team.toml").write_text('[operator]\nname = "ana"\n[sources.prom]\ntype = "prometheus"\nurl = "http://127.0.0.1:9"\n')
    code, text, error = said(capsys, "check", "team.toml")
    assert (code, text) == (2, "")
    assert error == (
        "rolloutctl: team.toml: this is a config. `rolloutctl --config team.toml config validate` checks it; `check` is for plans.\n"
    )
    assert said(capsys, "--config", "team.toml", "config", "validate")[0] == 0
    Path("plan.toml").write_text('name = "x"\n[flag]\nkey = "x"\n[judge]\nalpha = 1\n')
    assert "this is a config" not in said(capsys, "check", "plan.toml")[2]


def test_an_unknown_rollout_names_what_works_without_a_journal(capsys):
    code, _, error = said(capsys, "rollback", "nope")
    assert code == 2
    assert "`rolloutctl off PROVIDER FLAG --env ENV`" in error
    assert "`rolloutctl rollback --plan FILE`" in error
    assert "rollback --plan" not in said(capsys, "hold", "nope", "--why", "x")[2], "nothing else works without one"


def test_a_name_that_is_nearly_right_is_asked_about():
    known = ["checkout-ranker#1", "checkout-ranker#2", "search#1"]
    for wrong, right in (("checkout-rankr", "checkout-ranker"), ("serch", "search"), ("checkout-ranker#3", "checkout-ranker#2")):
        with pytest.raises(InvalidInput, match=f'Did you mean "{right}"'):
            naming.resolved(known, wrong)
    with pytest.raises(InvalidInput) as far:
        naming.resolved(known, "payments")
    assert "mean" not in str(far.value)
    plan = read_plan((ROOT / "plans" / "canary.toml").read_text(), "canary.toml")
    with pytest.raises(InvalidInput, match='Did you mean "latency"'):
        explaining._criterion(SimpleNamespace(plan=plan, id="canary#1"), "latncy")


def test_no_terminal_is_2_and_names_the_way_without(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    Path("rolloutctl.toml").write_text("")
    code, _, error = said(capsys)
    assert code == 2
    assert "rolloutctl status" in error


def test_an_empty_journal_is_no_error(capsys):
    code, text, error = said(capsys, "status")
    assert (code, text) == (0, "")
    assert "rolloutctl start PLAN" in error
    code, text, _ = said(capsys, "status", "--json")
    shown = json.loads(text)
    assert (code, shown["rollouts"], shown["journal"]["head_seq"]) == (0, [], 0)
    assert json.loads(said(capsys, "journal", "show", "--json")[1])["events"] == []
    assert said(capsys, "journal", "verify")[0] == 7
    for line in (["status", "x"], ["watch", "x"], ["wait", "x"], ["advance", "x"], ["rollback", "x"], ["explain", "x", "y"]):
        code, _, error = said(capsys, *line)
        assert code == 2
        assert "none yet" in error
    assert not Path("state").exists()


def test_config_and_schema(capsys):
    Path("rolloutctl.toml").write_text('[operator]\nname = "ana"\n')
    values = {each["key"]: each for each in json.loads(said(capsys, "config", "show", "--json")[1])["values"]}
    assert values["operator.name"]["value"] == "ana"
    assert values["operator.name"]["origin"].endswith("rolloutctl.toml:2")
    assert values["journal.mode"]["origin"] == "default"
    assert "rolloutctl.toml" in said(capsys, "config", "show")[1]
    assert json.loads(said(capsys, "config", "path", "--json")[1])["journal"].endswith("state/rolloutctl/journal.db")
    assert said(capsys, "config", "validate")[0] == 0
    Path("rolloutctl.toml").write_text('[operator]\nnme = "ana"\n')
    code, _, error = said(capsys, "config", "validate")
    assert code == 2
    assert "rolloutctl.toml:2" in error
    Path("rolloutctl.toml").unlink()
    for what, key in (("plan", "phases"), ("config", "sources")):
        schema = json.loads(said(capsys, "schema", what)[1])
        assert key in schema["properties"]


def test_check_says_clean_findings_and_unreadable(capsys):
    plan = (ROOT / "plans" / "canary.toml").read_text()
    Path("good.toml").write_text(plan)
    Path("bad.toml").write_text(plan.replace("bake", "bak", 1))
    assert said(capsys, "check", "good.toml")[0] == 0
    code, _, error = said(capsys, "check", "good.toml", "bad.toml")
    assert code == 2
    assert "bad.toml:" in error
    assert '"bake"' in error
    assert said(capsys, "check", "absent.toml")[0] == 2
    risky = str(ROOT / "plans" / "one-shot.toml")
    assert said(capsys, "check", risky)[0] == 0
    assert said(capsys, "check", risky, "--strict")[0] == 1
    code, text, _ = said(capsys, "check", risky, "bad.toml", "--json")
    first, second = json.loads(text)["plans"]
    assert (code, first["readable"], second["readable"]) == (2, True, False)
    assert first["findings"][0]["code"] == "RC309"
    sarif = json.loads(said(capsys, "check", risky, "--sarif")[1])
    assert sarif["runs"][0]["results"][0]["ruleId"] == "RC309"


def test_values_as_json_has_them():
    value = {
        "time": datetime(2026, 1, 5, 10, tzinfo=UTC),
        "span": timedelta(minutes=2),
        "share": Fraction(1, 8),
        "whole": Fraction(5),
        "nan": float("nan"),
        "code": ExitCode.REFUSED,
        "many": (1, {"a": None}),
    }
    assert out.plain(value) == {
        "time": "2026-01-05T10:00:00.000000Z",
        "span": 120.0,
        "share": 0.125,
        "whole": 5,
        "nan": None,
        "code": 6,
        "many": [1, {"a": None}],
    }


def test_foreign_text_cannot_steer_a_terminal(capsys):
    out.put("a\x1b[31mb\x9b1mc\u202ed\re\x00f\ng\th")
    out.put_json({"a": "\x9b31m\u202e"})
    text = capsys.readouterr().out
    assert text == 'a[31mb1mcdef\ng h\n{"a": "\\u009b31m\\u202e"}\n'


def test_colour_only_on_a_terminal_and_without_no_color(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert out.paint("x", "red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert out.paint("x", "red") == "x"


def test_how_it_ends(capsys, tmp_path, monkeypatch):
    assert ending.code_of(NotYet("not now.", remedy="Later.")) == 5
    assert capsys.readouterr().err == "rolloutctl: not now. Later.\n"
    assert ending.code_of(KeyboardInterrupt()) == 130
    assert ending.code_of(Ended(15)) == 143
    assert "SIGTERM" in capsys.readouterr().err
    assert ending.code_of(BrokenPipeError()) == 141
    assert ending.code_of(OSError(28, "No space left on device", "somewhere")) == 1
    assert "no space left on device: somewhere" in capsys.readouterr().err


def test_of_several_errors_each_is_seen_to_belong_to_them(capsys):
    Path("rolloutctl.toml").write_text('[operator]\nnme = "ana"\n[journal]\nmod = "0600"\n')
    code, _, error = said(capsys, "config", "validate")
    first, *others = error.splitlines()
    assert code == 2
    assert first.startswith("rolloutctl: ")
    assert others
    assert all(line.startswith("  ") for line in others)


def test_sentences_are_joined_with_one_full_stop():
    assert telling.clause("Judged in 2s.") == "Judged in 2s"
    assert telling.clause("and so on ...") == "and so on ..."
    assert telling.clauses(("Bakes 2m more (the clock stands still while held).", "root holds it: look.")) == (
        "Bakes 2m more (the clock stands still while held); root holds it: look"
    )


@pytest.mark.parametrize(
    ("to", "drifted", "first"),
    [(RollbackTo.OFF, "", "off"), (RollbackTo.SNAPSHOT, "", "10 %"), (RollbackTo.OFF, "30 %", "30 %")],
)
def test_a_rolled_back_rollout_shows_what_it_was_rolled_back_to(to, drifted, first):
    plan = read_plan((ROOT / "plans" / "canary.toml").read_text(), "canary.toml")
    plan = plan.model_copy(update={"rollback": plan.rollback.model_copy(update={"to": to})})
    state = RolloutState(
        plan=plan.name,
        attempt=1,
        title="",
        owner="",
        target=Target(provider="p", key="k", environment="e", project="default", stickiness="userId"),
        plan_digest="",
        plan_blob="",
        snapshot=CohortState(enabled=True, cohort=Cohort(percent=Fraction(10)), native="{}", token="1"),
        source="s",
        sealed_at=datetime(2026, 1, 5, tzinfo=UTC),
        sealed_by="ana",
        status=Status.ROLLED_BACK,
        phase=0,
        drifted=drifted,
    )
    name, count = plan.phases[0].name, len(plan.phases)
    assert where(plan, state) == f"{first}, was {name} (1/{count})"
    assert card_of(plan, state).served == f"p: k in e: {first} when the rollout ended"
    assert where(plan, replace(state, status=Status.DONE)) == f"ended in {name} (1/{count})"
    assert where(plan, replace(state, status=Status.ACTIVE)) == f"{name} (1/{count}), {plan.cohort(0)}"


@pytest.mark.parametrize("wanted", ["{}/voice", "{} · voice", "{}·voice"])
def test_a_criterion_is_found_as_it_is_shown(wanted):
    plan = read_plan((ROOT / "plans" / "canary.toml").read_text(), "canary.toml")
    known = SimpleNamespace(plan=plan, id="canary#1")
    criterion = plan.criteria[0]
    assert explaining._criterion(known, wanted.format(criterion.id)) == (criterion, "voice")
    assert explaining._criterion(known, criterion.id) == (criterion, "")
    with pytest.raises(InvalidInput, match="no criterion"):
        explaining._criterion(known, "nothing · voice")


def test_the_unexpected_goes_to_a_log_without_secrets(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("FLAG_TOKEN", "s3cr3t-token-value")
    Path("rolloutctl.toml").write_text(
        '[providers.flags]\ntype = "unleash"\nurl = "http://127.0.0.1:9"\nauth = { type = "token", token = { env = "FLAG_TOKEN" } }\n'
    )
    monkeypatch.setattr(sys, "argv", ["rolloutctl", "status"])

    def broken() -> None:
        raise LookupError("it held s3cr3t-token-value")

    app = typer.Typer()
    app.command()(broken)
    monkeypatch.setattr(cli_app, "app", app)
    code, _, error = said(capsys, *[])
    assert code == 1
    (log,) = (tmp_path / "state" / "rolloutctl").glob("crash-*.log")
    assert str(log) in error
    assert "s3cr3t" not in error
    text = log.read_text()
    assert "LookupError" in text
    assert "s3cr3t" not in text
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_reader_that_leaves_ends_it_quietly():
    script = "from rolloutctl.cli.out import put\nimport time\nfor n in range(100000):\n    put('x' * 100)\n"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == 141
    assert error == b""


def test_output_that_the_terminal_cannot_encode_is_replaced():
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", "from rolloutctl.cli.out import put\nput('5 % → 10 %')"], env=env, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"5 % ? 10 %\n", b"")


def test_the_bounds_of_every_kind_of_criterion_are_told():
    histogram = {"id": "x", "type": "latency", "histogram": "h_bucket{$arm}"}
    latency = LatencyCriterion.model_validate({**histogram, "max": {"0.95": "800ms"}})
    assert explaining._bounds(latency) == "95 % of requests within 800ms"
    assert explaining._number(0.0123, latency) == "12.3 ms"
    compared = LatencyCriterion.model_validate({**histogram, "versus": "before"})
    assert explaining._bounds(compared) == "at most 3% worse than before the start"
    counted = {"id": "x", "type": "ratio", "test": "threshold", "bad": "b{$arm}", "total": "t{$arm}"}
    ratio = RatioCriterion.model_validate({**counted, "max": 0.02, "tolerate": "10%"})
    assert explaining._bounds(ratio) == "at most 2 %, at most 10% worse than baseline"
    value = ValueCriterion.model_validate(
        {"id": "x", "type": "value", "test": "threshold", "expr": "e{$arm}", "min": 0.5, "unit": "s", "tolerate": 2}
    )
    assert explaining._bounds(value) == "at least 0.5 s, at most 2 worse than baseline"
