"""Dialogs that ask for a reason or a word and nothing more: hold, resume, approve, postpone, back, abort, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.policy.signing import approvers
from rolloutctl.tui.dialogs.base import Dialog, Reason
from rolloutctl.tui.dialogs.stepping import StepDialog
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.draw.proposal import whole
from rolloutctl.tui.draw.signing import signed_as
from rolloutctl.units import show_duration


class HoldDialog(Dialog):
    REASON: ClassVar[Reason] = Reason.REQUIRED
    VERB: ClassVar[str] = "Hold"

    def heading(self) -> str:
        return f"Hold {self.target}"

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        served = f"Exposure stays as it is: {rollout.flag.state if rollout.flag.state is not None else 'unknown'}."
        text = "Nothing advances and the bake clock stands still until somebody resumes. The deadline goes on."
        stops = "It stops the countdown." if rollout.state.countdown is not None else ""
        return [*wrap(served, cells, Ink.STRONG), *wrap(text, cells), *wrap(stops, cells, Ink.WARN)]

    def command(self) -> Command:
        return Command(CommandKind.HOLD, self.target, why=self.why())


class ResumeDialog(Dialog):
    REASON: ClassVar[Reason] = Reason.OPTIONAL
    VERB: ClassVar[str] = "Resume"

    def heading(self) -> str:
        return f"Resume {self.target}"

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        lines: list[Line] = [line("The bake clock goes on. Held because of:")]
        for hold in rollout.state.holds:
            ends = "" if hold.by.value == "person" else "  (comes back while its reason lasts)"
            who = f"{hold.actor}: " if hold.actor else ""
            lines += wrap(f"{who}{hold.reason}{ends}", cells, first=line(span("⚠ ", Ink.WARN)), indent=2)
        return lines

    def command(self) -> Command:
        return Command(CommandKind.RESUME, self.target, why=self.why())


class ApproveDialog(Dialog):
    REASON: ClassVar[Reason] = Reason.OPTIONAL
    VERB: ClassVar[str] = "Approve"

    def __init__(self, target: str, phase: str) -> None:
        super().__init__(target)
        self.phase = phase

    def heading(self) -> str:
        return f"Approve {self.target} → {self.phase}"

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        given = approvers(rollout.state, self.phase)
        wanted = rollout.plan.phase(self.phase).approvals
        by = f" by {', '.join(given)}" if given else ""
        lines = list(wrap(f"Approves that {self.phase} is entered. {len(given)} of {wanted} given{by}.", cells, Ink.STRONG))
        lines += signed_as(self.shell.fleet, cells)
        return [*lines, *(whole(rollout.advance, cells) if rollout.advance is not None else ())]

    def command(self) -> Command:
        return Command(CommandKind.APPROVE, self.target, why=self.why(), to=self.phase)


class PostponeDialog(Dialog):
    REASON: ClassVar[Reason] = Reason.REQUIRED
    VERB: ClassVar[str] = "Postpone"

    def heading(self) -> str:
        return f"Postpone the rollback of {self.target}"

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        countdown = rollout.state.countdown
        if countdown is None:
            return wrap("No countdown is running any more.", cells, Ink.WARN)
        left = self.shell.when().left(countdown.fires_at)
        more = show_duration(countdown.length)
        text = f"Moves it by {more}: postponed {countdown.postponed} of 2 so far. Users stay exposed meanwhile."
        return [line(span(f" ROLLS BACK IN {left} ", Ink.ALARM)), EMPTY, *wrap(countdown.reason, cells), *wrap(text, cells)]

    def barred(self, rollout: RolloutSnapshot) -> str:
        return "" if rollout.state.countdown is not None else "no countdown is running any more"

    def command(self) -> Command:
        return Command(CommandKind.POSTPONE, self.target, why=self.why())


class BackDialog(StepDialog):
    REASON: ClassVar[Reason] = Reason.OPTIONAL
    VERB: ClassVar[str] = "Go back"

    def __init__(self, target: str, phases: tuple[str, ...]) -> None:
        """`phases` may be gone back to, nearest first."""
        super().__init__(target)
        self.phases = phases

    def heading(self) -> str:
        return f"Back: less exposure for {self.target}"

    def word(self) -> str:
        typed = self.typed() if self.is_mounted else ""
        if typed in self.phases:
            return typed
        return next((phase for phase in self.phases if phase.startswith(typed)), self.phases[0])

    def word_asked(self) -> str:
        return f"type the phase to go back to: {', '.join(self.phases)}"

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        near = rollout.back
        lines = list(whole(near, cells)) if near is not None else [line(span("There is no phase to go back to.", Ink.WARN))]
        for phase in self.phases:
            cohort = rollout.plan.cohort(rollout.plan.index(phase))
            lines.append(line(span(f"  {phase:<16} ", Ink.KEY), f"{cohort}"))
        return [*lines, EMPTY, *wrap("The phase starts over: its bake time and criteria begin anew.", cells, Ink.DIM)]

    def barred(self, rollout: RolloutSnapshot) -> str:
        near = rollout.back
        if near is None:
            return "there is no earlier phase to go back to"
        against = [reason.text for reason in near.reasons if not reason.ok]
        return "" if near.allowed else f"not allowed: {against[0] if against else 'refused'}"

    def command(self) -> Command:
        return Command(CommandKind.BACK, self.target, why=self.why(), to=self.typed())


class AbortDialog(Dialog):
    REASON: ClassVar[Reason] = Reason.REQUIRED
    VERB: ClassVar[str] = "Abort"

    def __init__(self, target: str, plan: str) -> None:
        super().__init__(target)
        self.plan = plan

    def heading(self) -> str:
        return f"Abort {self.target}: stop here, keep the exposure"

    def word(self) -> str:
        return self.plan

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        served = rollout.flag.state if rollout.flag.state is not None else "unknown"
        key = self.shell.keys["app.rollback"]
        text = f"The rollout ends. Nobody watches it any more and nothing rolls it back. To take the canary away: {key}."
        return [*wrap(f"{rollout.state.target} stays at: {served}", cells, Ink.STRONG), *wrap(text, cells, Ink.WARN)]

    def command(self) -> Command:
        return Command(CommandKind.ABORT, self.target, why=self.why())


class CheckedDialog(Dialog):
    REASON: ClassVar[Reason] = Reason.REQUIRED
    VERB: ClassVar[str] = "Say it is off"

    def heading(self) -> str:
        return f"A person has checked {self.target}"

    def word(self) -> str:
        return "checked"

    def about(self, rollout: RolloutSnapshot, cells: int) -> Sequence[Line]:
        served = rollout.flag.state if rollout.flag.state is not None else "unknown"
        text = "You say that you have looked at the flag server itself, and that the canary is off for everybody."
        ours = f"What we last read: {served}, {self.shell.when().age(rollout.flag.read_at)} ago."
        return [*wrap(f"{rollout.state.target}", cells, Ink.STRONG), *wrap(text, cells), *wrap(ours, cells, Ink.DIM)]

    def command(self) -> Command:
        return Command(CommandKind.CHECKED, self.target, why=self.why())
