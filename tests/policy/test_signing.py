"""Whether a decision counts by its signature: every way in which it does not has its sentence."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from policy.harness import START
from rolloutctl.config import Config
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import OFF, CohortState, Target
from rolloutctl.model.events import KIND_OF, Body, Event
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import GENESIS, Action
from rolloutctl.model.signed import Signed, fingerprint
from rolloutctl.model.state import RolloutState
from rolloutctl.model.statement import mismatch, statement, with_signature
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.policy import decision as do
from rolloutctl.policy.facts import Facts
from rolloutctl.policy.requests import answer
from rolloutctl.policy.signing import approvers, gate_signer

PLAN = """
format = 1
name = "checkout"
owner = "ana"
flag = {{ provider = "flags", key = "checkout", environment = "production" }}
metrics = {{ source = "m", canary = 'v="2"', baseline = 'v="1"' }}
[[criteria]]
id = "queue"
type = "value"
expr = 'q{{$arm}}'
test = "threshold"
max = 10
[[gates]]
id = "legal"
title = "Legal"
owner = "ana"
before = "five"
checks = ["papers"]
require_signature = {gate}
[[phases]]
name = "five"
owner = "ana"
cohort = {{ percent = 5 }}
bake = "1h"
approvals = 1
require_signature = {phase}
[[phases]]
name = "all"
owner = "ana"
cohort = {{ percent = 100 }}
bake = "1h"
approvals = 1
"""


def key(letter: str) -> str:
    named = b"ssh-ed25519"
    blob = len(named).to_bytes(4, "big") + named + (32).to_bytes(4, "big") + letter.encode() * 32
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


ANA, OLD, BEN = key("a"), key("o"), key("b")
REVOKED = START + timedelta(hours=1)
CONFIG = Config.model_validate(
    {
        "operators": {
            "ana": {"role": "approver", "ssh_key": ANA, "revoked_keys": [{"ssh_key": OLD, "valid_until": REVOKED.isoformat()}]},
            "ben": {"role": "approver", "ssh_key": BEN},
            "cleo": {"role": "approver"},
            "dan": {"role": "approver"},
        }
    }
)


def plan(*, phase: bool = False, gate: bool = False) -> Plan:
    return read_plan(PLAN.format(phase=str(phase).lower(), gate=str(gate).lower()), "plan.toml")


def sealed(name: str = "checkout", digest: str = "1" * 64, seal: str = "e" * 64) -> RolloutState:
    state = CohortState(enabled=False, cohort=OFF, native="off")
    body = ev.RolloutSealed(
        plan=name,
        attempt=1,
        title="t",
        owner="ana",
        target=Target(provider="flags", key="checkout", environment="production", project="default"),
        plan_digest=digest,
        plan_blob="0" * 64,
        snapshot=state,
        source="m",
    )
    folded = fold([Event(1, START, "ana", "h", f"rollout/{name}#1", KIND_OF[type(body)], 0, body, "", GENESIS, seal)])
    assert folded is not None
    return folded


def request(body: Body, actor: str = "ana", seq: int = 2, after: timedelta = timedelta()) -> Event:
    return Event(seq, START + after, actor, "h", "rollout/checkout#1", KIND_OF[type(body)], 0, body, "", GENESIS, "")


def signed(state: RolloutState, body: Body, actor: str = "ana", by: str = ANA) -> Body:
    text = statement(state, body, actor, START)
    return with_signature(body, Signed(key=fingerprint(by), statement=text, signature="…"))


def asked(state: RolloutState, event: Event) -> RolloutState:
    folded = fold([event], state)
    assert folded is not None
    return folded


def decided(state: RolloutState, event: Event, good: str | None = "", of: Plan | None = None) -> do.Decide | None:
    """`good`: what verifying says; None: nobody has looked yet."""
    checked = {} if good is None else {event.seq: good}
    facts = Facts(now=START, config=CONFIG, driving_since=START, checked=checked)
    found = answer(of or plan(), asked(state, event), facts)
    assert found is None or isinstance(found, do.Decide)
    return found


def accepted(state: RolloutState, event: Event) -> RolloutState:
    """The state after it was answered."""
    decision = decided(state, event)
    assert decision is not None
    assert decision.accepted
    done = ev.DecisionMade(action=decision.action, accepted=True, request=event.seq, phase=decision.phase, at=START)
    return asked(asked(state, event), request(done, "driver", event.seq + 1))


APPROVAL = ev.ApprovalGiven(phase="five")
SIGN_OFF = ev.GateSigned(gate="legal", go=True, checks=("papers",))


def refused(state: RolloutState, event: Event, good: str = "", of: Plan | None = None) -> str:
    decision = decided(state, event, good, of)
    assert decision is not None
    assert not decision.accepted
    return decision.reasons[0]


@pytest.mark.parametrize("body", [APPROVAL, SIGN_OFF])
def test_a_good_signature_counts_and_is_shown_as_such(body: Body) -> None:
    state = accepted(sealed(), request(signed(sealed(), body)))
    if isinstance(body, ev.ApprovalGiven):
        assert approvers(state, "five") == ("ana",)
    else:
        assert gate_signer(state, "legal") == "ana"


def test_one_without_a_key_decides_unauthenticated() -> None:
    state = accepted(sealed(), request(APPROVAL, "cleo"))
    assert approvers(state, "five") == ("cleo (unauthenticated)",)


def test_whoever_has_a_key_decides_with_it_only() -> None:
    assert "signs with a key" in refused(sealed(), request(APPROVAL))


def test_a_bad_signature_is_refused_and_one_that_nobody_has_looked_at_waits() -> None:
    event = request(signed(sealed(), APPROVAL))
    assert refused(sealed(), event, "its signature is not good.") == "its signature is not good."
    assert decided(sealed(), event, None) is None


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (sealed(name="search"), "another rollout: search#1, here it is checkout#1"),
        (sealed(digest="2" * 64), "another plan digest: 2222"),
        (sealed(seal="f" * 64), "another seal: ffff"),
    ],
)
def test_a_signature_for_another_rollout_or_digest_is_no_signature_here(other: RolloutState, what: str) -> None:
    assert what in refused(sealed(), request(signed(other, APPROVAL)))


@pytest.mark.parametrize(
    ("was", "here", "what"),
    [
        (APPROVAL, ev.ApprovalGiven(phase="all"), "another phase: five, here it is all"),
        (APPROVAL, ev.ApprovalGiven(phase="five", why="because"), "another reason"),
        (SIGN_OFF, ev.GateSigned(gate="legal", go=False), "another go"),
        (SIGN_OFF, ev.GateSigned(gate="security", go=True, checks=("papers",)), "another gate"),
        (APPROVAL, SIGN_OFF, "another decision"),
    ],
)
def test_a_signature_for_another_phase_or_decision_is_no_signature_here(was: Body, here: Body, what: str) -> None:
    moved = with_signature(here, getattr(signed(sealed(), was), "signed"))  # noqa: B009 - every body here has it
    assert what in refused(sealed(), request(moved))


def test_a_signature_of_another_person_is_no_signature_here() -> None:
    assert "does not name for ben" in refused(sealed(), request(signed(sealed(), APPROVAL, "ana"), "ben"))
    assert "another person" in refused(sealed(), request(signed(sealed(), APPROVAL, "ana", BEN), "ben"))


def test_a_key_that_the_config_does_not_name_is_refused_with_a_sentence() -> None:
    said = refused(sealed(), request(signed(sealed(), APPROVAL, by=key("x"))))
    assert said.startswith(f"it is signed with the key {fingerprint(key('x'))}, which the config does not name for ana")
    assert "cleo" in refused(sealed(), request(signed(sealed(), APPROVAL, "cleo"), "cleo"))


def test_a_revoked_key_counts_for_what_it_signed_before() -> None:
    body = signed(sealed(), APPROVAL, by=OLD)
    assert decided(sealed(), request(body, after=timedelta(minutes=59))).accepted  # type: ignore[union-attr]
    assert "revoked at 2026-01-05 11:00:00 UTC" in refused(sealed(), request(body, after=timedelta(hours=1)))


def test_a_statement_counts_once() -> None:
    state = accepted(sealed(), request(signed(sealed(), APPROVAL)))
    back = ev.DecisionMade(action=Action.BACK, accepted=True, phase="five", at=START)
    state = asked(state, request(back, "driver", 4))
    assert approvers(state, "five") == ()
    assert "was used before" in refused(state, request(signed(sealed(), APPROVAL), seq=5))


def test_a_refused_statement_is_used_up_too() -> None:
    event = request(signed(sealed(), APPROVAL))
    no = ev.DecisionMade(action=Action.APPROVE, accepted=False, request=2, at=START)
    state = asked(asked(sealed(), event), request(no, "driver", 3))
    assert "was used before" in refused(state, request(signed(sealed(), APPROVAL), seq=4))


@pytest.mark.parametrize(("body", "of"), [(APPROVAL, plan(phase=True)), (ev.GateSigned(gate="legal", go=False), plan(gate=True))])
def test_a_plan_may_take_signed_decisions_only(body: Body, of: Plan) -> None:
    assert "takes" in refused(sealed(), request(body, "cleo"), of=of)
    assert decided(sealed(), request(body, "cleo")).reasons != ()  # type: ignore[union-attr]


def test_an_environment_may_take_signed_decisions_only() -> None:
    config = CONFIG.model_copy(
        update={"environments": Config.model_validate({"environments": {"production": {"require_signature": True}}}).environments}
    )
    event = request(APPROVAL, "cleo")
    facts = Facts(now=START, config=config, driving_since=START)
    decision = answer(plan(), asked(sealed(), event), facts)
    assert isinstance(decision, do.Decide)
    assert "production takes signed decisions only" in decision.reasons[0]


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", '{"at":1}', '"x"'])
def test_a_statement_that_cannot_be_read_is_a_sentence(text: str) -> None:
    body = with_signature(APPROVAL, Signed(key=fingerprint(ANA), statement=text, signature=""))
    assert mismatch(sealed(), body, "ana")


def test_what_is_added_to_a_statement_makes_it_another() -> None:
    body = signed(sealed(), APPROVAL)
    carried: Signed = getattr(body, "signed")  # noqa: B009
    more = carried.model_copy(update={"statement": json.dumps({**json.loads(carried.statement), "also": "five"})})
    assert "another also" in mismatch(sealed(), with_signature(body, more), "ana")
