"""`runbook run`, `resume`, `runs`, `rehearsal`, `undo` as commands, against servers on loopback."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cli.conforming import unlike
from cli.worlds import Done
from rolloutctl.cli.answers.commands import ANSWERS
from rolloutctl.cli.app import run
from runner import books
from runner.town import CACHE_SECRET, FLAG, Town, town

HERE = ("--env", "development", "--flag", f"flags/{FLAG}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    with town(tmp_path) as found:
        for name, value in found.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        Path("runbooks").mkdir()
        Path("runbooks/kill.toml").write_text(books.WHOLE)
        yield found


@pytest.fixture
def rolloutctl(place: Town, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def command(*arguments: str) -> Done:
        capsys.readouterr()
        code = run(["--config", str(place.config), *arguments], lambda _: 0)
        said = capsys.readouterr()
        assert "should not" not in said.err, said.err
        return Done(code, said.out, said.err)

    return command


def process(place: Town, *arguments: str, operator: str = "ana") -> subprocess.Popen[bytes]:
    log = (place.folder / f"{operator}.log").open("ab")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "rolloutctl", "--config", str(place.config), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "ROLLOUTCTL_OPERATOR__NAME": operator},
            cwd=place.folder,
        )


def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_plan_changes_nothing_and_shows_everything(place: Town, rolloutctl: Callable[..., Done]) -> None:
    done = rolloutctl("runbook", "run", "kill", "--mode", "plan", *HERE)
    assert done.code == 0
    assert "100 % → off" in done.out
    assert 'cache: PUT /generation/ranker {"generation":"stable"}' in done.out
    assert CACHE_SECRET not in done.out + done.err
    assert (place.place.writes, place.flag_on("development")) == ([], True)
    assert not (place.folder / "journal.db").exists()


def conforming(path: str, text: str) -> Any:
    """What a command answered, held to what it declares."""
    found = json.loads(text)
    assert unlike(found, ANSWERS[path].shape, path) == []
    return found


def test_a_rehearsal_is_cleaned_up_recorded_and_counts(place: Town, rolloutctl: Callable[..., Done]) -> None:
    assert rolloutctl("rehearsal", "check").code == 1
    done = rolloutctl("runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE, "--incident", "DRILL-1", "--json")
    assert done.code == 0, done.err
    told = conforming("runbook run", done.out)
    assert (told["result"], told["clean_up"], told["in_time"]) == ("recovered", "proved", True)
    assert place.flag_on("development")
    assert place.place.generation == "canary"
    toml, markdown = (Path(path) for path in told["record"])
    assert {stat.S_IMODE(path.stat().st_mode) for path in (toml, markdown)} == {0o600}
    record = tomllib.loads(toml.read_text())
    assert (record["result"], record["incident"], record["counts_as_proof"]) == ("recovered", "DRILL-1", True)
    assert "RECOVERED" in markdown.read_text()
    standing = rolloutctl("rehearsal", "check", "--json")
    assert standing.code == 0
    assert conforming("rehearsal check", standing.out)["runbooks"][0]["state"] == "REHEARSED"
    assert rolloutctl("rehearsal", "check", "--max-age", "0s").code == 1


def test_an_edited_runbook_is_not_rehearsed(place: Town, rolloutctl: Callable[..., Done]) -> None:
    rolloutctl("runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE)
    Path("runbooks/kill.toml").write_text(books.WHOLE.replace('lasts = "30m"', 'lasts = "31m"'))
    done = rolloutctl("rehearsal", "check")
    assert (done.code, "EDITED" in done.err) == (1, True)


def test_an_injected_fault_is_reconciled_and_recorded_apart(place: Town, rolloutctl: Callable[..., Done]) -> None:
    faults = ("--inject", "purge=lost-answer@1", "--inject", "flag-off=lost-request@1")
    done = rolloutctl("runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE, *faults)
    assert done.code == 0, done.err
    assert "purge: UNKNOWN: PUT /generation/ranker: injected: the answer is lost" in done.err
    assert "✓ purge: reconciled: read back: generation stable" in done.err
    assert [path for method, path, _ in place.place.writes if method == "PUT"] == ["/generation/ranker"] * 2
    assert rolloutctl("rehearsal", "check").code == 1, "it is no proof"
    assert conforming("rehearsal list", rolloutctl("rehearsal", "list", "--json").out)["rehearsals"][0]["injected"] == list(
        faults[1::2]
    )


@pytest.mark.parametrize("fault", ["401", "429", "503", "timeout"])
def test_other_faults_end_in_a_clean_up_too(place: Town, rolloutctl: Callable[..., Done], fault: str) -> None:
    done = rolloutctl("runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE, "--inject", f"purge={fault}@1")
    assert done.code in {0, 1, 4}
    assert place.flag_on("development")
    assert place.place.generation == "canary"


def test_a_rehearsal_is_refused_where_it_could_reach_production(place: Town, rolloutctl: Callable[..., Done]) -> None:
    production = rolloutctl(
        "runbook", "run", "kill", "--mode", "rehearse", "--env", "production", "--flag", f"flags/{FLAG}", "--yes"
    )
    assert (production.code, "no environment for rehearsals" in production.err) == (6, True)
    text = place.config.read_text()
    place.config.write_text(text.replace("http://production.invalid", place.url))
    shared = rolloutctl("runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE)
    assert (shared.code, "[adapters.cache]" in shared.err, "which production uses too" in shared.err) == (6, True, True)
    assert place.place.writes == []


@pytest.mark.parametrize(
    "store", ["sqlite", pytest.param("postgres", marks=[pytest.mark.service, pytest.mark.xdist_group("postgres")])]
)
def test_the_first_run_is_killed_and_the_second_operator_goes_on(
    place: Town, store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store == "postgres":
        monkeypatch.setenv("ROLLOUTCTL_JOURNAL__URL", request.getfixturevalue("database").url)
    first = process(place, "runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE, "--inject", "purge=crash@1")
    assert first.wait(60) == -signal.SIGKILL
    assert place.place.generation == "stable", "the request had arrived"
    name = _newest_run(place)
    second = process(place, "runbook", "resume", name, "--take-over", operator="bea")
    assert second.wait(60) == 0, (place.folder / "bea.log").read_text()
    log = (place.folder / "bea.log").read_text()
    assert "✓ purge: reconciled: read back: generation stable" in log
    assert [path for method, path, _ in place.place.writes if method == "PUT"] == ["/generation/ranker"] * 2, "done and undone"
    assert place.flag_on("development")


def test_a_once_step_that_was_killed_waits_for_a_person(place: Town) -> None:
    first = process(place, "runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE, "--inject", "page=crash@1")
    assert first.wait(60) == -signal.SIGKILL
    name = _newest_run(place)
    second = process(place, "runbook", "resume", name, "--take-over")
    assert second.wait(60) == 4, (place.folder / "ana.log").read_text()
    assert [path for _, path, _ in place.place.writes].count("/page") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_pauses_the_run_and_another_operator_resumes_it(place: Town, number: signal.Signals) -> None:
    place.place.value = 1.0
    text = books.WHOLE.replace('within = "5s"', 'within = "60s"')
    Path("runbooks/kill.toml").write_text(text)
    first = process(place, "runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE)
    until(lambda: "recovered: value" in (place.folder / "ana.log").read_text())
    first.send_signal(number)
    assert first.wait(60) == 128 + number, (place.folder / "ana.log").read_text()
    assert "Go on with: rolloutctl runbook resume" in (place.folder / "ana.log").read_text()
    place.place.value = 0.0
    second = process(place, "runbook", "resume", _newest_run(place), operator="bea")
    assert second.wait(60) == 0, (place.folder / "bea.log").read_text()
    assert [path for _, path, _ in place.place.writes].count("/page") == 1
    assert place.flag_on("development")


def _newest_run(place: Town) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rolloutctl", "--config", str(place.config), "runbook", "runs", "--json"],
        capture_output=True,
        check=True,
        cwd=place.folder,
    )
    return str(json.loads(done.stdout)["runs"][-1]["run"])


def test_resume_refuses_another_version(place: Town, rolloutctl: Callable[..., Done]) -> None:
    place.place.value = 1.0
    Path("runbooks/kill.toml").write_text(books.WHOLE.replace('within = "5s"', 'within = "1s"'))
    live = ("--mode", "live", "--env", "development", "--flag", f"flags/{FLAG}")
    done = rolloutctl("runbook", "run", "kill", "--yes", *live)
    assert done.code == 1, done.err
    name = conforming("runbook runs", rolloutctl("runbook", "runs", "--json").out)["runs"][0]["run"]
    Path("runbooks/kill.toml").write_text(books.WHOLE)
    refused = rolloutctl("runbook", "resume", name)
    assert (refused.code, 'step "recovered": within was 1s, is 5s' in refused.err) == (6, True)
    ended = rolloutctl("runbook", "resume", name, "--end", "seen to by hand")
    assert ended.code == 1, ended.err
    over = rolloutctl("runbook", "resume", name)
    assert (over.code, "is over" in over.err) == (6, True)
    undone = rolloutctl("undo", name, "--json")
    assert undone.code == 0, undone.err
    assert conforming("undo", undone.out)["run"] == name
    assert place.flag_on("development")
    assert place.place.generation == "canary"
    assert rolloutctl("undo", name).code == 0, "undoing twice changes nothing more"


def test_a_secret_that_a_server_repeats_is_written_nowhere(place: Town, rolloutctl: Callable[..., Done]) -> None:
    place.place.echoes = True
    done = rolloutctl("runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE, "--json")
    assert done.code == 1
    assert "it says: " in done.out, "the sentence is there, the secret is not"
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    written = b"".join(path.read_bytes() for path in files) + done.out.encode() + done.err.encode()
    raw = CACHE_SECRET.encode()
    for form in (raw, base64.b64encode(raw), quote(CACHE_SECRET, safe="").encode(), json.dumps(CACHE_SECRET)[1:-1].encode()):
        assert form not in written


PLAN = f"""
format = 1
name = "{FLAG}"
owner = "ana"
[flag]
provider = "flags"
key = "{FLAG}"
environment = "production"
[metrics]
source = "metrics"
canary = 'version="2"'
baseline = 'version="1"'
[[criteria]]
id = "queue"
type = "value"
expr = 'queue_length{{$arm}}'
test = "threshold"
max = 10
[[phases]]
name = "everyone"
owner = "ana"
cohort = {{ percent = 100 }}
bake = "1h"
"""


def test_a_rollout_names_flag_source_and_snapshot(place: Town, rolloutctl: Callable[..., Done]) -> None:
    Path("plan.toml").write_text(PLAN)
    assert rolloutctl("start", "plan.toml", "--adopt").code == 0
    Path("runbooks/kill.toml").write_text(books.book(books.FLAG_OFF, books.RECOVERED))
    elsewhere = rolloutctl("runbook", "run", "kill", "--mode", "live", "--env", "development", "--rollout", FLAG, "--yes")
    assert (elsewhere.code, "Say --env production" in elsewhere.err) == (2, True)
    rehearsed = rolloutctl("runbook", "run", "kill", "--mode", "rehearse", "--env", "development", "--rollout", FLAG, "--yes")
    assert rehearsed.code == 0, rehearsed.err
    live = rolloutctl("runbook", "run", "kill", "--mode", "live", "--env", "production", "--rollout", FLAG, "--yes", "--json")
    assert live.code == 0, live.err
    assert json.loads(live.out)["rollout"] == f"{FLAG}#1"
    assert (place.flag_on("production"), place.flag_on("development")) == (False, True)
    back = Path("runbooks/back.toml")
    back.write_text(books.book(books.FLAG_OFF.replace("off = true", "snapshot = true")).replace('"kill"', '"back"'))
    restored = rolloutctl("runbook", "run", "back", "--mode", "live", "--env", "production", "--rollout", FLAG, "--yes")
    assert restored.code == 0, restored.err
    assert place.flag_on("production"), "as the rollout found it"


def test_without_a_terminal_steps_are_confirmed_beforehand(place: Town, rolloutctl: Callable[..., Done]) -> None:
    done = rolloutctl("runbook", "run", "kill", "--mode", "rehearse", *HERE)
    assert (done.code, "--yes" in done.err) == (2, True)
    assert not (place.folder / "journal.db").exists()


def test_a_second_signal_does_not_wait(place: Town) -> None:
    gate = threading.Event()
    place.place.held = gate
    text = books.WHOLE.replace('timeout = "2s"', 'timeout = "60s"')
    Path("runbooks/kill.toml").write_text(text)
    first = process(place, "runbook", "run", "kill", "--mode", "rehearse", "--yes", *HERE)
    try:
        until(lambda: any(method == "PUT" for method, _, _ in place.place.writes))
        first.send_signal(signal.SIGTERM)
        until(lambda: "once more leaves at once" in (place.folder / "ana.log").read_text())
        assert first.poll() is None, "the first one waits for the request in flight"
        first.send_signal(signal.SIGTERM)
        assert first.wait(60) == 128 + signal.SIGTERM, (place.folder / "ana.log").read_text()
    finally:
        gate.set()
    done = subprocess.run(
        [sys.executable, "-m", "rolloutctl", "--config", str(place.config), "runbook", "runs", "--json"],
        capture_output=True,
        check=True,
        cwd=place.folder,
    )
    steps = {step["id"]: step["place"] for step in json.loads(done.stdout)["runs"][0]["steps"]}
    assert steps["purge"] == "unknown"


def test_a_second_live_run_on_the_same_flag_is_told_of_the_first(place: Town, rolloutctl: Callable[..., Done]) -> None:
    place.place.value = 1.0
    Path("runbooks/kill.toml").write_text(books.book(books.FLAG_OFF, books.RECOVERED.replace('"5s"', '"60s"')))
    live = ("runbook", "run", "kill", "--mode", "live", "--yes", *HERE)
    first = process(place, *live)
    until(lambda: "recovered: value" in (place.folder / "ana.log").read_text())
    second = rolloutctl(*live)
    assert (second.code, "is being rolled back by ana" in second.err) == (6, True)
    place.place.value = 0.0
    assert first.wait(60) == 0
    assert rolloutctl(*live).code == 0, "pressing again is harmless"
