"""`watch` and `wait`: the journal as it grows, without an engine; whoever drives writes it.

`watch --json` prints one line per change: {"event": event_shape or null, "rollout": known_shape}; the first line has no event.
`wait --json` prints {"reached": bool, "goal", "why", "rollout": known_shape}.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.goals import Goal
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import Known, journal_of, load, stream_of, utc_now
from rolloutctl.cli.sentences import condition, event_line, stamp, zone_of
from rolloutctl.cli.shapes import driving_of, event_shape, known_shape
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.cards.making import where
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.view.snapshot import Driving
from rolloutctl.errors import ExitCode, InvalidInput
from rolloutctl.model.events import Event
from rolloutctl.model.fold import fold
from rolloutctl.model.state import RolloutState, Status, Step
from rolloutctl.telling import clause
from rolloutctl.units import parse_duration, show_duration

_LOOK_S = 1.0
"""Between two looks at who drives; an event ends the wait."""


def watch(globals_: Globals, rollout: str, *, as_json: bool) -> ExitCode:
    settings = settings_of(globals_)
    zone = zone_of(settings.config.operator.timezone)
    for event, known in _changes(settings, rollout):
        if as_json:
            shape = event_shape(event) if event is not None else None
            put_json({"event": shape, "rollout": known_shape(known, utc_now())})
        elif event is not None:
            put(event_line(event, zone))
        else:
            put(f"{stamp(utc_now(), zone)}  {known.id}  {where(known.plan, known.state)}: {_condition(known)}")
        ended = ending_of(known.state)
        if ended is not None:
            return ended
    return ExitCode.OK


def wait_for(globals_: Globals, rollout: str, goal: Goal, timeout: str, *, as_json: bool) -> ExitCode:
    try:
        within = parse_duration(timeout)
    except ValueError as error:
        raise InvalidInput(f"--timeout: {clause(str(error))}.") from None
    code, why, known = ExitCode.NOT_YET, f"not {goal} within {show_duration(within)}", None
    for _, known in _changes(settings_of(globals_), rollout, within):
        judged = reached(goal, known.state)
        if judged is not None:
            code, why = judged
            break
    assert known is not None
    if as_json:
        reached_it = code is ExitCode.OK
        put_json({"reached": reached_it, "goal": goal, "why": why, "rollout": known_shape(known, utc_now())})
    else:
        put(f"{known.id}: {why}; {where(known.plan, known.state)}: {_condition(known)}")
    return code


def _condition(known: Known) -> str:
    return condition(known.plan, known.state, utc_now())


def ending_of(state: RolloutState) -> ExitCode | None:
    """The exit code of how a rollout ended; None: it has not."""
    match state.status:
        case Status.DONE:
            return ExitCode.OK
        case Status.ROLLED_BACK | Status.ABORTED:
            return ExitCode.FAILED
        case Status.ROLLBACK_UNKNOWN:
            return ExitCode.UNKNOWN
        case _:
            return None


def reached(goal: Goal, state: RolloutState) -> tuple[ExitCode, str] | None:
    """(code, why) when waiting is over; None: go on."""
    ended = ending_of(state)
    there = {
        Goal.BAKING: ended is None and state.step in {Step.BAKING, Step.READY},
        Goal.READY: ended is None and state.step is Step.READY and state.accepted is None,
        Goal.DONE: state.status is Status.DONE,
        Goal.ROLLED_BACK: state.status is Status.ROLLED_BACK,
        Goal.ENDED: state.status.final,
    }[goal]
    if there:
        return ExitCode.OK, f"it is {goal.value.replace('-', ' ').upper()}"
    if ended is not None:
        code = ExitCode.UNKNOWN if ended is ExitCode.UNKNOWN else ExitCode.FAILED
        return code, f"it is {state.status.words} and will not be {goal}"
    if goal is Goal.READY and state.guardrail_breach is not None:
        return ExitCode.FAILED, "it is in BREACH, which is latched for this attempt of the phase"
    return None


def _changes(settings: Settings, rollout: str, within: timedelta | None = None) -> Iterator[tuple[Event | None, Known]]:
    """(None, as it is now), then (event, as it is after it), until `within` is over; says on stderr when nobody drives."""
    deadline = time.monotonic() + within.total_seconds() if within is not None else None
    with ExitStack() as waiting, journal_of(settings) as journal:
        known = load(journal, rollout)
        assert journal is not None
        news = waiting.enter_context(closing(journal.news()))
        yield None, known
        said = Driving.NOT_NEEDED
        while deadline is None or time.monotonic() < deadline:
            for event in journal.read(stream_of(known.id), known.state.seq):
                state = fold([event], known.state)
                known = replace(known, state=state or known.state)
                yield event, known
            known = replace(known, lease=journal.lease(stream_of(known.id)))
            driving = driving_of(known, utc_now())
            if driving is Driving.UNATTENDED and driving is not said:
                say(f"{known.id} is UNATTENDED: nobody drives it, so nothing will happen. Run `rolloutctl drive`.")
            said = driving
            left = deadline - time.monotonic() if deadline is not None else _LOOK_S
            news.wait(max(0.0, min(_LOOK_S, left)))
