"""What a person signs: one canonical text that says everything the decision is bound to.

Rollout, seal (the hash of the event that began it, so that the same name in another journal is another rollout), plan digest,
phase or gate, what was decided, who, and when. A statement that says anything else than the request it comes with counts for
nothing.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rolloutctl.model import events as ev
from rolloutctl.model.events import KIND_OF, Body, canonical
from rolloutctl.model.kinds import Kind
from rolloutctl.model.signed import Signed, signed_of
from rolloutctl.model.state import RolloutState
from rolloutctl.units import show_time

FORMAT = "rolloutctl-statement-1"
SIGNABLE = frozenset({Kind.APPROVAL_GIVEN, Kind.GATE_SIGNED, Kind.AMEND_REQUESTED})
"""Kinds of requests that are signed where their author has a key."""


def statement(state: RolloutState, body: Body, actor: str, at: datetime) -> str:
    """The text to sign; raises TypeError for a request that is not signed."""
    return canonical({**_said(state, body, actor), "at": show_time(at)})


def with_signature(body: Body, signed: Signed) -> Body:
    return body.model_copy(update={"signed": signed})


def mismatch(state: RolloutState, body: Body, actor: str) -> str:
    """How the signed statement differs from the request it came with, as a clause; empty: it says the same."""
    signed = signed_of(body)
    if signed is None:
        return "there is no statement"
    try:
        told = json.loads(signed.statement)
    except ValueError:
        return "the statement cannot be read"
    if not isinstance(told, dict) or not isinstance(told.pop("at", None), str):
        return "the statement does not say when it was made"
    said = _said(state, body, actor)
    wanted = json.loads(canonical(said))
    for key in (*said, *told):
        if key not in told or key not in wanted or told[key] != wanted[key]:
            here = _short(wanted.get(key))
            return f"the statement is for another {_WORDS.get(key, key)}: {_short(told.get(key))}, here it is {here}"
    return ""


_WORDS = {"kind": "decision", "plan": "plan digest", "by": "person", "why": "reason"}
_SHOWN = 40


def _short(value: object) -> str:
    text = value if isinstance(value, str) else canonical(value) if not isinstance(value, float) else repr(value)
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text or "empty"


def _said(state: RolloutState, body: Body, actor: str) -> dict[str, Any]:
    about: dict[str, Any]
    match body:
        case ev.ApprovalGiven(phase=phase, amendment=amendment, why=why):
            about = {"phase": phase, "amendment": amendment, "why": why}
        case ev.GateSigned(gate=gate, go=go, checks=checks, why=why):
            about = {"gate": gate, "go": go, "checks": checks, "why": why}
        case ev.AmendRequested(plan_digest=digest, why=why):
            about = {"amendment": digest, "why": why}
        case _:
            msg = f"{type(body).__name__} is not signed"
            raise TypeError(msg)
    return {
        "format": FORMAT,
        "kind": KIND_OF[type(body)],
        "rollout": state.id,
        "seal": state.seal,
        "plan": state.plan_digest,
        "by": actor,
        **about,
    }
