"""The JSON that commands print: stable keys, the design's words, durations in seconds, times RFC 3339 UTC, percents as numbers.

A rollout (`rollout_shape`), from the journal alone:

    rollout "name#1" · plan · attempt · title · owner · status · step · held · seq · sealed_at · sealed_by · plan_digest
    phase     null before the first, else {name index count attempt cohort started_at bake_s baked_s deadline_at}
    entering  null, or the name of the phase that is waited for or applied
    flag      {provider key environment project expected drifted last_change failure unknown}
    criteria  [{criterion segment state}], as journalled in the present attempt
    breaches  [{criterion segment role at why}]
    holds     [{by code reason since actor}]
    countdown null or {criterion segment reason fires_at postponed}
    waiting_for [sentence]
    rollback  null or {why by at tries settled}
    ended     null or {at why}
    driver    {driving: "here" | "elsewhere" | "unattended" | "not needed", holder}

`live_shape` adds what an engine saw: verdict {state why}, criteria with why, would_change and evidence, flag.read, exposure,
next, advance and rollback as {allowed effect to requests for against}, errors [sentence].
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rolloutctl.cli.reading import Known
from rolloutctl.engine.snapshot import Driving, Proposal, RolloutSnapshot
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.events import Event, body_json
from rolloutctl.model.state import RolloutState, Status, Step
from rolloutctl.model.verdict import Verdict
from rolloutctl.plan.model import Plan
from rolloutctl.units import show_time

Shape = dict[str, Any]


def known_shape(known: Known, now: datetime) -> Shape:
    """`now`: for the bake clock and whether anybody has to drive."""
    shape = _rollout_shape(known.plan, known.state, now)
    shape["driver"] = {"driving": driving_of(known, now), "holder": known.driver or None}
    return shape


def driving_of(known: Known, now: datetime) -> Driving:
    if not needs_driver(known.plan, known.state, now):
        return Driving.NOT_NEEDED
    return Driving.ELSEWHERE if known.driver else Driving.UNATTENDED


def needs_driver(plan: Plan, state: RolloutState, now: datetime) -> bool:
    """A rollout that has ended needs none, but for the watch after a rollback."""
    watched = state.status is Status.ROLLED_BACK and state.ended_at is not None
    return not state.status.final or (
        watched and state.ended_at is not None and now <= state.ended_at + plan.rollback.watch_after
    )


def live_shape(snapshot: RolloutSnapshot) -> Shape:
    shape = _rollout_shape(snapshot.plan, snapshot.state, snapshot.source_now or snapshot.at)
    verdict, flag, exposure = snapshot.phase_verdict, snapshot.flag, snapshot.exposure
    shape["driver"] = {"driving": snapshot.driver.driving, "holder": snapshot.driver.holder or None}
    shape["verdict"] = {"state": verdict.state, "why": verdict.why} if verdict is not None else None
    shape["judged_at"] = snapshot.judged_at
    if snapshot.verdicts:
        shape["criteria"] = [verdict_shape(each) for each in snapshot.verdicts]
    shape["flag"]["read"] = {
        "state": str(flag.state) if flag.state is not None else None,
        "at": flag.read_at,
        "error": flag.error or None,
    }
    shape["exposure"] = {
        "share": exposure.share,
        "expected": exposure.expected,
        "requests_per_s": exposure.requests_per_s,
        "why": exposure.why,
    }
    shape["next"] = snapshot.next
    shape["advance"] = _proposal(snapshot.advance)
    shape["rollback_would"] = _proposal(snapshot.rollback)
    shape["errors"] = list(snapshot.errors)
    return shape


def verdict_shape(verdict: Verdict) -> Shape:
    """Numbers of `evidence` in the criterion's unit; times as Unix seconds of the source's clock are given as RFC 3339."""
    seen = verdict.evidence
    return {
        "criterion": verdict.criterion,
        "segment": verdict.segment or None,
        "state": verdict.state,
        "why": verdict.why,
        "would_change": verdict.would_change or None,
        "since": _time(verdict.since),
        "missing_since": _time(verdict.missing_since),
        "grace_over": verdict.grace_over,
        "breach_at": _time(verdict.breach_at),
        "evidence": {
            "canary": seen.canary,
            "baseline": seen.baseline,
            "bound": seen.bound,
            "events_canary": seen.events_canary,
            "events_baseline": seen.events_baseline,
            "newest": _time(seen.newest),
            "age_s": seen.age_s,
            "series": seen.series,
            "queries": list(seen.queries),
        },
    }


def event_shape(event: Event) -> Shape:
    """A row of the journal: {seq at actor host stream kind epoch body prev hash}; `body` as it was hashed, parsed."""
    import json

    return {
        "seq": event.seq,
        "at": event.at,
        "actor": event.actor,
        "host": event.host,
        "stream": event.stream,
        "kind": event.kind,
        "epoch": event.epoch,
        "body": json.loads(event.body_json or body_json(event.body)),
        "prev": event.prev,
        "hash": event.hash,
    }


def _rollout_shape(plan: Plan, state: RolloutState, now: datetime) -> Shape:
    intent = state.open_intent
    return {
        "rollout": state.id,
        "plan": state.plan,
        "attempt": state.attempt,
        "title": state.title,
        "owner": state.owner,
        "status": state.status,
        "step": state.step if not state.status.final else None,
        "phase": _phase(plan, state, now),
        "entering": _entering(plan, state),
        "flag": {
            "provider": state.target.provider,
            "key": state.target.key,
            "environment": state.target.environment,
            "project": state.target.project,
            "expected": str(state.expected) if state.expected is not None else None,
            "drifted": state.drifted or None,
            "last_change": state.last_change,
            "failure": state.flag_failure or None,
            "unknown": (intent.unknown or "no outcome was written yet") if intent is not None else None,
        },
        "criteria": [
            {"criterion": criterion, "segment": segment or None, "state": verdict}
            for key, verdict in state.verdicts.items()
            for criterion, _, segment in [key.partition("/")]
        ],
        "breaches": [
            {"criterion": b.criterion, "segment": b.segment or None, "role": b.role, "at": b.at, "why": b.why}
            for b in (state.run.breaches if state.run is not None else ())
        ],
        "held": state.held,
        "holds": [
            {"by": hold.by, "code": hold.code, "reason": hold.reason, "since": hold.since, "actor": hold.actor}
            for hold in state.holds
        ],
        "countdown": _countdown(state),
        "waiting_for": list(state.waiting_for),
        "rollback": _rollback(state),
        "ended": {"at": state.ended_at, "why": state.ended_why} if state.ended_at is not None else None,
        "plan_digest": state.plan_digest,
        "sealed_at": state.sealed_at,
        "sealed_by": state.sealed_by,
        "seq": state.seq,
    }


def _phase(plan: Plan, state: RolloutState, now: datetime) -> Shape | None:
    if state.phase < 0:
        return None
    phase, run = plan.phases[state.phase], state.run
    return {
        "name": phase.name,
        "index": state.phase,
        "count": len(plan.phases),
        "attempt": run.of_phase if run is not None else None,
        "cohort": cohort_shape(plan.cohort(state.phase)),
        "started_at": run.started_at if run is not None else None,
        "bake_s": phase.bake,
        "baked_s": min(state.baked(now), phase.bake) if run is not None else None,
        "deadline_at": run.started_at + phase.deadline_or_default if run is not None and not run.deadline_waived else None,
    }


def cohort_shape(cohort: Cohort) -> Shape:
    return {"audiences": list(cohort.audiences), "percent": cohort.percent}


def _entering(plan: Plan, state: RolloutState) -> str | None:
    on_the_way = state.step in {Step.WAITING, Step.APPLYING} and not state.status.final
    return plan.phases[state.entering].name if on_the_way and 0 <= state.entering < len(plan.phases) else None


def _countdown(state: RolloutState) -> Shape | None:
    running = state.countdown
    if running is None:
        return None
    return {
        "criterion": running.criterion,
        "segment": running.segment or None,
        "reason": running.reason,
        "fires_at": running.fires_at,
        "postponed": running.postponed,
    }


def _rollback(state: RolloutState) -> Shape | None:
    if state.rollback_at is None:
        return None
    return {
        "why": state.rollback_why,
        "by": state.rollback_by,
        "at": state.rollback_at,
        "tries": state.rollback_tries,
        "settled": state.rollback_settled,
    }


def _proposal(proposal: Proposal | None) -> Shape | None:
    if proposal is None:
        return None
    return {
        "allowed": proposal.allowed,
        "effect": proposal.effect,
        "to": proposal.to or None,
        "requests": list(proposal.requests),
        "for": [reason.text for reason in proposal.reasons if reason.ok],
        "against": [reason.text for reason in proposal.reasons if not reason.ok],
    }


def _time(unix_s: float | None) -> str | None:
    from datetime import UTC

    return show_time(datetime.fromtimestamp(unix_s, UTC)) if unix_s is not None else None
