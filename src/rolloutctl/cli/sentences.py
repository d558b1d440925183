"""Events and rollouts as one line each, for people. Pure; whoever prints cleans foreign text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from rolloutctl.model import events as ev
from rolloutctl.model.events import Event, HoldKind
from rolloutctl.model.state import RolloutState, Status, Step
from rolloutctl.plan.model import Plan, RollbackTo
from rolloutctl.units import show_age, show_duration


def zone_of(name: str | None) -> tzinfo | None:
    """The zone of the config; None: the system's."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def stamp(at: datetime, zone: tzinfo | None) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def event_line(event: Event, zone: tzinfo | None) -> str:
    """`2026-01-05 11:00:00 CET  checkout#1  phase five: BAKING, attempt 1`."""
    return f"{stamp(event.at, zone)}  {event.stream.removeprefix('rollout/')}  {sentence(event)}"


def sentence(event: Event) -> str:  # noqa: C901, PLR0912 - a closed set, one arm each
    body, who = event.body, event.actor
    match body:
        case ev.AdvanceRequested():
            return _because(f"{who} asks to enter {body.to}", body.why)
        case ev.BackRequested():
            return _because(f"{who} asks to go back to {body.to}", body.why)
        case ev.HoldRequested():
            return _because(f"{who} asks to hold", body.why)
        case ev.ResumeRequested():
            return _because(f"{who} asks to resume", body.why)
        case ev.RollbackRequested():
            return _because(f"{who} asks to roll back", body.why)
        case ev.AbortRequested():
            return _because(f"{who} asks to abort", body.why)
        case ev.ApprovalGiven():
            return _because(f"{who} approves entering {body.phase}", body.why)
        case ev.GateSigned():
            return _because(f"{who} signs gate {body.gate}: {'go' if body.go else 'no-go'}", body.why)
        case ev.CountdownPostponed():
            return _because(f"{who} postpones the countdown", body.why)
        case ev.RollbackChecked():
            return _because(f"{who} has looked at the flag server", body.why)
        case ev.NoteAdded():
            return f"note by {who}: {body.text}"
        case ev.RolloutSealed():
            return f"sealed by {who}: {body.title}, {body.target}, plan {body.plan_digest[:12]}, flag was {body.snapshot}"
        case ev.PhaseWaiting():
            return _because(f"phase {body.phase}: WAITING", clauses(body.missing))
        case ev.PhaseBaking():
            return _because(f"phase {body.phase}: BAKING", body.how_verified)
        case ev.PhaseReady():
            return f"phase {body.phase}: READY"
        case ev.VerdictChanged():
            was = f" (was {_words(body.was)})" if body.was else ""
            return _because(f"{_criterion(body.criterion, body.segment)}: {_words(body.state)}{was}", body.why)
        case ev.BreachLatched():
            return _because(f"BREACH of {body.shown} in phase {body.phase}", body.why)
        case ev.DecisionMade():
            into = f" → {body.phase}" if body.phase else ""
            return _because(f"{body.action}{into} {'accepted' if body.accepted else 'refused'}", clauses(body.reasons))
        case ev.HoldSet():
            return _because(f"held by {who if body.by is HoldKind.PERSON else 'policy'}", body.reason)
        case ev.HoldCleared():
            return _because("hold ended", body.reason)
        case ev.CountdownStarted():
            return _because(f"rolls back at {body.fires_at:%H:%M:%S} UTC unless postponed or held", body.reason)
        case ev.RolloutEnded():
            return _because(f"{_words(body.status)}", body.reason)
        case ev.FlagIntent():
            return _because(f"flag: {body.before} → {body.want} ({body.purpose})", body.why)
        case ev.FlagReconciled():
            return _because(f"flag read back: {_words(body.found.value)}", body.why)
        case ev.FlagUnknown():
            return _because("flag: it is UNKNOWN whether the change happened", body.why)
        case ev.FlagDrifted():
            return f"flag changed by somebody else: it is {body.actual}, it should be {body.expected}"
        case ev.FlagOutcome():
            state = f", reads {body.state}" if body.state is not None else ""
            return _because(f"flag: {_words(event.kind.removeprefix('flag.'))}{state}", body.why)
        case ev.LeaseTaken():
            over = f", taken over from {body.takeover_of}" if body.takeover_of else ""
            return f"driven by {body.holder}{over}"
        case ev.LeaseReleased():
            return _because(f"no longer driven by {body.holder}", body.why)
        case ev.JournalRecovered():
            return f"{body.lines} lines of a file taken in that was written while the journal could not be"
        case _:
            return str(event.kind)


