"""What a run does at its turns: questions, pages, groups, follow-ups, clean-up, proof. On ports in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rolloutctl.errors import ExitCode
from rolloutctl.model.run_events import Notified, StepIntent, StepOk, StepReconciled
from rolloutctl.model.run_words import CleanUp, Part, RunMode, RunResult
from rolloutctl.runner.action import Answer, Said
from rolloutctl.runner.facts import Crew
from rolloutctl.runner.tools import Asked
from runner import books
from runner.rig import RUN, Rig, lost_answer, lost_request, refused, status

ASKING = books.PURGE.replace('adapter = "cache"', 'adapter = "cache"\non_failure = "ask"', 1)
ONCE_ASKING = books.PAGE_ONCE.replace('on_unknown = "stop"', 'on_unknown = "ask"')
PREFLIGHT = """
[[preflight]]
id = "alive"
type = "check"
promql = 'sum(guard_total)'
pass = { op = ">", value = "1000" }
within = "1s"
"""
MANUAL = """
[[steps]]
id = "restart"
type = "manual"
instructions = "Restart ${flag}."
proof = { prompt = "Which ticket?", min_length = 3 }
within = "1m"
"""


def bodies(rig: Rig, kind: type) -> list:
    return [event.body for event in rig.events if isinstance(event.body, kind)]


def test_every_effect_has_the_same_key_in_every_attempt() -> None:
    rig = Rig(books.book(books.PURGE))
    rig.server.faults = [("PUT", lost_request)]
    assert rig.run().code is ExitCode.OK
    keys = {request.key for request in rig.server.sent if request.method == "PUT"}
    assert keys == {f"{RUN}:purge"}
    assert [body.attempt for body in bodies(rig, StepIntent)] == [1, 2]


def test_a_person_confirms_by_typing_and_is_waited_for() -> None:
    rig = Rig(books.book(books.FLAG_OFF))
    rig.people.says = [Said(Answer.YES, "ana: ranker", timedelta(seconds=7))]
    left = rig.run(Crew.PERSON, yes=False)
    assert left.code is ExitCode.OK
    assert left.state.waited == timedelta(seconds=7)
    (asked,) = rig.people.heard
    assert isinstance(asked, Asked)
    assert asked.type_this == "ranker"
    assert bodies(rig, StepIntent)[0].answer == "ana: ranker"


def test_what_is_not_confirmed_is_not_done_and_may_be_resumed() -> None:
    rig = Rig(books.book(books.FLAG_OFF))
    rig.people.says = [Said(Answer.STOP)]
    assert rig.run(Crew.PERSON, yes=False).code is ExitCode.NOT_YET
    assert not rig.flags.cohort.off
    rig.people.says = [Said(Answer.YES)]
    assert rig.run(Crew.PERSON, yes=False).code is ExitCode.OK


def test_an_interrupted_step_is_confirmed_again() -> None:
    rig = Rig(books.book(books.FLAG_OFF, books.PURGE))
    rig.flags.lose = ["request"] * 3
    rig.people.says = [Said(Answer.YES)]
    left = rig.run(Crew.PERSON, yes=False)
    assert left.code is ExitCode.FAILED, left.why
    rig.people.heard.clear()
    rig.people.says = [Said(Answer.YES)]
    assert rig.run(Crew.PERSON, yes=False).code is ExitCode.OK
    assert len(rig.people.heard) == 1


@pytest.mark.parametrize(
    ("says", "code", "sent"),
    [
        (Answer.AGAIN, ExitCode.OK, 2),
        (Answer.GO_ON, ExitCode.FAILED, 1),
        (Answer.STOP, ExitCode.NOT_YET, 1),
        (Answer.END, ExitCode.FAILED, 1),
    ],
)
def test_a_failed_step_asks(says: Answer, code: ExitCode, sent: int) -> None:
    rig = Rig(books.book(ASKING))
    rig.server.faults = [("PUT", status(409))]
    rig.people.says = [Said(says)]
    left = rig.run(Crew.PERSON)
    assert left.code is code
    assert left.state.ended is (says is not Answer.STOP)
    assert sum(request.method == "PUT" for request in rig.server.sent) == sent


@pytest.mark.parametrize(("says", "sent"), [(Answer.DONE, 1), (Answer.NOT_DONE, 2)])
def test_a_person_looks_after_what_must_not_be_sent_twice(says: Answer, sent: int) -> None:
    rig = Rig(books.book(ONCE_ASKING))
    rig.server.faults = [("POST", lost_answer if says is Answer.DONE else lost_request)]
    rig.people.says = [Said(says, "ana: looked", timedelta(seconds=3))]
    left = rig.run(Crew.PERSON)
    assert left.code is ExitCode.OK
    assert sum(request.method == "POST" for request in rig.server.sent) == sent
    (said,) = bodies(rig, StepReconciled)
    assert (said.by_person, said.waited) == (True, timedelta(seconds=3))


def test_unattended_nothing_is_waited_for_and_people_are_paged() -> None:
    second = books.PURGE.replace('adapter = "cache"', 'adapter = "cache"\nconfirm = "second_person"', 1)
    text = books.book(ONCE_ASKING, second, books.FLAG_OFF, books.TELL.replace("recovered", "not_recovered", 1))
    rig = Rig(text, confirmed=True)
    rig.server.faults = [("POST", lost_request)]
    left = rig.run(Crew.UNATTENDED, yes=False)
    assert left.state.ended
    assert (left.code, left.state.result) == (ExitCode.UNKNOWN, RunResult.UNKNOWN)
    assert rig.flags.cohort.off, "it goes on to the next critical step"
    assert rig.people.heard == []
    pages = [told for told in bodies(rig, Notified) if not told.step]
    assert [told.delivered for told in pages] == [True, True]
    assert "Nobody answered" in pages[0].text
    assert rig.place("purge") == "skipped"


def test_a_page_that_cannot_be_sent_is_journalled() -> None:
    rig = Rig(books.book(ONCE_ASKING, books.FLAG_OFF), confirmed=True)
    rig.server.faults = [("POST", lost_request)]
    runner = rig.runner(Crew.UNATTENDED)
    import asyncio
    from dataclasses import replace

    runner.workshop = replace(runner.workshop, tools=replace(runner.workshop.tools, pagers=()))
    asyncio.run(runner.run())
    (told,) = bodies(rig, Notified)
    assert (told.delivered, told.channel) == (False, "")
    assert "names a channel" in told.why


def test_what_is_not_critical_does_not_keep_the_rest() -> None:
    extra = books.PAGE_ONCE.replace('on_unknown = "stop"', 'on_unknown = "continue"\ncritical = false')
    rig = Rig(books.book(extra, books.FLAG_OFF))
    rig.server.faults = [("POST", status(404))]
    assert rig.run().code is ExitCode.OK
    assert (rig.place("page"), rig.place("flag-off")) == ("failed", "ok")


@pytest.mark.parametrize(("crew", "begun"), [(Crew.NOBODY, False), (Crew.UNATTENDED, True)])
def test_a_preflight_stops_a_person_and_never_an_automatic_rollback(crew: Crew, *, begun: bool) -> None:
    rig = Rig(books.book(PREFLIGHT, books.FLAG_OFF), confirmed=crew is Crew.UNATTENDED)
    left = rig.run(crew)
    assert rig.flags.cohort.off is begun
    assert left.state.ended is begun


def test_a_person_may_go_on_in_spite_of_a_preflight() -> None:
    rig = Rig(books.book(PREFLIGHT, books.FLAG_OFF))
    rig.people.says = [Said(Answer.GO_ON)]
    assert rig.run(Crew.PERSON).code is ExitCode.OK


def test_a_rehearsal_with_a_failed_preflight_fails_and_sends_nothing() -> None:
    rig = Rig(books.book(PREFLIGHT, books.FLAG_OFF), RunMode.REHEARSE)
    left = rig.run()
    assert (left.state.result, left.state.clean_up) == (RunResult.FAILED, CleanUp.NONE)
    assert rig.flags.effects == []


def test_a_manual_step_gives_its_proof() -> None:
    rig = Rig(books.book(MANUAL))
    rig.people.says = [Said(Answer.DONE, "OPS-1 hunter2", timedelta(seconds=30))]
    left = rig.run(Crew.PERSON)
    assert (left.code, left.state.waited) == (ExitCode.OK, timedelta(seconds=30))
    assert bodies(rig, StepOk)[0].evidence == {"proof": "OPS-1 «secret»"}


def test_a_step_that_found_all_as_it_should_be_is_not_undone() -> None:
    rig = Rig(books.book(books.PURGE), RunMode.REHEARSE)
    rig.server.generation = "stable"
    left = rig.run()
    assert left.state.clean_up is CleanUp.PROVED
    assert rig.server.generation == "stable", "as before the rehearsal"
    assert rig.done("purge") == 1, "a rehearsal sends what it may send again"
    assert rig.done("purge", ":undo") == 0


def test_live_nothing_is_sent_where_it_is_so_already() -> None:
    rig = Rig(books.book(books.PURGE))
    rig.server.generation = "stable"
    assert rig.run().code is ExitCode.OK
    assert rig.server.effects == []
    assert bodies(rig, StepOk)[0].unchanged


def test_a_clean_up_that_does_not_work_is_a_failure() -> None:
    rig = Rig(books.book(books.PURGE), RunMode.REHEARSE)
    rig.server.faults = [("PUT", lambda server, request: server.act(request))] + [("PUT", refused)] * 20
    left = rig.run()
    assert (left.code, left.state.result, left.state.clean_up) == (ExitCode.FAILED, RunResult.DONE, CleanUp.FAILED)


def test_somebody_elses_change_is_seen_by_the_proof() -> None:
    rig = Rig(books.book(books.FLAG_OFF, books.PURGE))

    def meddle(server, request):
        rig.flags.cohort = rig.flags.cohort.model_copy(update={"percent": 5})
        return server.act(request)

    rig.server.faults = [("PUT", meddle)]
    left = rig.run()
    assert (left.code, left.state.result) == (ExitCode.FAILED, RunResult.FAILED)
    assert '"flag-off" is not as the run left it' in left.state.ended_why


def test_of_two_steps_of_one_flag_the_newest_counts_and_all_are_undone() -> None:
    half = '\n[[steps]]\nid = "half"\ntype = "flag"\nset = { percent = 50 }\n'
    rig = Rig(books.book(half, books.FLAG_OFF), RunMode.REHEARSE)
    left = rig.run()
    assert left.code is ExitCode.OK, left.state
    assert [what for _, what in rig.flags.effects] == ["50 %", "off", "50 %", "100 %"]


def test_a_run_later_than_its_objective_exits_3() -> None:
    slow = '\n[[steps]]\nid = "breathe"\ntype = "wait"\nfor = "6m"\n'
    rig = Rig(books.book(slow, books.FLAG_OFF))
    left = rig.run()
    assert left.code is ExitCode.OBJECTIVE_MISSED
    assert left.state.took == timedelta(minutes=6)


def test_follow_ups_know_how_it_went() -> None:
    rig = Rig(books.book(books.RECOVERED, books.TELL, books.ESCALATE))
    rig.run()
    (message,) = rig.pager.messages
    assert message.text.startswith("ranker is off, recovered in 0s; journal ")
    assert "f" * 64 in message.text


def test_an_undo_brings_back_what_a_live_run_changed() -> None:
    rig = Rig(books.book(books.FLAG_OFF, books.PURGE, books.SILENCE))
    assert rig.run().code is ExitCode.OK
    left = rig.run(undoing=True)
    assert left.code is ExitCode.OK
    assert (rig.flags.cohort.percent, rig.server.generation) == (100, "canary")
    parts = [body.step for body in bodies(rig, StepIntent) if body.part is Part.UNDO]
    assert parts == ["quiet", "purge", "flag-off"]
