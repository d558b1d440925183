"""Commands that ask for a change of a rollout, and stay until it has happened where they drive it themselves.

JSON of all of them: {"accepted", "code", "sentence", "reasons": [sentence], "request": seq, "receipt": "SEQ HASH",
"rollout": live_shape or null}.
Refusals go to stderr, a reason a line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from rolloutctl.cli.beginning import refuse_read_only, settings_of
from rolloutctl.cli.naming import WITHOUT_JOURNAL, NoSuchRollout, did_you_mean
from rolloutctl.cli.out import complain, put, put_json, say
from rolloutctl.cli.reading import Known, journal_of, load, utc_now
from rolloutctl.cli.sentences import condition, event_line, zone_of
from rolloutctl.cli.session import Session, session
from rolloutctl.cli.shapes import live_shape
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.waits import first_look_s
from rolloutctl.engine.cards.making import where
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.engine import Drives
from rolloutctl.engine.options import Prompts
from rolloutctl.engine.view.commands import Command, CommandKind, Reply
from rolloutctl.engine.view.snapshot import Driving, RolloutSnapshot
from rolloutctl.engine.wiring import Options
from rolloutctl.errors import ExitCode, InvalidInput, JournalCorrupt, JournalUnreachable
from rolloutctl.model.kinds import HoldKind
from rolloutctl.model.state import RolloutState, Status, Step
from rolloutctl.policy.conditions import FINISH
from rolloutctl.telling import clause
from rolloutctl.units import show_duration

_CARRIED_OUT_S = 5.0
_EFFECT_SPARE_S = 60.0
_ROLLBACK_WITHIN_S = 150.0
_TURNED_OFF = frozenset({Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN, Status.ROLLED_BACK})
_REQUESTS_ONLY = frozenset({CommandKind.NOTE, CommandKind.POSTPONE})
"""Written without a driver."""
_SIGNED = frozenset({CommandKind.APPROVE, CommandKind.SIGN, CommandKind.AMEND})
"""Signed where their author has a key, which may want a passphrase."""


@dataclass(frozen=True, slots=True)
class Outcome:
    code: ExitCode
    sentence: str


def ask(globals_: Globals, kind: CommandKind, rollout: str, *, why: str = "", to: str = "", as_json: bool) -> ExitCode:
    """A request that changes no exposure by itself."""
    settings, known = begin(globals_, rollout)
    _check_phase(known, to)
    with session(options_for(settings, known, kind)) as running:
        running.begin_telling(known.id)
        reply = running.send(Command(kind, known.id, why=why, to=to))
        if reply.code is ExitCode.OK:
            running.until(lambda: _carried_out(kind, running.rollout(known.id)), _CARRIED_OUT_S)
        return tell(running, known.id, reply, None, as_json=as_json)


def sign(
    globals_: Globals, rollout: str, gate: str, *, go: bool, checks: tuple[str, ...], all_checks: bool, why: str, as_json: bool
) -> ExitCode:
    settings, known = begin(globals_, rollout)
    declared = next((each for each in known.plan.gates if each.id == gate), None)
    if declared is None:
        names = [each.id for each in known.plan.gates]
        raise InvalidInput(
            f'the plan of {known.id} has no gate "{gate}".',
            remedy=f"{did_you_mean(gate, names)}Its gates: {', '.join(names) or 'none'}.",
        )
    confirmed = declared.checks if all_checks else tuple(_check(declared.checks, check) for check in checks)
    with session(options_for(settings, known, CommandKind.SIGN)) as running:
        reply = running.send(Command(CommandKind.SIGN, known.id, why=why, gate=gate, go=go, checks=confirmed))
        return tell(running, known.id, reply, None, as_json=as_json)


def _check(declared: tuple[str, ...], given: str) -> str:
    if given in declared:
        return given
    if given.isdecimal() and 1 <= int(given) <= len(declared):
        return declared[int(given) - 1]
    listed = "; ".join(f"{number} {check}" for number, check in enumerate(declared, 1)) or "it has none"
    raise InvalidInput(f'the gate has no check "{given}".', remedy=f"Its checks: {listed}.")


def step(
    globals_: Globals,
    kind: CommandKind,
    rollout: str,
    *,
    to: str,
    why: str,
    stay: bool,
    as_json: bool,
    break_glass: str = "",
) -> ExitCode:
    """`advance` and `back`."""
    settings, known = begin(globals_, rollout)
    _check_phase(known, to)
    with session(options_for(settings, known, kind)) as running:
        running.begin_telling(known.id)
        if kind is CommandKind.ADVANCE and not known.driver and not known.state.status.final:
            _first_look(running, settings, known)
        before = _state(running, known)
        reply = running.send(Command(kind, known.id, why=why, to=to, break_glass=break_glass))
        reply = _unreachable(running, known.id, reply)
        outcome = None
        if reply.code is ExitCode.OK and (stay or not _elsewhere(running, known.id)):
            outcome = _effect(running, settings, known, before, stay=stay)
        return tell(running, known.id, reply, outcome, as_json=as_json)


def roll_back(globals_: Globals, rollout: str, *, why: str, as_json: bool) -> ExitCode:
    try:
        settings, known = begin(globals_, rollout)
        with session(options_for(settings, known, CommandKind.ROLLBACK)) as running:
            running.begin_telling(known.id)
            reply = running.send(Command(CommandKind.ROLLBACK, known.id, why=why))
            outcome = None
            if reply.code is ExitCode.OK and reply.seq:
                outcome = _follow(running, settings, known.id, _rolled_back, _ROLLBACK_WITHIN_S)
            return tell(running, known.id, reply, outcome, as_json=as_json)
    except (JournalUnreachable, JournalCorrupt, NoSuchRollout) as error:
        error.remedy = f"{error.remedy} {WITHOUT_JOURNAL}".strip()
        raise


# --- before ------------------------------------------------------------------------------------------------


def begin(globals_: Globals, rollout: str) -> tuple[Settings, Known]:
    refuse_read_only(globals_)
    settings = settings_of(globals_)
    with journal_of(settings) as journal:
        return settings, load(journal, rollout)


def _check_phase(known: Known, to: str) -> None:
    names = [phase.name for phase in known.plan.phases]
    if to and to not in {*names, FINISH}:
        raise InvalidInput(
            f'the plan of {known.id} has no phase "{to}".', remedy=f"{did_you_mean(to, names)}Its phases: {', '.join(names)}."
        )


def options_for(settings: Settings, known: Known, kind: CommandKind) -> Options:
    """As much of an engine as the request needs.

    If another process drives, it answers and nothing is looked at here. Else this process becomes the driver, and a driver
    looks: before it is asked where evidence decides (advance), afterwards where the request must be heard first (hold).
    """
    alone = not known.driver
    drives = Drives.NAMED if alone and kind is CommandKind.ADVANCE else Drives.NONE
    over = known.state.status.final and kind is not CommandKind.ROLLBACK
    # Turning off looks for itself, and nothing else may be in its way; where it was turned off before, there is time to look.
    at_once = kind is CommandKind.ROLLBACK and known.state.status not in _TURNED_OFF
    poll = alone and kind not in _REQUESTS_ONLY and not over and not at_once
    named = frozenset({known.id}) if drives is Drives.NAMED else frozenset()
    prompts = Prompts.TERMINAL if kind in _SIGNED and sys.stdin.isatty() else Prompts.NEVER
    return Options(settings, drives=drives, named=named, poll=poll, prompts=prompts)


def _first_look(running: Session, settings: Settings, known: Known) -> None:
    """Until flag and evidence of the present phase have been looked at once, or it is clear that they cannot be."""
    running.until(lambda: _looked(running.rollout(known.id)), first_look_s(settings.config))


def _looked(rollout: RolloutSnapshot | None) -> bool | None:
    if rollout is None:
        return None
    state = rollout.state
    flag = rollout.flag.read_at is not None or bool(rollout.flag.error)
    judged = state.run is None or rollout.phase_verdict is not None
    match rollout.driver.driving:
        case Driving.HERE:
            return True if flag and judged else None
        case Driving.ELSEWHERE:
            return True
        case _:
            return None


# --- after -------------------------------------------------------------------------------------------------


def _carried_out(kind: CommandKind, rollout: RolloutSnapshot | None) -> bool | None:
    """Whether what was accepted is to be seen in the state."""
    if rollout is None:
        return True
    state = rollout.state
    match kind:
        case CommandKind.HOLD:
            return True if state.hold_by(HoldKind.PERSON) is not None else None
        case CommandKind.RESUME:
            return True if state.hold_by(HoldKind.PERSON) is None else None
        case CommandKind.ABORT | CommandKind.CHECKED:
            return True if state.status.final else None
        case _:
            return True


def _state(running: Session, known: Known) -> RolloutState:
    seen = running.rollout(known.id)
    return seen.state if seen is not None else known.state


def _elsewhere(running: Session, rollout: str) -> bool:
    seen = running.rollout(rollout)
    return seen is not None and seen.driver.driving is Driving.ELSEWHERE


def _unreachable(running: Session, rollout: str, reply: Reply) -> Reply:
    """A refusal for no other reason than a flag server that does not answer is not a refusal."""
    seen = running.rollout(rollout)
    lost = seen is not None and seen.flag.error
    if reply.code in {ExitCode.REFUSED, ExitCode.NOT_YET} and lost and any(lost in reason for reason in reply.reasons):
        return Reply(ExitCode.UNREACHABLE, reply.sentence, reply.reasons, reply.seq)
    return reply


def _effect(running: Session, settings: Settings, known: Known, before: RolloutState, *, stay: bool) -> Outcome:
    provider = settings.config.providers.get(known.state.target.provider)
    settle = provider.settle_time if provider is not None else timedelta()
    declared = [phase.settle_time for phase in known.plan.phases if phase.settle_time is not None]
    within = max([settle, *declared]).total_seconds() + _EFFECT_SPARE_S
    return _follow(running, settings, known.id, lambda seen: _stepped(seen, before, stay=stay), within)


def _follow(
    running: Session, settings: Settings, rollout: str, judge: Callable[[RolloutSnapshot], Outcome | None], within_s: float
) -> Outcome:
    zone = zone_of(settings.config.operator.timezone)

    def look() -> Outcome | None:
        for event in running.news(rollout):
            say(event_line(event, zone))
        seen = running.rollout(rollout)
        return judge(seen) if seen is not None else None

    outcome = running.until(look, within_s)
    if outcome is not None:
        return outcome
    seen = running.rollout(rollout)
    unknown = seen is not None and (seen.state.open_intent is not None or seen.state.status is Status.ROLLING_BACK)
    code = ExitCode.UNKNOWN if unknown else ExitCode.NOT_YET
    return Outcome(
        code, f"not settled within {show_duration(timedelta(seconds=round(within_s)))}; look with `rolloutctl watch {rollout}`"
    )


def _stepped(seen: RolloutSnapshot, before: RolloutState, *, stay: bool) -> Outcome | None:
    """How a step of the flag went; None: it is under way."""
    state = seen.state
    if state.status is Status.DONE:
        return Outcome(ExitCode.OK, f"{state.id} is DONE")
    if state.status in {Status.ROLLING_BACK, Status.ROLLED_BACK, Status.ROLLBACK_UNKNOWN, Status.ABORTED}:
        return Outcome(ExitCode.FAILED, f"{state.id} is {state.status.words} now: {state.rollback_why or state.ended_why}")
    if state.accepted is not None or state.open_intent is not None:
        return None
    if state.flag_failure:
        code = ExitCode.UNREACHABLE if seen.flag.error else ExitCode.FAILED
        return Outcome(code, f"the change did not happen: {state.flag_failure}")
    if state.step is Step.SETTLING:
        automatic = state.hold_by(HoldKind.AUTOMATIC)
        if automatic is not None:
            return Outcome(ExitCode.NOT_YET, f"the flag is changed, and it is held: {automatic.reason}")
        return None if stay else Outcome(ExitCode.OK, f"the flag is changed to {state.expected}; clients have to follow")
    if state.attempts > before.attempts and state.step in {Step.BAKING, Step.READY}:
        return Outcome(ExitCode.OK, f"phase {seen.plan.phases[state.phase].name} is {state.step}")
    return None


def _rolled_back(seen: RolloutSnapshot) -> Outcome | None:
    state = seen.state
    match state.status:
        case Status.ROLLED_BACK:
            return Outcome(ExitCode.OK, f"{state.id} is ROLLED BACK: {state.ended_why}")
        case Status.ROLLBACK_UNKNOWN:
            why = f"{state.id} is ROLLBACK UNKNOWN: {clause(state.ended_why)}."
            return Outcome(ExitCode.UNKNOWN, f"{why} Look at the flag server; then `rolloutctl checked {state.id} --why …`")
        case _:
            return None


def tell(running: Session, rollout: str, reply: Reply, outcome: Outcome | None, *, as_json: bool) -> ExitCode:
    accepted = reply.code is ExitCode.OK
    code = outcome.code if outcome is not None else reply.code
    sentence = outcome.sentence if outcome is not None else reply.sentence
    seen = running.rollout(rollout)
    if as_json:
        put_json(
            {
                "accepted": accepted,
                "code": int(code),
                "sentence": sentence,
                "reasons": list(reply.reasons),
                "request": reply.seq or None,
                "receipt": running.receipt() or None,
                "rollout": live_shape(seen) if seen is not None else None,
            }
        )
        return code
    if not accepted:
        complain(sentence)
        for reason in reply.reasons[1:] if reply.reasons and reply.reasons[0] in sentence else reply.reasons:
            say(f"  {reason}")
        return code
    if code is not ExitCode.OK:
        complain(sentence)
    else:
        put(sentence)
    if seen is not None:
        put(f"{seen.id}: {where(seen.plan, seen.state)}: {condition(seen.plan, seen.state, utc_now())}")
    return code
