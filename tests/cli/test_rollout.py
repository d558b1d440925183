"""Real processes on a real flag server: a rollout there and back by commands alone."""

from __future__ import annotations

import json
import signal
import sqlite3
import time

import pytest

from cli.worlds import NOWHERE, PLAN, Bench
from servers.faultproxy import running_fault_proxy
from servers.faults import DelayAnswer

NO_GATE = PLAN.replace(PLAN[PLAN.index("[[gates]]") : PLAN.index("[[phases]]")], "", 1)


def begun(bench: Bench, **plan: str) -> None:
    done = bench.run("start", str(bench.write(plan=NO_GATE, **plan)))
    assert (done.code, done.out) == (0, f"{bench.name}#1\n"), done.err
    assert f"rolloutctl advance {bench.name}#1" in done.err


def entered(bench: Bench, **plan: str) -> None:
    begun(bench, **plan)
    done = bench.run("advance", bench.name, "--to", "five")
    assert done.code == 0, done.err
    assert bench.percent() == 5


def test_there_to_everyone_and_done(bench: Bench):
    begun(bench)
    assert bench.percent() is None
    done = bench.run("advance", bench.name, "--to", "five", "--why", "first")
    assert done.code == 0, done.err
    assert "phase five is" in done.out
    assert "rolloutctl drive" in done.err
    assert bench.percent() == 5
    with bench.running("drive") as drive:
        assert drive.line() == f"driving {bench.name}#1\n"
        waited = bench.run("wait", bench.name, "--for", "ready", "--timeout", "20s", "--json")
        assert waited.code == 0, waited.out
        assert waited.json["rollout"]["step"] == "READY"
        assert waited.json["rollout"]["driver"]["driving"] == "elsewhere"
        advanced = bench.run("advance", bench.name, "--json")
        assert advanced.code == 0, advanced.err
        assert advanced.json["accepted"]
        assert advanced.json["rollout"]["phase"]["cohort"] == {"audiences": [], "percent": 100}
        assert bench.percent() == 100
        assert bench.run("wait", bench.name, "--timeout", "20s").code == 0
        assert bench.run("advance", bench.name, "--to", "done").code == 0
        drive.until("DONE")
        assert drive.end().code == 128 + signal.SIGTERM
    watched = bench.run("watch", bench.name, "--json")
    assert watched.code == 0
    assert json.loads(watched.out.splitlines()[0])["rollout"]["status"] == "DONE"
    assert bench.run("journal", "verify").code == 0


def test_not_yet_is_5_with_every_reason_on_a_line(bench: Bench):
    entered(bench, bake="1h")
    done = bench.run("advance", bench.name)
    assert done.code == 5
    assert not done.out.startswith("phase")
    assert "Bakes" in done.err
    answered = bench.run("advance", bench.name, "--json")
    assert answered.code == answered.json["code"] == 5
    assert not answered.json["accepted"]
    assert any("Bakes" in reason for reason in answered.json["reasons"])
    assert bench.percent() == 5
    waited = bench.run("wait", bench.name, "--for", "done", "--timeout", "500ms")
    assert waited.code == 5
    assert "UNATTENDED" in waited.err


def test_a_gate_refuses_until_it_is_signed(bench: Bench):
    assert bench.run("start", str(bench.write(gated="five"))).code == 0
    refused = bench.run("advance", bench.name)
    assert refused.code == 6
    assert 'Gate "legal"' in refused.err
    assert bench.run("gate", bench.name, "legal", "--go", "--check", "papers are signed").code == 6
    assert bench.run("gate", bench.name, "legal", "--go", "--check", "3").code == 2
    unknown = bench.run("gate", bench.name, "lega", "--go")
    assert unknown.code == 2
    assert "legal" in unknown.err
    assert bench.run("gate", bench.name, "legal", "--go", "--check", "1", "--check", "data may stay").code == 0
    assert bench.run("advance", bench.name).code == 0


