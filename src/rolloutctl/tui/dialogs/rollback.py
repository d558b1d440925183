"""Rollback: one dialog, one word; afterwards it shows how far it really is until it is verified."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.model.state import Status
from rolloutctl.plan.model import RollbackTo
from rolloutctl.tui.dialogs.base import Dialog, Stage
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.draw.proposal import effect, reasons, rollback_progress


class RollbackDialog(Dialog):
    VERB: ClassVar[str] = "Roll back"

    def __init__(self, target: str, to: RollbackTo, running: Stage, before: datetime | None) -> None:
        """`running`: SENT where a rollback is going on already, which is then shown. `before`: when one was asked for."""
        super().__init__(target)
        self.to = to
        self.stage = running
        self.before = before

    def heading(self) -> str:
        return f"Roll back {self.target}"

    def word(self) -> str:
        return "off" if self.to is RollbackTo.OFF else "restore"

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        if rollout.rollback is None:
            return wrap("There is nothing to roll back any more.", cells, Ink.WARN)
        lines: list[Line] = [*effect(rollout.rollback, cells), EMPTY, *reasons(rollout.rollback, cells)]
        lines += self._unknowns(rollout, cells)
        return lines

    def _unknowns(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        """What we do not know does not stop a rollback; it is said."""
        unknown: list[str] = []
        if rollout.flag.state is None:
            unknown.append("what the flag serves now: it was never read")
        elif rollout.flag.error:
            read = self.shell.when().age(rollout.flag.read_at)
            unknown.append(f"what the flag serves now: last read {read} ago as {rollout.flag.state}; {rollout.flag.error}")
        if rollout.state.open_intent is not None:
            unknown.append(f"the outcome of event {rollout.state.open_intent.seq}, which was sent before")
        lines: list[Line] = []
        for text in unknown:
            lines += wrap(text, cells, first=line(span("? not known: ", Ink.WARN)), indent=2)
        return lines

    def afterwards(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        state = rollout.state
        if state.status is Status.ROLLED_BACK and state.rollback_at == self.before and self.reply is not None:
            return self.about(rollout, cells)
        return rollback_progress(rollout, self.shell.when(), cells, self.shell.keys)

    def barred(self, rollout: RolloutSnapshot) -> str:
        if rollout.rollback is None:
            return f"nothing to roll back: {rollout.id} is {rollout.state.status.words}"
        if rollout.rollback.allowed:
            return ""
        against = [reason.text for reason in rollout.rollback.reasons if not reason.ok]
        return f"not allowed: {against[0]}" if against else "not allowed"

    def command(self) -> Command:
        return Command(CommandKind.ROLLBACK, self.target, why="asked for on the screen")


def rollback_dialog(rollout: RolloutSnapshot) -> RollbackDialog:
    running = Stage.SENT if rollout.state.status is Status.ROLLING_BACK else Stage.ASKING
    before = rollout.state.rollback_at if running is Stage.ASKING else None
    return RollbackDialog(rollout.id, rollout.plan.rollback.to, running, before)
