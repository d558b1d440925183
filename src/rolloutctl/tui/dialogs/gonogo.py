"""Go/no-go: advance to the next phase, on everything that speaks for and against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.tui.dialogs.base import Reason
from rolloutctl.tui.dialogs.stepping import StepDialog
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.draw.proposal import whole


class GoNoGo(StepDialog):
    """The phase is frozen with the target: should the rollout move on meanwhile, nothing can be confirmed any more."""

    REASON: ClassVar[Reason] = Reason.OPTIONAL
    VERB: ClassVar[str] = "Advance"

    def __init__(self, target: str, to: str, plan: str) -> None:
        super().__init__(target)
        self.to = to
        self.plan = plan

    def heading(self) -> str:
        return f"Go / no-go: {self.target} → {self.to}"

    def word(self) -> str:
        return self.plan

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        if rollout.advance is None:
            return wrap("There is nothing to advance to any more.", cells, Ink.WARN)
        go = rollout.advance.allowed
        verdict = line(span("✔ GO is possible", Ink.GOOD)) if go else line(span("✖ NO-GO: see what speaks against it", Ink.BAD))
        return (verdict, EMPTY, *whole(rollout.advance, cells))

    def barred(self, rollout: RolloutSnapshot) -> str:
        if rollout.advance is None or rollout.advance.to != self.to:
            return f'the rollout has moved on: this was for "{self.to}"; leave and open it again'
        if rollout.advance.allowed:
            return ""
        against = [reason.text for reason in rollout.advance.reasons if not reason.ok]
        return f"not allowed: {against[0]}" if against else "not allowed"

    def command(self) -> Command:
        return Command(CommandKind.ADVANCE, self.target, why=self.why(), to=self.to)
