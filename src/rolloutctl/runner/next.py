"""`next_action(runbook, state, facts)`: the one next thing to do in a run. Pure.

Resuming a run is nothing but calling it on the folded state of the run's events with fresh facts. Invariants: nothing is sent
but what has an intent; what was begun and has no outcome is read back before anything else is begun; a step that must not be
sent twice is begun again only on a person's word; every run ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from rolloutctl.errors import ExitCode
from rolloutctl.model.run import Place, RunState, StepRun
from rolloutctl.model.run_words import CleanUp, Part, RunMode, RunResult, Section
from rolloutctl.runbook.fields import ConfirmKind
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.steps import AnyStep, OnFailure, OnUnknown
from rolloutctl.runner.action import (
    Action,
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
    TakeWord,
    Topic,
)
from rolloutctl.runner.facts import LOOKS, TRIES, Crew, Facts
from rolloutctl.runner.nature import Told, subject, told, undoable

_AFTER = (Section.AFTER_RECOVERED, Section.AFTER_NOT_RECOVERED)


def next_action(runbook: Runbook, state: RunState, facts: Facts) -> Action:
    return _Next(runbook, state, facts).action()


def result_of(runbook: Runbook, state: RunState) -> RunResult:
    """What came of the steps, whichever of them are still to do counting as not done."""
    critical = [run for run in state.steps if run.section is Section.STEPS and run.critical]
    missing = [run for run in critical if run.forward.place is not Place.OK]
    if any(run.forward.to_read_back for run in missing):
        return RunResult.UNKNOWN
    if not missing:
        if not runbook.recovers:
            return RunResult.DONE
        return RunResult.RECOVERED if state.recovered_at is not None else RunResult.NOT_RECOVERED
    if all(not run.effect for run in missing) and runbook.recovers and state.recovered_at is None:
        return RunResult.NOT_RECOVERED
    return RunResult.FAILED


class _Halt(StrEnum):
    """A section is over before its last step."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class _Stuck:
    step: str
    how: _Halt
    why: str


class _Go(Enum):
    READY = "the step may begin"


_Stand = _Go | _Stuck | Ask | TakeWord | Page | None
"""How a step stands: what comes before it, why it is stuck, or None: go on with the next."""


