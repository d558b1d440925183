"""Which action is possible now, and the reason when it is not: what dims a key is what is said when it is pressed.

The engine refuses on its own; this only keeps people from finding out the hard way.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from rolloutctl.engine.view.snapshot import FleetSnapshot, RolloutSnapshot
from rolloutctl.model.kinds import Action, HoldKind
from rolloutctl.model.state import Status

if TYPE_CHECKING:
    from rolloutctl.plan.model import Gate


class Act(StrEnum):
    ADVANCE = "advance"
    BACK = "back"
    HOLD = "hold"
    RESUME = "resume"
    APPROVE = "approve"
    SIGN = "sign"
    ROLLBACK = "rollback"
    POSTPONE = "postpone"
    ABORT = "abort"
    CHECKED = "checked"


def why_not(act: Act, fleet: FleetSnapshot | None, rollout: RolloutSnapshot | None) -> str:
    """Empty: it is possible."""
    if fleet is None:
        return "still reading: the engine has not answered yet"
    if rollout is None:
        return "no rollout is selected"
    # There is a snapshot: both are loaded, with their models.
    from rolloutctl.config import OperatorRole  # noqa: PLC0415
    from rolloutctl.telling import clause  # noqa: PLC0415

    if act is Act.ROLLBACK:
        return clause(rollout.refused.get(Action.ROLLBACK, "")) or _rollback(rollout)
    if fleet.read_only:
        return "READ-ONLY: started with --read-only"
    if fleet.role is OperatorRole.VIEWER:
        return f"READ-ONLY: {fleet.operator} is a viewer"
    if refused := rollout.refused.get(Action(act)):
        return clause(refused)
    return _CHECKS[act](rollout)


def _rollback(rollout: RolloutSnapshot) -> str:
    if rollout.rollback is not None or rollout.state.status in {Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN}:
        return ""
    return f"nothing to roll back: {rollout.id} is {rollout.state.status.words}"


def _going(rollout: RolloutSnapshot) -> str:
    status = rollout.state.status
    return "" if status in {Status.SEALED, Status.ACTIVE, Status.STABILISING} else f"{rollout.id} is {status.words}"


def _advance(rollout: RolloutSnapshot) -> str:
    return _going(rollout) or ("" if rollout.advance is not None else "there is no phase to advance to")


def _back(rollout: RolloutSnapshot) -> str:
    return _going(rollout) or ("" if rollout.back is not None else "there is no earlier phase to go back to")


def _hold(rollout: RolloutSnapshot) -> str:
    held = rollout.state.hold_by(HoldKind.PERSON)
    return _going(rollout) or (f"it is held by {held.actor or 'a person'} already" if held is not None else "")


def _resume(rollout: RolloutSnapshot) -> str:
    return _going(rollout) or ("" if rollout.state.held else "it is not held")


def _approve(rollout: RolloutSnapshot) -> str:
    following = rollout.state.phase + 1
    wanted = following < len(rollout.plan.phases) and rollout.plan.phases[following].approvals
    return _going(rollout) or ("" if wanted else "the next phase needs no approval")


def _sign(rollout: RolloutSnapshot) -> str:
    return _going(rollout) or ("" if open_gates(rollout) else "no gate is left to sign")


def open_gates(rollout: RolloutSnapshot) -> tuple[Gate, ...]:
    """Gates of phases still ahead that are not signed "go", in the order of the plan."""
    ahead = {phase.name for phase in rollout.plan.phases[rollout.state.phase + 1 :]}
    return tuple(gate for gate in rollout.plan.gates if gate.before in ahead and not rollout.state.gates.get(gate.id, False))


def _postpone(rollout: RolloutSnapshot) -> str:
    countdown = rollout.state.countdown
    if countdown is None:
        return "no countdown is running"
    return "it was postponed twice already" if countdown.postponed >= 2 else ""


def _checked(rollout: RolloutSnapshot) -> str:
    return "" if rollout.state.status is Status.ROLLBACK_UNKNOWN else "only a rollback whose outcome is unknown is checked"


_CHECKS = {
    Act.ADVANCE: _advance,
    Act.BACK: _back,
    Act.HOLD: _hold,
    Act.RESUME: _resume,
    Act.APPROVE: _approve,
    Act.SIGN: _sign,
    Act.POSTPONE: _postpone,
    Act.ABORT: _going,
    Act.CHECKED: _checked,
}
