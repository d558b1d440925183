"""From rollouts, verdicts and events to the JSON that commands print, as `answers/` declares it.

`known_shape` is a rollout from the journal alone (`engine/cards/making.py` makes it); `live_shape` adds what an engine saw.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from rolloutctl.cli.reading import Known
from rolloutctl.engine.cards.card import Shape
from rolloutctl.engine.cards.making import card_of
from rolloutctl.engine.view.snapshot import Driving, Proposal, RolloutSnapshot
from rolloutctl.model.events import Event, body_json
from rolloutctl.model.verdict import Verdict
from rolloutctl.policy.facts import Proof
from rolloutctl.units import show_time


def known_shape(known: Known, now: datetime) -> Shape:
    """`now`: for the bake clock and whether anybody has to drive."""
    return known.card.driven(known.lease, now)


def driving_of(known: Known, now: datetime) -> Driving:
    return known.card.driving(known.lease, now)


def live_shape(snapshot: RolloutSnapshot) -> Shape:
    shape = card_of(snapshot.plan, snapshot.state).shaped(snapshot.source_now or snapshot.at)
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
    shape["proof"] = _proof(snapshot.proof)
    shape["next"] = snapshot.next
    shape["advance"] = _proposal(snapshot.advance)
    shape["rollback_would"] = _proposal(snapshot.rollback)
    shape["errors"] = list(snapshot.errors)
    return shape


def _proof(proof: Proof | None) -> Shape | None:
    if proof is None:
        return None
    return {
        "runbook": proof.runbook,
        "policy": proof.policy,
        "state": proof.standing.state if proof.standing is not None else None,
        "standing": str(proof.standing) if proof.standing is not None else proof.trouble,
        "edits": list(proof.edits),
    }


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
            "approximate": seen.approximate,
            "queries": list(seen.queries),
        },
    }


def event_shape(event: Event) -> Shape:
    """A row of the journal: {seq at actor host stream kind epoch body prev hash}; `body` as it was hashed, parsed."""
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
    return show_time(datetime.fromtimestamp(unix_s, UTC)) if unix_s is not None else None
