"""What pressing a key would do, exactly, and what speaks for and against it: for dialogs and `--json`."""

from __future__ import annotations

from rolloutctl.engine.view.snapshot import Proposal
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.kinds import Action
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.model import Plan, RollbackTo
from rolloutctl.policy.conditions import FINISH, Reason, conditions, next_phase
from rolloutctl.policy.facts import Facts
from rolloutctl.policy.permission import refusal
from rolloutctl.policy.requests import back_missing
from rolloutctl.policy.rollback import rollback_target


def advance(
    plan: Plan, state: RolloutState, facts: Facts, person: str, requests_per_s: float | None, requests: tuple[str, ...]
) -> Proposal | None:
    index = next_phase(state)
    if index is None:
        return None
    reasons = conditions(plan, state, facts, person)
    allowed = all(reason.ok for reason in reasons)
    if index == len(plan.phases):
        return Proposal(
            allowed=allowed, effect=f"{state.id} ends as DONE; the flag stays as it is.", requests=(), reasons=reasons, to=FINISH
        )
    phase, want = plan.phases[index], plan.cohort(index)
    return Proposal(
        allowed=allowed,
        effect=_effect(state, facts, want) + _traffic(state, facts, want, requests_per_s),
        requests=requests,
        reasons=reasons,
        to=phase.name,
        checks=tuple(check for gate in plan.gates if gate.before == phase.name for check in gate.checks),
        comms=phase.comms,
    )


def back(plan: Plan, state: RolloutState, facts: Facts, person: str) -> Proposal | None:
    if next_phase(state) is None or state.phase < 0:
        return None
    to = plan.phases[max(0, state.phase - 1)]
    why = refusal(facts.config, person, state.target.environment, Action.BACK)
    missing = tuple(filter(None, [why, *back_missing(plan, state, to.name)]))
    reasons = tuple(Reason(ok=False, text=text) for text in missing)
    return Proposal(
        allowed=not missing,
        effect=_effect(state, facts, plan.cohort(plan.index(to.name))),
        requests=(),
        reasons=reasons,
        to=to.name,
    )


def rollback(plan: Plan, state: RolloutState, facts: Facts, person: str) -> Proposal | None:
    why = refusal(facts.config, person, state.target.environment, Action.ROLLBACK)
    reasons = [Reason(ok=False, text=why)] if why else []
    if facts.flag_error:
        reasons.append(
            Reason(ok=True, text=f"The flag cannot be read now ({facts.flag_error}); turning it off is tried all the same.")
        )
    if plan.rollback.irreversible:
        reasons.append(Reason(ok=True, text=f"The plan calls rolling back irreversible: {plan.rollback.irreversible}"))
    what = "back to the snapshot" if plan.rollback.to is RollbackTo.SNAPSHOT and state.snapshot.enabled else "off"
    restored = f" ({rollback_target(plan, state)})" if what != "off" else ""
    effect = f"{state.target}: {_now(state, facts)} → {what}{restored}; read back, verified, watched afterwards."
    return Proposal(allowed=not why, effect=effect, requests=(), reasons=tuple(reasons))


def _effect(state: RolloutState, facts: Facts, want: Cohort) -> str:
    return f"{state.target}: {_now(state, facts)} → {want}"


def _now(state: RolloutState, facts: Facts) -> str:
    if facts.flag is not None:
        return str(facts.flag)
    return f"{state.expected} (not read just now)" if state.expected is not None else "unknown"


def _traffic(state: RolloutState, facts: Facts, want: Cohort, requests_per_s: float | None) -> str:
    served = facts.flag.effective if facts.flag is not None else (state.expected.effective if state.expected else None)
    if requests_per_s is None or served is None:
        return ""
    more = float(want.percent - served.percent) / 100 * requests_per_s
    return f", about {more:,.0f} requests/s more" if more >= 1 else ""
