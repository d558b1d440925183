"""What a journal's signatures are worth: those of every decision that was accepted, by the keys of this config.

Invariant: a decision is held to the rollout, phase and plan as they were when it was accepted, never as they are now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rolloutctl.config import Config
from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.fold import apply
from rolloutctl.model.kinds import ROLLOUT_STREAM
from rolloutctl.model.signed import signed_of
from rolloutctl.model.state import RolloutState
from rolloutctl.model.statement import SIGNABLE
from rolloutctl.policy.signing import key_named, untrusted
from rolloutctl.ports import Finding, Signer

if TYPE_CHECKING:  # it loads numpy
    from rolloutctl.engine.evidence.replaying import Reads

_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Signatures:
    good: int = 0
    unauthenticated: int = 0
    """Accepted without any signature."""
    findings: tuple[Finding, ...] = ()

    @property
    def claims(self) -> str:
        return (
            f"Of the accepted approvals and sign-offs {self.good} carry a good signature of a key that this config names for"
            f" their author, made for that very rollout, phase and plan; {self.unauthenticated} are unauthenticated, so their"
            " authors are what an operating system or a config said. When a key was revoked is compared with the time in the"
            " event, which its writer's clock gave."
        )


NO_KEYS = "Signatures were not looked at: this config has no ssh_key for anybody."


def has_keys(config: Config) -> bool:
    return any(operator.ssh_key is not None or operator.revoked_keys for operator in config.operators.values())


def check_signatures(journal: Reads, config: Config, signer: Signer) -> Signatures:
    """Reads the journal once, page by page. Raises Failed (there is no ssh-keygen) or JournalCorrupt."""
    found = Signatures()
    states: dict[str, RolloutState | None] = {}
    for event in _all(journal):
        if not event.stream.startswith(ROLLOUT_STREAM):
            continue
        state = states.get(event.stream)
        if state is not None and isinstance(event.body, ev.DecisionMade) and event.body.accepted:
            asked = next((each for each in state.requests if each.seq == event.body.request), None)
            if asked is not None and asked.kind in SIGNABLE:
                found = _of_request(state, asked, config, signer, found)
        states[event.stream] = apply(state, event)
    return found


def _all(journal: Reads) -> Iterator[Event]:
    after = 0
    while page := journal.read(None, after, _PAGE):
        yield from page
        after = page[-1].seq


def _of_request(state: RolloutState, asked: Event, config: Config, signer: Signer, found: Signatures) -> Signatures:
    signed = signed_of(asked.body)
    if signed is None:
        return Signatures(found.good, found.unauthenticated + 1, found.findings)
    why = untrusted(config, state, asked, signed)
    if not why and signed.statement in state.statements:
        why = "its signed statement was used before."
    if not why:
        why = signer.verify(signed.statement, signed.signature, key_named(config, asked.actor, signed))
    if not why:
        return Signatures(found.good + 1, found.unauthenticated, found.findings)
    finding = Finding(asked.seq, f"was accepted as signed by {asked.actor}: {why}")
    return Signatures(found.good, found.unauthenticated, (*found.findings, finding))