def _because(what: str, why: str) -> str:
    return f"{what}: {clause(why)}" if why else what


def clause(sentence: str) -> str:
    """Without its full stop, to go on after it or to add one."""
    text = sentence.rstrip()
    return text if text.endswith("..") else text.removesuffix(".")


def clauses(sentences: Sequence[str]) -> str:
    """Several sentences as one."""
    return "; ".join(map(clause, sentences))


def _words(state: str) -> str:
    return state.replace("_", " ")


def _criterion(criterion: str, segment: str) -> str:
    return f"{criterion} · {segment}" if segment else criterion


def where(plan: Plan, state: RolloutState) -> str:
    """`five (2/4), 5 %`; of one that has ended what it left behind, not the cohort of its last phase: `off, was five (2/4)`."""
    reached = (
        f"{plan.phases[state.phase].name} ({state.phase + 1}/{len(plan.phases)})"
        if state.phase >= 0
        else f"before {plan.phases[0].name} (0/{len(plan.phases)})"
    )
    match state.status:
        case Status.ROLLED_BACK:
            return f"{state.drifted or _rolled_back_to(plan, state)}, was {reached}"
        case Status.DONE | Status.ABORTED:
            return f"ended in {reached}" if state.phase >= 0 else f"ended {reached}"
        case _:
            return f"{reached}, {plan.cohort(state.phase)}" if state.phase >= 0 else reached


def served(plan: Plan, state: RolloutState) -> str:
    """What the flag says as far as the journal knows; nobody looks at it once a rollout has ended, so that is said."""
    if not state.status.final:
        return str(state.drifted or state.expected or "unknown")
    back = _rolled_back_to(plan, state) if state.status is Status.ROLLED_BACK else ""
    return f"{state.drifted or back or state.expected or 'unknown'} when the rollout ended"


def _rolled_back_to(plan: Plan, state: RolloutState) -> str:
    return str(state.snapshot) if plan.rollback.to is RollbackTo.SNAPSHOT else "off"


def condition(plan: Plan, state: RolloutState, now: datetime) -> str:
    """What it is doing, in a few words."""
    if state.status.final or state.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}:
        return _because(state.status.words, state.ended_why or state.rollback_why)
    parts = [state.status.words if state.step is Step.WAITING and state.phase < 0 else state.step.value]
    if state.run is not None and state.step in {Step.BAKING, Step.READY}:
        bake = plan.phases[state.phase].bake
        parts.append(f"{show_age(min(state.baked(now), bake).total_seconds())} of {show_duration(bake)}")
    if state.run is not None and state.run.breaches:
        parts.append(f"BREACH of {', '.join(dict.fromkeys(breach.shown for breach in state.run.breaches))}")
    if state.countdown is not None:
        parts.append(f"rolls back at {state.countdown.fires_at:%H:%M:%S} UTC")
    parts += [_because("held", hold.reason) for hold in state.holds]
    if state.flag_failure:
        parts.append(_because("the last change did not happen", state.flag_failure))
    return ", ".join(parts)


def criteria_counts(state: RolloutState) -> str:
    """`3 PASS, 1 PENDING`; empty before anything was judged."""
    counts: dict[str, int] = {}
    for verdict in state.verdicts.values():
        counts[verdict] = counts.get(verdict, 0) + 1
    return ", ".join(f"{count} {_words(verdict)}" for verdict, count in counts.items())
