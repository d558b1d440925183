"""The command palette: every action on the selected rollout, the rarer ones included, and the app's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider

from rolloutctl.tui.dialogs.acts import open_dialog
from rolloutctl.tui.may import Act, why_not
from rolloutctl.tui.palette import NAMES
from rolloutctl.tui.shell import Shell

_ACTS = {
    Act.ADVANCE: "Advance: go/no-go for the next phase",
    Act.BACK: "Back: less exposure",
    Act.HOLD: "Hold",
    Act.RESUME: "Resume",
    Act.APPROVE: "Approve the next phase",
    Act.SIGN: "Sign a gate",
    Act.POSTPONE: "Postpone the countdown",
    Act.ROLLBACK: "Roll back",
    Act.CHECKED: "Checked: a person says that the canary is off",
    Act.ABORT: "Abort: stop here, keep the exposure",
}


@runtime_checkable
class _Targeted(Protocol):
    def target(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    help: str
    run: Callable[[], object]


class Commands(Provider):
    """Entries that are not possible now say why."""

    @property
    def _shell(self) -> Shell:
        return cast("Shell", self.app)

    def _entries(self) -> Iterator[_Entry]:
        shell = self._shell
        target = self.screen.target() if isinstance(self.screen, _Targeted) else None
        if target is not None:
            reasons = {act: why_not(act, shell.fleet, shell.rollout(target)) for act in _ACTS}
            for act, reason in sorted(reasons.items(), key=lambda item: bool(item[1])):
                words = _ACTS[act]
                said = f"not now: {reason}" if reason else "opens its dialog; nothing is sent yet"
                yield _Entry(f"{words} · {target}", said, partial(open_dialog, shell, act, target))
        for name, said, action in (
            ("Journal of all rollouts", "every event", "all_journal"),
            ("Look again", "read sources, flags and journal now", "refresh"),
            ("Pause or go on", "pauses polling of what this process does not drive", "pause"),
            ("Command log", "what was sent where", "log"),
            ("Doctor", "sources, providers and journal: ready, how fast, last failure", "doctor"),
            ("Keys", "keys of the focus", "help"),
            ("Quit", "asks who drives on", "leave_app"),
        ):
            yield _Entry(name, said, partial(shell.run_action, action))
        for theme, registered in NAMES.items():
            yield _Entry(f"Theme: {theme}", "colours, until you quit", partial(setattr, shell, "theme", registered))

    async def discover(self) -> Hits:
        for entry in self._entries():
            yield DiscoveryHit(entry.name, entry.run, help=entry.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self._entries():
            score = matcher.match(entry.name)
            if score > 0:
                yield Hit(score, matcher.highlight(entry.name), entry.run, help=entry.help)