class _Next:
    def __init__(self, runbook: Runbook, state: RunState, facts: Facts) -> None:
        self.runbook = runbook
        self.state = state
        self.facts = facts
        self.runs = {run.id: run for run in state.steps}
        self.order = [run.id for run in state.steps]

    def action(self) -> Action:
        early = self._carry() or self._read_back()
        if self.facts.undoing:
            return early or self._stop() or self._undo() or Leave(ExitCode.OK, "nothing is left to undo")
        if self.state.ended:
            return Leave(ExitCode.OK, "the run is over")
        return early or self._stop() or self._forward()

    # --- what goes before everything else

    def _carry(self) -> Action | None:
        due = [half for half, intent in self._running() if intent in self.facts.fresh]
        return Carry(tuple(due)) if due else None

    def _running(self) -> list[tuple[Half, int]]:
        return [
            (Half(run.id, part), run.doing(part).intent)
            for run in self.state.steps
            for part in Part
            if run.doing(part).place is Place.RUNNING
        ]

    def _read_back(self) -> Action | None:
        due = [
            Half(run.id, part)
            for run, part in self.state.to_read_back
            if told(self._step(run.id), part) is not Told.NOT_NEEDED and self._looks(run, part) < LOOKS
        ]
        return ReadBack(tuple(due)) if due else None

    def _looks(self, run: StepRun, part: Part) -> int:
        doing = run.doing(part)
        if told(self._step(run.id), part) is Told.BY_NOBODY and doing.place is Place.UNKNOWN:
            return LOOKS
        return self.facts.looked.get(doing.intent, 0)

    def _stop(self) -> Action | None:
        if not self.facts.stopping:
            return None
        return Leave(ExitCode.NOT_YET, f"paused: {self.facts.stopping}")

    # --- forward

    def _forward(self) -> Action:
        stuck: _Stuck | None = None
        if self.facts.giving_up:
            stuck = _Stuck("", _Halt.STOPPED, self.facts.giving_up)
        elif not self._main_is_over():
            for section in (Section.PREFLIGHT, Section.STEPS):
                found = self._section(section)
                if isinstance(found, _Stuck):
                    if self._leaves(found):
                        return self._leave(found)
                    stuck = found
                    break
                if found is not None:
                    return found
        return self._finish(stuck)

    def _main_is_over(self) -> bool:
        return any(run.undo.intent or (run.section in _AFTER and run.forward.intent) for run in self.state.steps)

    def _leaves(self, stuck: _Stuck) -> bool:
        """Whether the run stays resumable; a rehearsal, and a run that nobody watches, come to their end."""
        if stuck.how is _Halt.ENDED:
            return False
        if stuck.how is _Halt.STOPPED and self.state.mode is RunMode.LIVE:
            return True
        return self.state.mode is RunMode.LIVE and self.facts.crew is not Crew.UNATTENDED

    def _leave(self, stuck: _Stuck) -> Leave:
        codes = {_Halt.FAILED: ExitCode.FAILED, _Halt.UNKNOWN: ExitCode.UNKNOWN}
        code = codes.get(stuck.how, ExitCode.NOT_YET)
        run = self.runs.get(stuck.step)
        if run is not None and run.forward.place is Place.UNKNOWN:
            code = ExitCode.UNKNOWN
        return Leave(code, stuck.why)

    def _section(self, section: Section) -> Action | _Stuck | None:
        for group in self.runbook.groups(section):
            ready: list[Half] = []
            for step in group:
                found = self._member(section, step)
                if isinstance(found, _Stuck) and found.how is _Halt.FAILED and ready:
                    continue
                if isinstance(found, _Stuck | Ask | TakeWord | Page):
                    return found
                if found is _Go.READY:
                    ready.append(Half(step.id))
            if ready:
                return Begin(tuple(ready), self._passed_over(ready[0].step))
        return None

    def _member(self, section: Section, step: AnyStep) -> _Stand:
        run = self.runs[step.id]
        match run.forward.place:
            case Place.OK | Place.SKIPPED:
                return None
            case Place.WAITING if self._to_skip(section, step):
                return None
            case Place.WAITING | Place.RUNNING:
                return self._confirmed(section, step)
            case Place.FAILED:
                return self._failed(section, step, run)
            case Place.UNKNOWN:
                return self._unknown(section, step, run)

    def _confirmed(self, section: Section, step: AnyStep) -> _Stand:
        kind = step.confirm.kind
        beforehand = self.state.confirmed or self.facts.yes
        if kind is ConfirmKind.NONE or (beforehand and kind is not ConfirmKind.SECOND_PERSON):
            return _Go.READY
        question = Question(step.id, Topic.CONFIRM)
        said = self.facts.said.get(question)
        if said is None and self.facts.crew is Crew.NOBODY and section not in _AFTER:
            return _Stuck(step.id, _Halt.STOPPED, f'"{step.id}" has to be confirmed, and nobody is there to do it')
        if said is None:
            return Ask(question)
        match said.answer:
            case Answer.YES:
                return _Go.READY
            case Answer.NOBODY:
                return self._unanswered(question, _Stuck(step.id, _Halt.STOPPED, f'nobody confirmed "{step.id}"'))
            case _:
                return _Stuck(step.id, _Halt.STOPPED, f'"{step.id}" was not confirmed')

    def _failed(self, section: Section, step: AnyStep, run: StepRun) -> _Stand:
        if self._passed(run):
            return None
        doing = run.forward
        if doing.intent <= self.facts.since and section not in _AFTER:
            # It had failed before this process: to resume is to try again.
            return self._confirmed(section, step)
        if section in _AFTER:
            return None
        stuck = _Stuck(step.id, _Halt.FAILED, f'"{step.id}" failed: {doing.why}')
        if section is Section.PREFLIGHT and self.state.mode is RunMode.LIVE:
            if self.facts.crew is Crew.UNATTENDED:
                return None
            if self.facts.crew is Crew.PERSON and step.when_failed is OnFailure.STOP:
                return self._answered(Question(step.id, Topic.PREFLIGHT, doing.intent), section, step, stuck)
        match step.when_failed:
            case OnFailure.CONTINUE:
                return None
            case OnFailure.STOP:
                return stuck
            case OnFailure.ASK:
                return self._answered(Question(step.id, Topic.FAILED, doing.intent), section, step, stuck)

    def _unknown(self, section: Section, step: AnyStep, run: StepRun) -> _Stand:
        if self._passed(run) or section in _AFTER:
            return None
        doing = run.forward
        stuck = _Stuck(step.id, _Halt.UNKNOWN, f'nobody can tell whether "{step.id}" has happened: {doing.why}')
        match step.when_unknown:
            case OnUnknown.CONTINUE:
                return None
            case OnUnknown.STOP:
                return stuck
            case OnUnknown.ASK:
                return self._answered(Question(step.id, Topic.UNKNOWN, doing.intent), section, step, stuck)

    def _answered(self, question: Question, section: Section, step: AnyStep, stuck: _Stuck) -> _Stand:
        if self.facts.crew is Crew.NOBODY or (self.state.mode is RunMode.REHEARSE and self.facts.crew is Crew.UNATTENDED):
            return stuck
        said = self.facts.said.get(question)
        if said is None:
            return Ask(question)
        match said.answer:
            case Answer.AGAIN:
                return self._confirmed(section, step)
            case Answer.GO_ON:
                return None
            case Answer.DONE | Answer.NOT_DONE:
                return TakeWord(Half(step.id), happened=said.answer is Answer.DONE)
            case Answer.END:
                return _Stuck(step.id, _Halt.ENDED, f'a person ended the run at "{step.id}"')
            case Answer.NOBODY:
                return self._unanswered(question, stuck)
            case Answer.YES | Answer.STOP:
                return _Stuck(step.id, _Halt.STOPPED, f'stopped at "{step.id}": {stuck.why}')

    def _unanswered(self, question: Question, stuck: _Stuck) -> _Stand:
        """Pages, and goes on to the next critical step; a rehearsal needs somebody, so it ends."""
        if question not in self.facts.paged:
            return Page(question)
        return stuck if self.state.mode is RunMode.REHEARSE else None

    # --- what is passed over

    def _passed(self, run: StepRun) -> bool:
        """It is behind us: a later step outside its group was begun, or it was said to be passed over."""
        if run.id in self.state.skipped:
            return True
        mine = self._group_of(run)
        later = self.order[self.order.index(run.id) + 1 :]
        return any(self.runs[step].forward.intent for step in later if step not in mine)

    def _group_of(self, run: StepRun) -> frozenset[str]:
        groups = self.runbook.groups(run.section)
        return next((frozenset(step.id for step in group) for group in groups if any(s.id == run.id for s in group)), frozenset())

    def _to_skip(self, section: Section, step: AnyStep) -> bool:
        """After a question that nobody answered, what is not critical is left out until the next critical step."""
        if section is not Section.STEPS:
            return False
        if self._nobody_confirmed(step.id):
            return True
        if step.critical:
            return False
        before = self.order[: self.order.index(step.id)]
        for earlier in reversed([name for name in before if self.runs[name].section is section]):
            if self._unanswered_at(earlier):
                return True
            run = self.runs[earlier]
            if run.critical or run.forward.place is Place.OK:
                return False
        return False

    def _unanswered_at(self, step: str) -> bool:
        return any(question.step == step for question in self.facts.paged)

    def _nobody_confirmed(self, step: str) -> bool:
        return Question(step, Topic.CONFIRM) in self.facts.paged and self.state.mode is RunMode.LIVE

    def _passed_over(self, step: str) -> tuple[str, ...]:
        """Steps before it in its section that will not be begun."""
        before = self.order[: self.order.index(step)]
        section = self.runs[step].section
        return tuple(
            name
            for name in before
            if self.runs[name].section is section
            and self.runs[name].forward.place is Place.WAITING
            and name not in self.state.skipped
        )

    # --- after the steps

    def _finish(self, stuck: _Stuck | None) -> Action:
        result = result_of(self.runbook, self.state)
        if stuck is not None and stuck.how in {_Halt.STOPPED, _Halt.ENDED} and result is not RunResult.UNKNOWN:
            result = RunResult.STOPPED
        section = Section.AFTER_RECOVERED if result in {RunResult.RECOVERED, RunResult.DONE} else Section.AFTER_NOT_RECOVERED
        if not self._preflight_failed(stuck):
            follow = self._section(section)
            if follow is not None and not isinstance(follow, _Stuck):
                return follow
        if self.state.mode is RunMode.REHEARSE:
            undo = self._undo()
            if undo is not None:
                return undo
        elif self.facts.proved is None and (halves := self._effects()):
            return Prove(halves)
        why = stuck.why if stuck is not None else ""
        if self.facts.wrong:
            result = RunResult.FAILED if result in {RunResult.RECOVERED, RunResult.DONE} else result
            why = "; ".join(part for part in (why, *self.facts.wrong) if part)
        return End(result, self._clean_up(), self._left_out(section), why)

    def _preflight_failed(self, stuck: _Stuck | None) -> bool:
        """Nothing was begun, so there is nothing to follow up."""
        run = self.runs.get(stuck.step) if stuck is not None else None
        return run is not None and run.section is Section.PREFLIGHT

    def _effects(self) -> tuple[Half, ...]:
        done = [run for run in self.state.steps if run.section is Section.STEPS and run.forward.place is Place.OK and run.effect]
        readable = [run.id for run in done if told(self._step(run.id), Part.FORWARD) is Told.BY_READING]
        newest = {subject(self._step(step)): step for step in readable}
        return tuple(Half(step) for step in readable if step in newest.values())

    def _left_out(self, follow: Section) -> tuple[str, ...]:
        sections = {Section.PREFLIGHT, Section.STEPS, follow}
        return tuple(run.id for run in self.state.steps if run.section in sections and not run.forward.intent)

    # --- backward

    def _to_undo(self) -> list[StepRun]:
        """Newest first: whatever may have happened and can be undone."""
        begun = [run for run in self.state.steps if run.forward.place in {Place.OK, Place.UNKNOWN, Place.RUNNING}]
        return [run for run in reversed(begun) if undoable(self._step(run.id))]

    def _undo(self) -> Action | None:
        for run in self._to_undo():
            doing = run.undo
            again = doing.place is Place.FAILED and (doing.attempts < TRIES or doing.intent <= self.facts.since)
            if again or doing.place is Place.WAITING:
                return Begin((Half(run.id, Part.UNDO),))
        return None

    def _clean_up(self) -> CleanUp:
        if self.state.mode is not RunMode.REHEARSE:
            return CleanUp.NONE
        places = [run.undo.place for run in self._to_undo()]
        if not places:
            return CleanUp.NONE
        return CleanUp.PROVED if all(place is Place.OK for place in places) else CleanUp.FAILED

    def _step(self, step: str) -> AnyStep:
        found = self.runbook.step(step)
        assert found is not None, "the digest of the runbook is that of the run"
        return found
