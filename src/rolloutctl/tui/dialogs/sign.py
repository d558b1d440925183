"""Sign a gate: go only with every check ticked, no-go only with a reason; the typed word decides which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.plan.model import Gate
from rolloutctl.policy.signing import gate_signer
from rolloutctl.tui.dialogs.base import Dialog, Reason
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.draw.signing import signed_as

_GO, _NO_GO = "go", "no-go"


class SignDialog(Dialog):
    REASON: ClassVar[Reason] = Reason.OPTIONAL
    VERB: ClassVar[str] = "Sign"

    def __init__(self, target: str, gate: Gate, more: int) -> None:
        """`more`: how many gates come after this one."""
        super().__init__(target)
        self.gate = gate
        self.more = more

    def heading(self) -> str:
        return f"Sign gate {self.gate.id} of {self.target}"

    def word(self) -> str:
        return _NO_GO if self.is_mounted and self.typed().startswith("n") else _GO

    def word_asked(self) -> str:
        return "type go, or no-go with a reason"

    def checks(self) -> tuple[str, ...]:
        return self.gate.checks

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        lines = list(wrap(self.gate.title, cells, Ink.STRONG))
        lines += wrap(f"owner {self.gate.owner} · stands before {self.gate.before}", cells, Ink.DIM)
        if self.gate.evidence:
            lines += wrap(self.gate.evidence, cells, first=line(span("evidence ", Ink.DIM)), indent=9)
        before = rollout.state.gates.get(self.gate.id)
        if before is not None:
            signer = gate_signer(rollout.state, self.gate.id)
            lines.append(line(span(f"signed {_GO if before else _NO_GO} by {signer}", Ink.WARN)))
        lines += signed_as(self.shell.fleet, cells)
        if self.more:
            lines.append(line(span(f"{self.more} more to sign after this one", Ink.DIM)))
        return [*lines, EMPTY] if self.gate.checks else lines

    def barred(self, rollout: RolloutSnapshot) -> str:
        return "it is signed go already" if rollout.state.gates.get(self.gate.id) else ""

    def unfinished(self) -> str:
        if self.word() == _NO_GO:
            return "" if self.why() or self.typed() != _NO_GO else "no-go needs a reason"
        left = len(self.gate.checks) - len(self.ticked())
        return f"{left} of {len(self.gate.checks)} checks are not ticked" if left and self.typed() == _GO else ""

    def command(self) -> Command:
        go = self.typed() == _GO
        return Command(CommandKind.SIGN, self.target, why=self.why(), gate=self.gate.id, go=go, checks=self.ticked())