def test_hold_resume_back_note_abort(bench: Bench):
    entered(bench)
    assert bench.run("hold", bench.name, "--why", "looking").code == 0
    shown = bench.run("status", bench.name, "--json").json["rollouts"][0]
    assert [hold["reason"] for hold in shown["holds"]] == ["looking"]
    assert bench.run("advance", bench.name).code == 6
    assert bench.run("resume", bench.name).code == 0
    back = bench.run("back", bench.name, "--to", "five", "--why", "again")
    assert back.code == 0, back.err
    assert bench.run("status", bench.name, "--json").json["rollouts"][0]["phase"]["attempt"] == 2
    assert bench.run("back", bench.name, "--to", "nowhere").code == 2
    assert bench.run("note", bench.name, "remember \x1b[31mthis").code in {0, 2}
    assert bench.run("postpone", bench.name, "--why", "no").code == 6
    assert bench.run("checked", bench.name, "--why", "no").code == 6
    assert bench.run("approve", bench.name).code == 6
    assert bench.run("abort", bench.name, "--why", "superseded").code == 0
    assert bench.percent() == 5
    assert bench.run("wait", bench.name, "--for", "ended").code == 0
    assert bench.run("wait", bench.name, "--for", "done").code == 1
    assert bench.run("watch", bench.name).code == 1
    assert f"{bench.name}#1  ended in five (1/2)  ABORTED: superseded" in bench.run("status").out
    assert "5 % when the rollout ended" in bench.run("status", bench.name).out
    assert "5 %" not in bench.run("status").out


def test_what_has_ended_can_be_rolled_back(bench: Bench):
    entered(bench)
    assert bench.run("abort", bench.name, "--why", "superseded").code == 0
    assert bench.percent() == 5
    done = bench.run("rollback", bench.name, "--why", "bad after all")
    assert done.code == 0, done.err
    assert bench.percent() is None
    shown = bench.run("status")
    assert f"{bench.name}#1  off, was five (1/2)  ROLLED BACK" in shown.out
    assert "5 %" not in shown.out
    assert "off when the rollout ended" in bench.run("status", bench.name).out


