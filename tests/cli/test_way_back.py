"""A rollout whose plan names a runbook, by commands alone: sealed with it, not advanced before it was rehearsed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.worlds import CONFIG, PLAN, Bench, Done

WITH_RUNBOOK = PLAN.replace(PLAN[PLAN.index("[[gates]]") : PLAN.index("[[phases]]")], "", 1).replace(
    "[rollback]\n", '[rollback]\nrunbook = "kill"\nparams = {{ greeting = "hello" }}\n', 1
)
KILL = """
format = 1
id = "kill"
title = "Take a breath"
owner = "ana"
[objective]
time_to_rollback = "1m"
stop = "last_critical"
[params.greeting]
required = true
[[steps]]
id = "breathe"
title = "${greeting}"
type = "wait"
for = "10ms"
"""
STAGING = "[environments.staging]\nrehearsal = true\n[ui]\n"


@pytest.fixture
def here(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """With a place to rehearse in, a runbook beside the plan, and the plan that names it."""
    monkeypatch.setattr("cli.worlds.CONFIG", CONFIG.replace("[ui]\n", STAGING, 1))
    write(bench, KILL)
    bench.write(plan=WITH_RUNBOOK)
    return bench


def write(bench: Bench, text: str) -> None:
    folder = bench.folder / "runbooks"
    folder.mkdir(exist_ok=True)
    (folder / "kill.toml").write_text(text)


def rehearse(bench: Bench) -> Done:
    arguments = ("--mode", "rehearse", "--env", "staging", "--param", "greeting=hello")
    done = bench.run("runbook", "run", "kill", *arguments)
    assert done.code == 0, done.err
    return done


def start(bench: Bench) -> Done:
    done = bench.run("start", str(bench.folder / "plan.toml"))
    assert done.code == 0, done.err
    return done


def test_no_phase_is_entered_before_the_runbook_was_rehearsed(here: Bench) -> None:
    checked = here.run("check", str(here.folder / "plan.toml"))
    assert (checked.code, "RC410" in checked.out) == (0, True), checked.out
    assert "It is NEVER: no phase is entered before it is rehearsed." in start(here).err
    refused = here.run("advance", here.name)
    assert (refused.code, here.percent()) == (6, None)
    assert "Runbook kill: NEVER." in refused.err
    rehearse(here)
    assert "RC410" not in here.run("check", str(here.folder / "plan.toml")).out
    done = here.run("advance", here.name)
    assert (done.code, here.percent()) == (0, 5), done.err


def test_an_edit_after_the_rehearsal_is_named_and_what_is_sealed_counts(here: Bench) -> None:
    rehearse(here)
    write(here, KILL.replace('for = "10ms"', 'for = "20ms"').replace("Take a breath", "Take a long breath"))
    start(here)
    refused = here.run("advance", here.name, "--json")
    assert (refused.code, here.percent()) == (6, None)
    (reason,) = refused.json["reasons"]
    assert reason.startswith("Runbook kill: EDITED ")
    assert 'Step "breathe": for was 10ms, is 20ms.' in reason
    shown = here.run("runbook", "show", "kill").out
    assert 'step "breathe": for was 10ms, is 20ms' in shown
    write(here, KILL)
    assert here.run("advance", here.name).code == 6, "the sealed copy counts, not the file"
    write(here, KILL.replace('for = "10ms"', 'for = "20ms"'))
    rehearse(here)
    assert here.run("advance", here.name).code == 0


def test_broken_glass_is_in_the_journal_for_ever(here: Bench) -> None:
    start(here)
    assert here.run("advance", here.name, "--break-glass", " ").code == 2
    assert here.run("advance", here.name, "--break-glass", "INC-7: the fix is in it").code == 0
    assert here.percent() == 5
    assert "glass     broken for five by ana: INC-7: the fix is in it" in here.run("status", here.name).out
    assert "GLASS BROKEN" in here.run("status").out
    (shown,) = here.run("status", "--json").json["rollouts"]
    assert (shown["runbook"], [glass["why"] for glass in shown["broken_glass"]]) == ("kill", ["INC-7: the fix is in it"])
    (live,) = here.run("status", "--live", "--json").json["rollouts"]
    assert live["proof"] == {"runbook": "kill", "policy": "block", "state": "NEVER", "standing": "NEVER", "edits": []}
    journal = here.run("journal", "show", here.name).out
    assert "BREAKS THE GLASS: INC-7: the fix is in it" in journal
    assert "broke the glass: INC-7: the fix is in it" in here.run("journal", "show", here.name, "--json").out


def test_start_refuses_a_runbook_that_could_not_run(here: Bench) -> None:
    plan = here.folder / "plan.toml"
    for text, code in (
        (KILL.replace("[[steps]]", "[[steps]\n"), "RC406"),
        (KILL.replace("${greeting}", "${greetings}"), "RC407"),
        (KILL.replace("required = true", 'choices = ["goodbye"]'), "RC408"),
        (KILL.replace('type = "wait"', 'type = "wait"\nconfirm = "second_person"'), "RC409"),
    ):
        write(here, text)
        refused = here.run("start", str(plan))
        assert refused.code == 1, text
        assert code in refused.err
    Path(here.folder / "runbooks" / "kill.toml").unlink()
    assert "RC406" in here.run("start", str(plan)).err
    assert here.run("status", "--json").json["rollouts"] == []


def test_a_rollback_needs_no_runbook_that_can_be_read(here: Bench) -> None:
    rehearse(here)
    start(here)
    assert here.run("advance", here.name).code == 0
    Path(here.folder / "runbooks" / "kill.toml").unlink()
    assert here.run("rollback", here.name, "--why", "errors").code == 0
    assert here.percent() is None


def test_a_driver_that_runs_already_hears_of_a_rehearsal(here: Bench) -> None:
    start(here)
    with here.running("drive") as drive:
        drive.until(f"driving {here.name}#1")
        refused = here.run("advance", here.name)
        assert refused.code == 6, refused.err
        assert "Runbook kill: NEVER." in refused.err
        rehearse(here)
        done = here.run("advance", here.name)
        assert (done.code, here.percent()) == (0, 5), done.err
        drive.end()
