"""The dialog of every action; loads them all, so it is loaded when the first one is opened."""

from __future__ import annotations

from typing import assert_never

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.tui.dialogs.base import Dialog
from rolloutctl.tui.dialogs.gonogo import GoNoGo
from rolloutctl.tui.dialogs.rollback import rollback_dialog
from rolloutctl.tui.dialogs.sign import SignDialog
from rolloutctl.tui.dialogs.simple import (
    AbortDialog,
    ApproveDialog,
    BackDialog,
    CheckedDialog,
    HoldDialog,
    PostponeDialog,
    ResumeDialog,
)
from rolloutctl.tui.may import Act, open_gates


def dialog_of(act: Act, rollout: RolloutSnapshot) -> Dialog:
    target, plan = rollout.id, rollout.state.plan
    match act:
        case Act.ADVANCE:
            return GoNoGo(target, rollout.advance.to if rollout.advance is not None else "", plan)
        case Act.ROLLBACK:
            return rollback_dialog(rollout)
        case Act.BACK:
            earlier = tuple(phase.name for phase in reversed(rollout.plan.phases[: max(0, rollout.state.phase)]))
            return BackDialog(target, earlier or (rollout.plan.phases[0].name,))
        case Act.HOLD:
            return HoldDialog(target)
        case Act.RESUME:
            return ResumeDialog(target)
        case Act.APPROVE:
            return ApproveDialog(target, rollout.plan.phases[rollout.state.phase + 1].name)
        case Act.SIGN:
            gates = open_gates(rollout)
            return SignDialog(target, gates[0], len(gates) - 1)
        case Act.POSTPONE:
            return PostponeDialog(target)
        case Act.ABORT:
            return AbortDialog(target, plan)
        case Act.CHECKED:
            return CheckedDialog(target)
        case _:
            assert_never(act)
