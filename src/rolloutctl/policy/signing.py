"""Whether an approval or a sign-off counts by its signature: whose key, for which decision, used once. Pure.

Whoever has a key in the config decides with a signature only: a name is easily claimed, a key is not. Whether the signature
itself is good was found out by the engine (`Facts.checked`).
"""

from __future__ import annotations

from rolloutctl.config import Config
from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.signed import Signed, signed_of
from rolloutctl.model.state import RolloutState
from rolloutctl.model.statement import SIGNABLE, mismatch
from rolloutctl.plan.model import Plan
from rolloutctl.policy.facts import Facts

UNAUTHENTICATED = "unauthenticated"


def signing_key(config: Config, person: str) -> str:
    """The public key that `person` signs with; empty: they have none, and decide unauthenticated."""
    operator = config.operators.get(person)
    return operator.ssh_key or "" if operator is not None else ""


def key_named(config: Config, person: str, signed: Signed) -> str:
    """The public key that a signature says it is of, where the config knows it for `person`, revoked or not; else empty."""
    operator = config.operators.get(person)
    known = operator.key(signed.key) if operator is not None else None
    return known[0] if known is not None else ""


def unsigned(plan: Plan, state: RolloutState, facts: Facts, request: Event) -> str:
    """Why a request does not count for want of a good signature, as a sentence; empty: it does, or needs none."""
    if request.kind not in SIGNABLE:
        return ""
    signed, person = signed_of(request.body), request.actor
    if signed is None:
        if signing_key(facts.config, person):
            return f"{person} signs with a key (config, [operators.{person}] ssh_key), and this is not signed."
        if wanted := _required(plan, state, facts.config, request):
            return f"{wanted}, and the config has no ssh_key for {person} (config, [operators.{person}])."
        return ""
    why = untrusted(facts.config, state, request, signed)
    if not why and signed.statement in state.statements:
        why = "this signed statement was used before; each counts once."
    return why or facts.checked.get(request.seq, "")


def untrusted(config: Config, state: RolloutState, request: Event, signed: Signed) -> str:
    """Why a signature is not one for this request, before it is looked at whether it is good; empty: it is one."""
    person, operator = request.actor, config.operators.get(request.actor)
    known = operator.key(signed.key) if operator is not None else None
    if known is None:
        return f"it is signed with the key {signed.key}, which the config does not name for {person} ([operators.{person}])."
    until = known[1]
    if until is not None and request.at >= until:
        return f"it is signed with a key of {person} that was revoked at {until:%Y-%m-%d %H:%M:%S} UTC."
    if differs := mismatch(state, request.body, person):
        return f"it does not count: {differs}."
    return ""


def shown_signer(name: str, *, signed: bool) -> str:
    return name if signed else f"{name} ({UNAUTHENTICATED})"


def approvers(state: RolloutState, phase: str) -> tuple[str, ...]:
    """Who approved entering a phase, in words."""
    return tuple(shown_signer(name, signed=(phase, name) in state.signed_approvals) for name in state.approvals.get(phase, ()))


def gate_signer(state: RolloutState, gate: str) -> str:
    return shown_signer(state.gate_signers[gate], signed=gate in state.signed_gates)


def _required(plan: Plan, state: RolloutState, config: Config, request: Event) -> str:
    """Who wants it signed, as the beginning of a sentence; empty: nobody."""
    declared = config.environments.get(state.target.environment)
    if declared is not None and declared.require_signature:
        name = state.target.environment
        return f"{name} takes signed decisions only (config, [environments.{name}] require_signature)"
    match request.body:
        case ev.AmendRequested() | ev.ApprovalGiven(phase=""):
            near = plan.phases[max(0, state.phase) : state.phase + 2]
            wants = next((each.name for each in near if each.require_signature), "")
            return f'phase "{wants}" takes signed decisions only' if wants else ""
        case ev.ApprovalGiven(phase=phase):
            named = next((each for each in plan.phases if each.name == phase), None)
            return f'phase "{phase}" takes signed approvals only' if named is not None and named.require_signature else ""
        case ev.GateSigned(gate=gate):
            declares = next((each for each in plan.gates if each.id == gate), None)
            return f'gate "{gate}" takes a signature only' if declares is not None and declares.require_signature else ""
        case _:
            return ""
