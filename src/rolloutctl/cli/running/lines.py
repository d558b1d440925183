"""A run as plain lines: what happens now, what is asked, how long, and the countdown against the objective."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from rolloutctl.model import run_events as body_of
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Reality
from rolloutctl.model.run import RunState
from rolloutctl.model.run_words import CleanUp, Part, RunMode, RunResult
from rolloutctl.units import show_clock, show_duration

_NOTE_EVERY_S = 5.0


class Lines:
    """`runner.tools.Watcher` for a terminal or a log."""

    def __init__(self, say: Callable[[str], None], monotonic: Callable[[], float], title_of: Callable[[str], str]) -> None:
        self._say = say
        self._monotonic = monotonic
        self._title_of = title_of
        self._noted: dict[str, tuple[str, float]] = {}
        self._state: RunState | None = None

    def saw(self, event: Event, state: RunState) -> None:
        self._state = state
        line = line_of(event, state, self._title_of)
        if line:
            self._put(f"{clock_of(state, event.at)}  {line}")

    def note(self, step: str, text: str) -> None:
        known, at = self._noted.get(step, ("", -_NOTE_EVERY_S))
        now = self._monotonic()
        if text.partition(";")[0] == known and now - at < _NOTE_EVERY_S:
            return
        self._noted[step] = (text.partition(";")[0], now)
        self._put(f"        {step}: {text}")

    def _put(self, text: str) -> None:
        try:
            self._say(text)
        except (OSError, ValueError):
            # The terminal is gone: the run is not.
            return


def clock_of(state: RunState, now: datetime) -> str:
    """`1m05s, 3m55s left`, by the objective's own clock."""
    began, limit = state.clock_started_at, state.objective.total_seconds()
    if began is None:
        return f"0s, {show_clock(limit)} left"
    ended = state.clock_stopped_at
    spent = ((ended or now) - began).total_seconds()
    left = limit - spent
    if ended is not None:
        return f"in {show_clock(spent)} of {show_clock(limit)}"
    return f"{show_clock(spent)}, {show_clock(left)} left" if left >= 0 else f"{show_clock(spent)}, {show_clock(-left)} OVER"


def line_of(event: Event, state: RunState, title_of: Callable[[str], str]) -> str:
    match event.body:
        case body_of.RunCreated() as body:
            faults = f", with {', '.join(body.inject)}" if body.inject else ""
            return f"{body.mode} of {body.runbook} in {body.environment}{faults}: {body.run}"
        case body_of.StepIntent() as body:
            again = f", attempt {body.attempt}" if body.attempt > 1 else ""
            undo = "undo " if body.part is Part.UNDO else ""
            what = "; ".join(body.requests)
            return f"▶ {undo}{title_of(body.step)}{again}" + (f"  [{what}]" if what else "")
        case body_of.StepOk() as body:
            return f"✓ {body.step}{_why(body.why)}" + ("  RECOVERED" if body.recovered else "")
        case body_of.StepFailed() as body:
            return f"✗ {body.step}: {body.why}"
        case body_of.StepUnknown() as body:
            return f"? {body.step}: UNKNOWN: {body.why}"
        case body_of.StepReconciled() as body:
            mark = "✓" if body.found is Reality.APPLIED else "○"
            return f"{mark} {body.step}: reconciled{', by a person' if body.by_person else ''}: {body.why}"
        case body_of.Notified() as body:
            where = body.channel or "nobody"
            return f"  told {where}" if body.delivered else f"! nobody was told through {where}: {body.why}"
        case body_of.RunEnded():
            return summary(state)
        case _:
            return ""


def summary(state: RunState) -> str:
    """What came of an ended run, in a sentence."""
    if state.result is None:
        return f"{state.id} is not over; `rolloutctl runbook resume {state.id}` goes on with it"
    words = state.result.value.replace("_", " ").upper()
    took = state.took
    spent = f" in {show_clock(took.total_seconds())} of {show_duration(state.objective)}" if took is not None else ""
    late = "" if state.in_time is not False or took is None else ", later than the objective"
    clean = _clean(state)
    why = f": {state.ended_why}" if state.ended_why else ""
    return f"{words}{spent}{late}{clean}{why}"


def _clean(state: RunState) -> str:
    if state.mode is not RunMode.REHEARSE:
        proved = state.proved_at is not None and state.result in {RunResult.RECOVERED, RunResult.DONE}
        return ", read back and proved" if proved else ""
    match state.clean_up:
        case CleanUp.NONE:
            return ", nothing to clean up"
        case CleanUp.PROVED:
            return ", cleaned up and proved"
        case CleanUp.FAILED:
            return ", CLEAN-UP FAILED: something is still as the run left it"
        case _:
            assert_never(state.clean_up)


def _why(why: str) -> str:
    return f": {why}" if why else ""
