"""The fold of a run's events, the record that it leaves, and the rehearsal states."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.test_events import bodies_of
from rolloutctl.errors import JournalCorrupt
from rolloutctl.model import events as ev
from rolloutctl.model.events import KIND_OF, Event
from rolloutctl.model.kinds import EventClass, Kind, Reality, class_of
from rolloutctl.model.rehearsal import RehearsalState, rehearsal_of, rehearsal_state
from rolloutctl.model.run import Place, fold_run
from rolloutctl.model.run_events import ListedStep
from rolloutctl.model.run_words import (
    CleanUp,
    ClockStart,
    ClockStop,
    Part,
    RunMode,
    RunResult,
    Section,
    run_of,
    run_stream,
    step_key,
)

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def listed(step: str, *, critical: bool = True, effect: bool = True, section: Section = Section.STEPS) -> ListedStep:
    return ListedStep(id=step, section=section, type="http", critical=critical, effect=effect)


def created(**changes) -> ev.RunCreated:
    usual = {
        "run": "r1",
        "mode": RunMode.REHEARSE,
        "runbook": "kill",
        "exec_digest": "e1",
        "adapter_digest": "a1",
        "environment": "staging",
        "steps": (
            listed("ready", effect=False, section=Section.PREFLIGHT),
            listed("off"),
            listed("purge", critical=False),
            listed("check", effect=False),
            listed("tell", critical=False, section=Section.AFTER_RECOVERED),
        ),
        "objective": 5 * MINUTE,
        "start": ClockStart.RUN_STARTED,
        "stop": ClockStop.RECOVERED,
        "decided_at": at(-10),
        "at": at(0),
    }
    return ev.RunCreated(**{**usual, **changes})


def stream(*bodies) -> list[Event]:
    return [
        Event(seq, at(seq), "ana", "host", "run/r1", KIND_OF[type(body)], 1, body, "{}", "", "")
        for seq, body in enumerate(bodies, 1)
    ]


def good(**changes) -> list[ev.Body]:
    """Everything done: recovered after 161 seconds, the clean-up proved."""
    return [
        created(**changes),
        ev.StepIntent(step="ready", at=at(1)),
        ev.StepOk(intent=2, step="ready", at=at(2)),
        ev.StepIntent(step="off", at=at(5), waited="3s", before="5 %"),
        ev.StepOk(intent=4, step="off", at=at(6)),
        ev.StepIntent(step="purge", at=at(7)),
        ev.StepOk(intent=6, step="purge", at=at(9)),
        ev.StepIntent(step="check", at=at(10)),
        ev.StepOk(intent=8, step="check", recovered=True, at=at(161)),
        ev.StepIntent(step="off", part=Part.UNDO, at=at(170)),
        ev.StepOk(intent=10, step="off", part=Part.UNDO, at=at(171)),
        ev.RunEnded(result=RunResult.RECOVERED, clean_up=CleanUp.PROVED, proved_at=at(172), at=at(173)),
    ]


def test_a_run_that_recovers():
    state = fold_run(stream(*good()))
    assert {step.id: step.forward.place for step in state.steps} == {
        "ready": Place.OK,
        "off": Place.OK,
        "purge": Place.OK,
        "check": Place.OK,
        "tell": Place.WAITING,
    }
    assert (state.decided_at, state.first_intent_at, state.last_critical_at) == (at(-10), at(5), at(161))
    assert (state.recovered_at, state.proved_at, state.ended_at) == (at(161), at(172), at(173))
    assert (state.waited, state.took, state.in_time) == (timedelta(seconds=3), timedelta(seconds=161), True)
    assert state.step("off").undo.place is Place.OK
    assert state.step("off").forward.before == "5 %"
    assert (state.by, state.result, state.to_read_back) == ("ana", RunResult.RECOVERED, ())


@pytest.mark.parametrize(
    ("start", "stop", "seconds"),
    [
        (ClockStart.RUN_STARTED, ClockStop.RECOVERED, 161),
        (ClockStart.FIRST_INTENT, ClockStop.RECOVERED, 156),
        (ClockStart.FIRST_INTENT, ClockStop.LAST_CRITICAL, 156),
    ],
)
def test_the_clock_is_the_one_of_the_objective(start, stop, seconds):
    assert fold_run(stream(*good(start=start, stop=stop))).took == timedelta(seconds=seconds)


def test_a_run_without_an_end_of_its_clock_is_late_once_it_has_ended():
    bodies = good()[:7]
    assert (fold_run(stream(*bodies)).took, fold_run(stream(*bodies)).in_time) == (None, None)
    ended = fold_run(stream(*bodies, ev.RunEnded(result=RunResult.NOT_RECOVERED, at=at(400))))
    assert (ended.took, ended.in_time) == (None, False)


def test_after_a_crash_every_intent_without_outcome_and_every_unknown_is_read_back():
    state = fold_run(stream(*good()[:4]))
    assert [(step.id, part) for step, part in state.to_read_back] == [("off", Part.FORWARD)]
    unknown = fold_run(stream(*good()[:4], ev.StepUnknown(intent=4, step="off", at=at(9), why="no answer")))
    assert (unknown.step("off").forward.place, unknown.step("off").forward.why) == (Place.UNKNOWN, "no answer")
    assert unknown.to_read_back


@pytest.mark.parametrize(
    ("found", "place"), [(Reality.APPLIED, Place.OK), (Reality.NOT_APPLIED, Place.WAITING), (Reality.FOREIGN, Place.FAILED)]
)
def test_what_was_read_back_is_where_the_step_is(found, place):
    state = fold_run(
        stream(
            *good()[:4],
            ev.StepUnknown(intent=4, step="off", at=at(9)),
            ev.StepReconciled(intent=4, step="off", found=found, at=at(9)),
        )
    )
    assert state.step("off").forward.place is place


def test_an_outcome_of_an_older_intent_says_nothing():
    state = fold_run(
        stream(*good()[:4], ev.StepIntent(step="off", attempt=2, at=at(8)), ev.StepFailed(intent=4, step="off", at=at(9)))
    )
    assert (state.step("off").forward.place, state.step("off").forward.attempts) == (Place.RUNNING, 2)
    assert state.step("off").forward.began_at == at(5), "the first intent is when it began"


def test_steps_that_are_passed_over_are_skipped_unless_they_were_begun():
    state = fold_run(stream(*good()[:7], ev.StepIntent(step="check", skips=("off", "tell"), at=at(9))))
    assert (state.step("off").forward.place, state.step("tell").forward.place) == (Place.OK, Place.SKIPPED)
    assert state.skipped == ("off", "tell")


def test_the_first_end_and_the_first_creation_count():
    twice = [*good(), ev.RunEnded(result=RunResult.FAILED, at=at(999)), created(run="r2")]
    state = fold_run(stream(*twice))
    assert (state.id, state.result, state.seq) == ("r1", RunResult.RECOVERED, 12 + 1)


@pytest.mark.parametrize("kind", [Kind.STEP_OK, Kind.RUN_ENDED, Kind.NOTIFIED, Kind.FLAG_INTENT])
def test_what_comes_before_the_creation_is_corrupt(kind):
    @given(bodies_of(kind))
    @settings(max_examples=3)
    def is_corrupt(body):
        with pytest.raises(JournalCorrupt, match="before the run was created"):
            fold_run(stream(body))

    is_corrupt()


def test_a_lease_may_be_taken_before_the_creation():
    assert fold_run(stream(ev.LeaseTaken(holder="h", pid=1))) is None
    assert fold_run(stream(ev.LeaseTaken(holder="h", pid=1), created())).id == "r1"


ANY = st.sampled_from([kind for kind in Kind if kind is not Kind.RUN_CREATED]).flatmap(bodies_of)
STEPS = st.sampled_from(["ready", "off", "purge", "check", "tell", "other"])


@given(st.lists(st.tuples(ANY, STEPS, st.integers(0, 12)), max_size=12), st.integers(0, 13))
@settings(max_examples=200)
def test_whatever_was_journalled_is_folded_and_piecewise_is_the_same(drawn, cut):
    bodies = [created()]
    for body, step, intent in drawn:
        update = (
            {"step": step, "intent": intent}
            if isinstance(body, ev.StepOk | ev.StepFailed | ev.StepUnknown | ev.StepReconciled)
            else {}
        )
        bodies.append(body.model_copy(update={"step": step} if isinstance(body, ev.StepIntent) else update))
    events = stream(*bodies)
    whole = fold_run(events)
    assert fold_run(events[cut:], fold_run(events[:cut])) == whole
    assert whole.took is None or whole.took >= timedelta()


def test_the_events_of_a_run_are_effects():
    names = "run.created run.ended step.intent step.ok step.failed step.unknown step.reconciled notified"
    assert all(class_of(Kind(name)) is EventClass.EFFECT for name in names.split())


def test_names_of_streams_and_keys():
    assert run_of(run_stream("r1")) == "r1"
    assert (step_key("r1", "off"), step_key("r1", "off", Part.UNDO)) == ("r1:off", "r1:off:undo")


# --- rehearsal states -----------------------------------------------------------------------------------------


def record(
    *, ended: float = 173, result: RunResult = RunResult.RECOVERED, clean: CleanUp = CleanUp.PROVED, skipped=(), **changes
):
    bodies = good(**changes)
    bodies[-1] = ev.RunEnded(result=result, clean_up=clean, skipped=skipped, proved_at=at(172), at=at(ended))
    return rehearsal_of(fold_run(stream(*bodies)))


def standing(*records, objective=5 * MINUTE, now=None, **more):
    max_age = timedelta(days=30)
    return rehearsal_state(records, "e1", "a1", objective, max_age, now or AT + timedelta(days=12, hours=1), **more)


CASES = [
    (RehearsalState.NEVER, []),
    (RehearsalState.NEVER, [record(mode=RunMode.PLAN)]),
    (RehearsalState.NEVER, [record(inject=("off=crash@1",))]),
    (RehearsalState.FAILED, [record(result=RunResult.NOT_RECOVERED)]),
    (RehearsalState.FAILED, [record(result=RunResult.UNKNOWN)]),
    (RehearsalState.FAILED, [record(clean=CleanUp.FAILED)]),
    (RehearsalState.FAILED, [record(), record(ended=500, result=RunResult.FAILED)]),
    (RehearsalState.FAILED, [record(exec_digest="e0", result=RunResult.FAILED)]),
    (RehearsalState.EDITED, [record(exec_digest="e0")]),
    (RehearsalState.EDITED, [record(exec_digest="e0", adapter_digest="a0")]),
    (RehearsalState.ADAPTER_CHANGED, [record(adapter_digest="a0")]),
    (RehearsalState.ADAPTER_CHANGED, [record(adapter_digest="a0"), record(exec_digest="e0", ended=900)]),
    (RehearsalState.PARTIAL, [record(skipped=("off",))]),
    (RehearsalState.REHEARSED, [record(skipped=("tell",))]),
    (RehearsalState.REHEARSED, [record()]),
    (RehearsalState.REHEARSED, [record(mode=RunMode.LIVE, clean=CleanUp.NONE)]),
    (RehearsalState.REHEARSED, [record(result=RunResult.FAILED), record(ended=500)]),
    (RehearsalState.REHEARSED, [record(), record(exec_digest="e0", result=RunResult.FAILED, ended=900)]),
    (RehearsalState.REHEARSED, [record(), record(inject=("x=crash@1",), result=RunResult.FAILED, ended=900)]),
]


@pytest.mark.parametrize(("state", "records"), CASES, ids=[f"{i}-{state}" for i, (state, _) in enumerate(CASES)])
def test_a_rehearsal_stands(state, records):
    assert standing(*records).state is state
    assert standing(*reversed(records)).state is state


def test_too_slow_is_by_the_present_objective():
    assert standing(record(), objective=timedelta(seconds=160)).state is RehearsalState.TOO_SLOW
    assert standing(record(), objective=timedelta(seconds=161)).state is RehearsalState.REHEARSED
    assert standing(record(), objective=timedelta(seconds=160), within_objective=False).state is RehearsalState.REHEARSED


def test_stale_is_older_than_the_age():
    done = at(173)
    assert standing(record(), now=done + timedelta(days=30)).state is RehearsalState.REHEARSED
    assert standing(record(), now=done + timedelta(days=30, microseconds=1)).state is RehearsalState.STALE
    assert standing(record(), now=done - MINUTE).age == timedelta(), "a clock that is behind makes no age"


def test_a_clock_that_never_stopped_proves_only_a_part():
    bodies = [created(), ev.RunEnded(result=RunResult.DONE, at=at(9))]
    assert standing(rehearsal_of(fold_run(stream(*bodies)))).state is RehearsalState.PARTIAL


def test_the_numbers_for_the_screen():
    assert str(standing(record())) == "REHEARSED 12 d ago, 2m41s/5m"
    assert str(standing(record(adapter_digest="a0"), now=at(173 + 3 * 60))) == "ADAPTER CHANGED 3m ago, 2m41s/5m"
    assert str(standing()) == "NEVER"


def test_a_run_that_has_not_ended_leaves_no_record():
    assert rehearsal_of(fold_run(stream(*good()[:5]))) is None
    kept = record(skipped=("off", "tell"))
    assert (kept.skipped, kept.took, kept.waited, kept.by) == (("off",), timedelta(seconds=161), timedelta(seconds=3), "ana")


def test_the_states_stand_worst_first():
    words = "NEVER FAILED EDITED ADAPTER_CHANGED TOO_SLOW PARTIAL STALE REHEARSED"
    assert [state.value for state in RehearsalState] == words.split()