def test_only_a_provider_that_answers_says_that_a_flag_is_missing(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    line = ("check", "--live", str(bench.write(plan=NO_GATE.replace('key = "{name}"', 'key = "{name}-absent"'))))
    missing = bench.run(*line)
    assert missing.code == 1
    assert "RC601" in missing.out
    monkeypatch.setenv("CLI_TEST_ADMIN", "user:not-the-token")
    refused = bench.run(*line)
    assert refused.code == 7
    assert "the token is refused" in refused.err
    monkeypatch.delenv("CLI_TEST_ADMIN")
    unset = bench.run(*line)
    assert unset.code == 2
    assert "CLI_TEST_ADMIN" in unset.err
    assert "is not set" in unset.err
    for done in (refused, unset):
        assert "RC601" not in done.out + done.err


def test_drive_in_one_process_hold_and_rollback_in_another(bench: Bench):
    entered(bench, bake="1h")
    with bench.running("drive", "--json") as drive:
        assert json.loads(drive.line()) == {"driving": [f"{bench.name}#1"]}
        held = bench.run("hold", bench.name, "--why", "from another shell", "--json")
        assert held.code == 0, held.err
        assert held.json["rollout"]["driver"]["driving"] == "elsewhere"
        assert json.loads(drive.until("hold.set"))["body"]["reason"] == "from another shell"
        rolled = bench.run("rollback", bench.name, "--why", "bad", "--json")
        assert rolled.code == 0, rolled.err
        assert rolled.json["rollout"]["status"] == "ROLLED_BACK"
        assert bench.percent() is None
        drive.until("rollout.ended")
        ended = drive.end(signal.SIGHUP)
        assert ended.code == 128 + signal.SIGHUP
    again = bench.run("rollback", bench.name)
    assert again.code == 0
    assert bench.run("journal", "verify").code == 0


def test_drive_takes_a_rollout_that_begins_later_and_ends_by_ctrl_c(bench: Bench):
    with bench.running("drive") as drive:
        assert "driving nothing now" in drive.line()
        begun(bench)
        drive.until(f"driving {bench.name}#1")
        assert drive.end(signal.SIGINT).code == 130


def test_an_unreachable_flag_server_is_7(bench: Bench):
    down = bench.config(flags=NOWHERE)
    assert bench.run("start", str(bench.write(plan=NO_GATE)), config=down).code == 7
    assert bench.run("off", "flags", bench.name, "--env", "production", config=down).code == 7
    assert bench.run("check", "--live", str(bench.write(plan=NO_GATE)), config=down).code == 7
    entered(bench)
    advanced = bench.run("advance", bench.name, config=down)
    assert advanced.code == 7, advanced.err
    assert bench.run("status", bench.name, "--live", config=down).code == 7
    assert bench.percent() == 5


def test_a_rollback_that_cannot_reach_the_flag_server_is_unknown_and_goes_on_later(bench: Bench):
    entered(bench)
    rolled = bench.run("rollback", bench.name, config=bench.config(flags=NOWHERE))
    assert rolled.code == 4, rolled.err
    assert "ROLLBACK UNKNOWN" in rolled.err
    assert ".." not in rolled.err
    assert bench.percent() == 5
    assert bench.run("watch", bench.name).code == 4
    with bench.running("drive") as drive:
        drive.until("ROLLED BACK")
    assert bench.percent() is None


def test_a_person_has_checked(bench: Bench):
    entered(bench)
    down = bench.config(flags=NOWHERE)
    assert bench.run("rollback", bench.name, config=down).code == 4
    assert bench.run("checked", bench.name, "--why", "seen with my own eyes", config=down).code == 0
    assert bench.run("status", bench.name, "--json").json["rollouts"][0]["status"] == "ROLLED_BACK"


def test_an_unreachable_source_never_advances(bench: Bench):
    entered(bench)
    down = bench.config(metrics=NOWHERE)
    refused = bench.run("advance", bench.name, config=down)
    assert refused.code in {5, 6}
    assert bench.percent() == 5
    explained = bench.run("explain", bench.name, "load", config=down)
    assert explained.code == 7
    assert "source is down" in explained.err
    assert ".." not in explained.err
    live = bench.run("explain", bench.name, "load", "--json").json
    while live["verdict"]["evidence"]["canary"] is None:  # no cell has closed yet
        time.sleep(0.3)
        live = bench.run("explain", bench.name, "load", "--json").json
    assert live["from"] == "source"
    assert live["verdict"]["evidence"]["canary"] > 0
    assert live["cells"]
    near = bench.run("explain", bench.name, "lode")
    assert near.code == 2
    assert 'Did you mean "load"?' in near.err


def test_who_may_not_is_refused(bench: Bench):
    viewer = bench.config(operator="vera")
    assert bench.run("start", str(bench.write(plan=NO_GATE)), config=viewer).code == 6
    entered(bench)
    for line in (["advance"], ["rollback"], ["hold", "--why", "x"], ["abort", "--why", "x"]):
        done = bench.run(line[0], bench.name, *line[1:], config=viewer)
        assert done.code == 6
        assert "vera is a viewer" in done.err
    assert bench.run("off", "flags", bench.name, "--env", "production", config=viewer).code == 6
    assert "only operators and approvers drive" in bench.run("drive", config=viewer).err
    assert bench.run("journal", "witness", config=viewer).code == 6
    for line in (["advance", bench.name], ["start", "plan.toml"], ["off", "flags", bench.name, "--env", "production"], ["drive"]):
        done = bench.run(*line, "--read-only")
        assert done.code == 6
        assert "--read-only" in done.err
    assert bench.percent() == 5


def test_off_and_rollback_by_plan_need_no_journal(bench: Bench):
    entered(bench)
    for path in bench.folder.glob("journal.db*"):
        path.unlink()
    done = bench.run("rollback", "--plan", str(bench.folder / "plan.toml"), "--json")
    assert done.code == 0, done.err
    assert done.json["target"]["key"] == bench.name
    assert bench.percent() is None
    off = bench.run("off", "flags", bench.name, "--env", "production")
    assert off.code == 0
    assert "off" in off.out
    assert not (bench.folder / "journal.db").exists()
    assert len(list((bench.folder / "state" / "rolloutctl").glob("without-journal-*.jsonl"))) == 1
    assert bench.run("off", "nobody", bench.name, "--env", "production").code == 2
    assert bench.run("rollback").code == 2
    assert bench.run("rollback", bench.name).code == 2


def test_a_rollback_names_the_way_without_a_journal(bench: Bench):
    (bench.folder / "journal.db").write_bytes(b"this is no database, and long enough to be looked at" * 40)
    done = bench.run("rollback", bench.name)
    assert done.code in {1, 7}
    assert "rollback --plan FILE" in done.err


def test_a_tampered_journal_is_1_and_says_where(bench: Bench):
    entered(bench)
    head = bench.run("journal", "show", "--json").json
    witness = f"{head['head_seq']} {head['head_hash']}"
    assert bench.run("journal", "verify", "--witness", witness).code == 0
    assert bench.run("journal", "verify", "--witness", "what").code == 2
    db = sqlite3.connect(bench.folder / "journal.db")
    triggers = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in triggers:
        db.execute(f'DROP TRIGGER "{name}"')
    db.execute("UPDATE events SET actor = 'somebody else' WHERE seq = 2")
    db.commit()
    db.close()
    verified = bench.run("journal", "verify", "--json")
    assert verified.code == 1
    assert not verified.json["ok"]
    assert 2 in [finding["seq"] for finding in verified.json["findings"]]


def test_start_drive_stays_and_a_second_start_is_refused(bench: Bench):
    bench.write(plan=NO_GATE)
    with bench.running("start", "plan.toml", "--drive") as drive:
        assert drive.line() == f"{bench.name}#1\n"
        assert drive.until("driving") == f"driving {bench.name}#1\n"
        again = bench.run("start", "plan.toml")
        assert again.code == 6
        assert "one active rollout per flag" in again.err
        assert drive.end().code == 143


def test_a_plan_with_errors_is_not_started(bench: Bench):
    bench.write(plan=NO_GATE.replace('source = "metrics"', 'source = "nowhere"'))
    done = bench.run("start", "plan.toml")
    assert done.code == 1
    assert "RC501" in done.err
    assert bench.run("status", "--json").json["rollouts"] == []


@pytest.mark.parametrize("rest", [["--json"], []])
def test_status_live(bench: Bench, rest: list[str]):
    entered(bench)
    done = bench.run("status", bench.name, "--live", *rest)
    assert done.code == 0, done.err
    if rest:
        (shown,) = done.json["rollouts"]
        assert shown["flag"]["read"]["state"] == "5 %"
        assert shown["criteria"][0]["criterion"] == "load"
    else:
        assert "5 %" in done.out


@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_in_the_middle_of_a_change_leaves_it_journalled(bench: Bench, signals: int):
    begun(bench)
    with running_fault_proxy(bench.world.flags_url) as proxy:
        proxy.script(DelayAnswer(30.0), method="POST", path="/strategies")
        slow = bench.config(flags=proxy.url, timeout="20s" if signals == 2 else "2s")
        with bench.running("advance", bench.name, config=slow) as advance:
            while not any(request.method == "POST" for request in proxy.reached):
                proxy.wait_for(reached=len(proxy.reached) + 1)
            if signals == 2:
                advance.process.send_signal(signal.SIGTERM)
                time.sleep(0.5)
            done = advance.end()
    assert done.code == 143
    assert "SIGTERM" in done.err
    kinds = [event["kind"] for event in bench.run("journal", "show", bench.name, "--json").json["events"]]
    assert "flag.unknown" in kinds[kinds.index("flag.intent") :]
    shown = bench.run("status", bench.name, "--json").json["rollouts"][0]
    assert shown["flag"]["unknown"]
    with bench.running("drive") as drive:
        drive.until(f"driving {bench.name}#1")
        assert bench.run("wait", bench.name, "--for", "baking", "--timeout", "20s").code == 0
        assert drive.end().code == 143
    assert bench.percent() == 5
    kinds = [event["kind"] for event in bench.run("journal", "show", bench.name, "--json").json["events"]]
    assert kinds.count("flag.intent") == 1
    assert "flag.reconciled" in kinds


def test_no_traceback_and_130_on_ctrl_c(bench: Bench):
    begun(bench)
    for line in (["journal", "follow"], ["watch", bench.name], ["wait", bench.name]):
        with bench.running(*line) as running:
            if line[0] == "watch":
                running.until(bench.name)
            elif line[0] == "journal":
                bench.run("note", bench.name, "hello")
                time.sleep(2.0)
            else:
                time.sleep(2.0)
            assert running.end(signal.SIGINT).code == 130


def test_as_a_process_of_its_own(bench: Bench):
    begun(bench)
    done = bench.run_alone("advance", bench.name, "--to", "five", "--json")
    assert done.code == 0, done.err
    assert done.json["rollout"]["phase"]["name"] == "five"
    assert bench.run_alone("advance", bench.name, "--to", "nowhere").code == 2
    assert bench.run_alone("rollback", bench.name).code == 0
