"""The pure core on its own: whatever happens, every run comes to an end, and what is sent was allowed to be."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.errors import ExitCode
from rolloutctl.model import run_events as body_of
from rolloutctl.model.kinds import Reality
from rolloutctl.model.run import Place
from rolloutctl.model.run_words import CleanUp, Part, RunMode, RunResult
from rolloutctl.runner.action import (
    ANSWERS,
    Answer,
    Ask,
    Begin,
    Carry,
    End,
    Half,
    Leave,
    Page,
    Prove,
    Question,
    ReadBack,
    Said,
    TakeWord,
    Topic,
)
from rolloutctl.runner.deed import Failed, Ok, Unknown
from rolloutctl.runner.facts import LOOKS, Crew, Facts
from rolloutctl.runner.nature import Told, sent_twice, told
from rolloutctl.runner.next import next_action
from rolloutctl.runner.outcomes import code_of, outcome
from runner import books
from runner.rig import Rig

MANUAL = """
[[steps]]
id = "look"
type = "manual"
instructions = "Look at the page."
on_failure = "ask"
"""
NOT_CRITICAL = books.PAGE_ONCE.replace('"page"', '"extra"', 1).replace(
    'on_unknown = "stop"', 'on_unknown = "continue"\ncritical = false'
)
ASKING = books.PURGE.replace('adapter = "cache"', 'adapter = "cache"\non_failure = "ask"\nconfirm = "enter"', 1)
TOGETHER = books.SILENCE.replace("comment", 'group = "both"\ncomment') + (
    '\n[[steps]]\nid = "breathe"\ntype = "wait"\nfor = "1s"\ngroup = "both"\n'
)
SECOND = '\n[[steps]]\nid = "four-eyes"\ntype = "wait"\nfor = "1s"\nconfirm = "second_person"\n'
PREFLIGHT = """
[[preflight]]
id = "alive"
type = "check"
promql = 'sum(requests_total)'
pass = { op = ">", value = "0" }
"""
PARTS = [books.FLAG_OFF, ASKING, books.PAGE_ONCE, NOT_CRITICAL, TOGETHER, MANUAL, SECOND, books.RECOVERED]
MOST = 400


@st.composite
def runbooks(draw: st.DrawFn) -> str:
    steps = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=len(PARTS), unique=True))
    before = draw(st.sampled_from(["", PREFLIGHT]))
    return books.book(before, *steps, *draw(st.sampled_from([(), (books.TELL, books.ESCALATE)])))


class Walk:
    """Plays the world: what an action leads to is drawn."""

    def __init__(self, data: st.DataObject, rig: Rig, crew: Crew) -> None:
        self.data = data
        self.rig = rig
        self.crew = crew
        self.facts = Facts(crew)
        self.allowed: dict[str, int] = {}
        self.begun: dict[str, int] = {}

    def restart(self) -> None:
        self.facts = Facts(self.crew, since=self.rig.state.seq)

    def step(self) -> Leave | End | None:
        state = self.rig.state
        action = next_action(self.rig.runbook, state, self.facts)
        match action:
            case Begin(halves):
                self._begin(halves)
            case Carry(halves):
                for half in halves:
                    self._carry(half)
            case ReadBack(halves):
                for half in halves:
                    self._look(half)
            case Ask(question):
                assert question not in self.facts.said
                answers = (*ANSWERS[question.topic], Answer.NOBODY)
                said = Said(self.data.draw(st.sampled_from(answers) if self.crew is Crew.PERSON else st.just(Answer.NOBODY)))
                self.facts = replace(self.facts, said={**self.facts.said, question: said})
            case TakeWord(half, happened):
                self._reconcile(half, Reality.APPLIED if happened else Reality.NOT_APPLIED)
                if not happened:
                    self.allowed[half.step] = self.allowed.get(half.step, 1) + 1
            case Page(question):
                self.facts = replace(self.facts, paged=self.facts.paged | {question})
            case Prove():
                self.facts = replace(self.facts, proved=self.data.draw(st.booleans()))
            case Leave() | End():
                return action
        return None

    def _begin(self, halves: tuple[Half, ...]) -> None:
        open_ = [
            (run.id, part)
            for run, part in self.rig.state.to_read_back
            if told(self.rig.runbook.step(run.id), part) is Told.BY_READING and run.doing(part).place is Place.RUNNING
        ]
        assert open_ == [], "what was begun is read back before anything else is begun"
        for half in halves:
            doing = self.rig.state.step(half.step).doing(half.part)
            assert doing.place is not Place.OK, "what is done is not done again"
            failed = doing.place is Place.FAILED
            if half.part is Part.FORWARD:
                self.begun[half.step] = self.begun.get(half.step, 0) + 1
                if failed:
                    self.allowed[half.step] = self.allowed.get(half.step, 1) + 1
                if not sent_twice(self.rig.runbook.step(half.step)):
                    assert self.begun[half.step] <= self.allowed.get(half.step, 1), "nobody said that it may be sent again"
            at = self.rig.clock.now()
            event = self.rig._write(body_of.StepIntent(step=half.step, part=half.part, before="{}", at=at))
            self.facts = replace(self.facts, fresh=self.facts.fresh | {event.seq})

    def _carry(self, half: Half) -> None:
        intent = self.rig.state.step(half.step).doing(half.part).intent
        assert intent in self.facts.fresh, "only what has an intent of ours is sent"
        self.facts = replace(self.facts, fresh=self.facts.fresh - {intent})
        effect = told(self.rig.runbook.step(half.step), half.part) is not Told.NOT_NEEDED
        results = [Ok(recovered=half.step == "recovered"), Failed("it did not")] + ([Unknown("nobody knows")] if effect else [])
        result = self.data.draw(st.sampled_from(results))
        self.rig._write(outcome(half, intent, result, str, self.rig.clock.now()))

    def _look(self, half: Half) -> None:
        step, doing = self.rig.runbook.step(half.step), self.rig.state.step(half.step).doing(half.part)
        readable = told(step, half.part) is Told.BY_READING
        found = self.data.draw(st.sampled_from([Reality.APPLIED, Reality.NOT_APPLIED, None])) if readable else None
        if found is Reality.NOT_APPLIED and (not sent_twice(step) or doing.attempts >= 3):
            found = None
        if found is not None:
            self._reconcile(half, found)
            return
        self.facts = replace(self.facts, looked={**self.facts.looked, doing.intent: self.facts.looked.get(doing.intent, 0) + 1})
        assert self.facts.looked[doing.intent] <= LOOKS
        if doing.place is Place.RUNNING:
            self.rig._write(outcome(half, doing.intent, Unknown("unseen"), str, self.rig.clock.now()))

    def _reconcile(self, half: Half, found: Reality) -> None:
        intent, at = self.rig.state.step(half.step).doing(half.part).intent, self.rig.clock.now()
        self.rig._write(body_of.StepReconciled(intent=intent, step=half.step, part=half.part, found=found, at=at))


@settings(max_examples=200)
@given(st.data(), runbooks(), st.sampled_from([RunMode.LIVE, RunMode.REHEARSE]), st.sampled_from(Crew))
def test_every_walk_comes_to_an_end(data: st.DataObject, text: str, mode: RunMode, crew: Crew) -> None:
    rig = Rig(text, mode, confirmed=crew is Crew.UNATTENDED)
    walk = Walk(data, rig, crew)
    restarts = 0
    for _ in range(MOST):
        ended = walk.step()
        if ended is not None:
            break
        if restarts < 2 and data.draw(st.integers(0, 15)) == 0:
            restarts += 1
            walk.restart()
    assert ended is not None, "it goes round and round"
    if crew is Crew.UNATTENDED or mode is RunMode.REHEARSE:
        assert isinstance(ended, End), f"nobody is there to resume it: {ended}"
    if isinstance(ended, End):
        _check_end(rig, ended)


def _check_end(rig: Rig, ended: End) -> None:
    state = rig.state
    critical = [run.forward.place for run in state.steps if run.critical and run.section == "steps"]
    if ended.result in {RunResult.RECOVERED, RunResult.DONE}:
        assert set(critical) <= {Place.OK}
    if ended.result is RunResult.RECOVERED:
        assert state.recovered_at is not None
    if Place.UNKNOWN in critical:
        assert ended.result is RunResult.UNKNOWN
    if ended.clean_up is CleanUp.PROVED:
        assert all(run.undo.place in {Place.OK, Place.WAITING} for run in state.steps)
    result = body_of.RunEnded(result=ended.result, clean_up=ended.clean_up, skipped=ended.skipped, at=rig.clock.now())
    rig._write(result)
    assert (code_of(rig.state) is ExitCode.OK) <= (ended.result in {RunResult.RECOVERED, RunResult.DONE})


def first(text: str, facts: Facts, mode: RunMode = RunMode.LIVE) -> object:
    rig = Rig(text, mode)
    return next_action(rig.runbook, rig.state, facts)


def test_nothing_is_begun_unconfirmed() -> None:
    text = books.book(books.FLAG_OFF)
    assert first(text, Facts(Crew.PERSON)) == Ask(Question("flag-off", Topic.CONFIRM))
    assert isinstance(first(text, Facts(Crew.NOBODY)), Leave)
    assert first(text, Facts(Crew.NOBODY, yes=True)) == Begin((Half("flag-off"),))


def test_a_second_person_is_asked_although_all_was_confirmed() -> None:
    assert first(books.book(SECOND), Facts(Crew.PERSON, yes=True)) == Ask(Question("four-eyes", Topic.CONFIRM))


def test_neighbours_of_a_group_begin_together() -> None:
    assert first(books.book(TOGETHER), Facts()) == Begin((Half("quiet"), Half("breathe")))


def test_a_signal_begins_nothing_more() -> None:
    left = first(books.book(books.PURGE), Facts(stopping="it was ended by SIGTERM"))
    assert left == Leave(ExitCode.NOT_YET, "paused: it was ended by SIGTERM")
