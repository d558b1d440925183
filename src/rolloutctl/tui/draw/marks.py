"""A state is a glyph and a word and a colour: the one table of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from rolloutctl.engine.view.commands import CommandKind
from rolloutctl.engine.view.snapshot import Driving, RolloutSnapshot
from rolloutctl.errors import ExitCode
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import PhaseState, State
from rolloutctl.tui.draw.ink import Ink, Line, Span


@dataclass(frozen=True, slots=True)
class Mark:
    glyph: str
    word: str
    ink: Ink

    @property
    def line(self) -> Line:
        return (Span(f"{self.glyph} {self.word}", self.ink),)


NOT_YET = Mark("○", "not yet", Ink.DIM)
DONE = Mark("•", "done", Ink.DIM)
ASKED = Mark("•", "asked", Ink.DIM)
"""Accepted and journalled; whether it happened is yet to be seen."""
_VERDICTS = {
    State.PASS: ("✔", Ink.GOOD),
    State.BREACH: ("✖", Ink.BAD),
    State.PENDING: ("◷", Ink.WAIT),
    State.ONE_HOST: ("⚠", Ink.WARN),
    State.LOW_TRAFFIC: ("∅", Ink.WARN),
    State.NO_DATA: ("∅", Ink.WARN),
    State.STALE: ("∅", Ink.WARN),
    State.NOT_A_NUMBER: ("∅", Ink.WARN),
    State.AMBIGUOUS: ("?", Ink.WARN),
    State.PARTIAL: ("?", Ink.WARN),
    State.SOURCE_DOWN: ("?", Ink.WARN),
    State.INVALID: ("?", Ink.WARN),
}


def of_verdict(state: State) -> Mark:
    glyph, ink = _VERDICTS[state]
    return Mark(glyph, state.words, ink)


def of_verdict_word(word: str) -> Mark:
    """Of a state as the journal has it; an unknown word keeps its own name."""
    return of_verdict(State(word)) if word in State.__members__ else Mark("?", word or "nothing yet", Ink.DIM)


def of_reply(kind: CommandKind, code: ExitCode) -> Mark:
    """A change of the flag that was accepted has not been made by that."""
    later = kind in {CommandKind.ROLLBACK, CommandKind.ADVANCE, CommandKind.BACK}
    return ASKED if later and code is ExitCode.OK else of_code(code)


def of_code(code: ExitCode) -> Mark:
    """How a command ended."""
    match code:
        case ExitCode.OK:
            return Mark("✔", "done", Ink.GOOD)
        case ExitCode.NOT_YET:
            return Mark("◷", "not yet", Ink.WAIT)
        case ExitCode.REFUSED:
            return Mark("✖", "refused", Ink.BAD)
        case ExitCode.UNKNOWN:
            return Mark("?", "UNKNOWN: a person must look", Ink.ALARM)
        case ExitCode.OBJECTIVE_MISSED:
            return Mark("⚠", "done, too late", Ink.WARN)
        case ExitCode.UNREACHABLE:
            return Mark("✖", "not reachable", Ink.BAD)
        case ExitCode.FAILED | ExitCode.INVALID:
            return Mark("✖", "failed", Ink.BAD)
        case _:
            assert_never(code)


def latched(rollout: RolloutSnapshot) -> frozenset[str]:
    """Keys of the verdicts whose breach stands for this attempt of the phase, whatever they say now."""
    run = rollout.state.run
    breaches = run.breaches if run is not None else ()
    return frozenset(f"{breach.criterion}/{breach.segment}" if breach.segment else breach.criterion for breach in breaches)


def breached(rollout: RolloutSnapshot) -> bool:
    """In breach now, or latched for this attempt of the phase."""
    verdict, state = rollout.phase_verdict, rollout.state
    if state.status.final:
        return False
    return state.countdown is not None or (verdict is not None and verdict.state is PhaseState.BREACH)


def of_rollout(rollout: RolloutSnapshot) -> Mark:
    """What a row of the fleet says, worst first."""
    state = rollout.state
    match state.status:
        case Status.ROLLBACK_UNKNOWN:
            return Mark("?", "ROLLBACK UNKNOWN", Ink.ALARM)
        case Status.ROLLING_BACK:
            return Mark("◷", "ROLLING BACK", Ink.BAD)
        case Status.ROLLED_BACK | Status.ABORTED | Status.DONE:
            return Mark("•", state.status.words, Ink.DIM)
        case Status.SEALED | Status.ACTIVE | Status.STABILISING:
            return _troubled(rollout) or _of_step(rollout)
        case _:
            assert_never(state.status)


def _troubled(rollout: RolloutSnapshot) -> Mark | None:
    state = rollout.state
    if breached(rollout):
        return Mark("✖", "BREACH", Ink.BAD)
    if state.open_intent is not None and state.open_intent.unknown:
        return Mark("?", "FLAG UNKNOWN", Ink.BAD)
    if state.held or (rollout.phase_verdict is not None and rollout.phase_verdict.state is PhaseState.HOLD):
        return Mark("⚠", _held_word(rollout), Ink.WARN)
    return None


def _of_step(rollout: RolloutSnapshot) -> Mark:
    state = rollout.state
    if state.status is Status.STABILISING:
        return Mark("✔" if state.step is Step.READY else "•", "STABILISING", Ink.GOOD)
    match state.step:
        case Step.WAITING:
            return Mark("○", "WAITING", Ink.WAIT)
        case Step.APPLYING | Step.SETTLING:
            return Mark("◷", state.step.value, Ink.WAIT)
        case Step.READY:
            return Mark("✔", "READY", Ink.GOOD)
        case Step.BAKING:
            judged = rollout.phase_verdict
            return Mark("◷", "BAKING" if judged and judged.state is PhaseState.READY else "PENDING", Ink.WAIT)
        case _:
            assert_never(state.step)


def _held_word(rollout: RolloutSnapshot) -> str:
    worst = rollout.phase_verdict.worst if rollout.phase_verdict is not None else None
    if rollout.state.holds and rollout.state.holds[0].code != "evidence":
        return "HOLD"
    return worst.state.words if worst is not None and worst.state.missing_evidence else "HOLD"


def unattended(rollout: RolloutSnapshot) -> bool:
    return rollout.driver.driving is Driving.UNATTENDED
