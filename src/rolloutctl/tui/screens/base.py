"""What all screens share: header, lasting line, key hints, the second hand, actions on the selected rollout."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.tui.bind import bound, fixed
from rolloutctl.tui.dialogs.acts import open_dialog
from rolloutctl.tui.draw.head import header
from rolloutctl.tui.draw.ink import Ink, line, span
from rolloutctl.tui.draw.keys import Key, hints
from rolloutctl.tui.listing import keys_here
from rolloutctl.tui.may import Act, why_not
from rolloutctl.tui.shell import Shell
from rolloutctl.tui.widgets.lines import Lines

SMALLEST = (60, 16)
CALM_TICK_S = 4.5
"""Between two steps of a second hand that nobody follows; a little less than five of its seconds."""

ACTS: tuple[BindingType, ...] = (
    bound("rollout.advance", "act('advance')", "advance", "Go/no-go: enter the next phase"),
    bound("rollout.back", "act('back')", "back", "Go back to an earlier phase: less exposure"),
    bound("rollout.hold", "act('hold')", "hold", "Hold: nothing advances, the bake clock stands still"),
    bound("rollout.resume", "act('resume')", "resume", "Resume: end the hold"),
    bound("rollout.sign", "act('sign')", "sign", "Sign a gate: go or no-go"),
    bound("rollout.approve", "act('approve')", "approve", "Approve that the next phase is entered"),
    bound("rollout.postpone", "act('postpone')", "postpone", "Postpone the countdown, at most twice"),
    bound("rollout.checked", "act('checked')", "checked", "Say that a person has checked an unknown rollback"),
)
"""Upper case changes something, after a dialog."""
_ONLY_WHEN_POSSIBLE = {f"act('{act}')" for act in (Act.RESUME, Act.SIGN, Act.APPROVE, Act.POSTPONE, Act.CHECKED)}
"""Left out of the hints while they are not possible; the help page has them with the reason."""


class BaseScreen(Screen[None], inherit_bindings=False):
    BINDINGS: ClassVar[list[BindingType]] = [
        fixed("tab", "app.focus_next", "next pane", "To the next pane"),
        fixed("shift+tab", "app.focus_previous", "pane before", "To the pane before"),
        fixed("ctrl+c", "screen.copy_text", "copy selection", "Copy what is selected with the mouse"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual's declaration
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's declaration
    _ticked_at = 0.0
    _had_focus: Widget | None = None
    """What had the focus before the screen was too small to show anything."""

    @property
    def shell(self) -> Shell:
        return cast("Shell", self.app)

    # -- for subclasses ------------------------------------------------------------------------------------------------

    def body(self) -> Iterable[Widget]:
        """The widgets between header and foot."""
        raise NotImplementedError

    def draw(self) -> None:
        """Fill the body from the newest snapshot."""
        raise NotImplementedError

    def target(self) -> str | None:
        """Id of the rollout that actions are about."""
        return None

    def copied(self) -> str:
        """What `y` copies."""
        return ""

    # -- drawing -------------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield Lines(id="head")
        yield from self.body()
        yield Vertical(Lines(id="said"), Lines(id="keys"), id="foot")
        yield Lines(id="small")

    def on_mount(self) -> None:
        self.set_interval(1, self._second)
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.redraw)

    def on_descendant_focus(self) -> None:
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        if self.tick():
            self.query_one("#keys", Lines).show([hints(self.hinted(), self.size.width, self.shell.keys["app.help"])])

    def _second(self) -> None:
        """The second hand, which goes in larger steps while nobody looks: ages are all that it moves then."""
        if not self.shell.calm or monotonic() - self._ticked_at >= CALM_TICK_S:
            self.tick()

    def tick(self) -> bool:
        """Draw all but the keys, which only snapshots, focus and size change; False: nothing is there yet."""
        if not self.is_attached or not self.query("#head"):
            return False
        self._ticked_at = monotonic()
        self.shell.forget_refusal()
        width, height = self.size
        small = width < SMALLEST[0] or height < SMALLEST[1]
        self._keep_focus(small=small)
        self.set_class(small, "-tiny")
        if small:
            self._draw_small(width, height)
        self.query_one("#head", Lines).show([header(self.shell.fleet, self.shell.when(), width)])
        self.query_one("#said", Lines).show([self.shell.said] if self.shell.said else [])
        self.draw()
        return True

    def _keep_focus(self, *, small: bool) -> None:
        """Hidden widgets lose the focus; it goes back to where it was once there is room again."""
        if small and not self.has_class("-tiny"):
            self._had_focus = self.focused
        elif not small and self._had_focus is not None:
            had, self._had_focus = self._had_focus, None
            self.call_after_refresh(self.set_focus, had)

    def _draw_small(self, width: int, height: int) -> None:
        needs = f"{width}x{height} is too small: {SMALLEST[0]}x{SMALLEST[1]} is needed."
        keys = self.shell.keys
        still = f"{keys['app.rollback']} still rolls back, {keys['app.quit']} quits."
        self.query_one("#small", Lines).show([line(span(needs, Ink.WARN)), line(span(still, Ink.KEY))])

    def keys(self) -> list[Key]:
        """Bindings of the focus, of this screen and of the app, as hints and help show them."""
        return keys_here(self, self._why_dimmed, self._hints)

    def _why_dimmed(self, node: DOMNode, action: str) -> str:
        return self.why_not(action) if node in (self, self.app) else ""

    def _hints(self, active: ActiveBinding) -> bool:
        """Of what is not possible, the foot shows what soon may be; nothing of it once the rollout has ended, or without one."""
        if active.enabled:
            return True
        rollout = self.selected()
        ended = rollout is None or rollout.state.status.final
        return active.binding.action not in _ONLY_WHEN_POSSIBLE and not ended

    def hinted(self) -> list[Key]:
        """What stands at the foot; the way into the row and the way back come first."""
        first = {"↵": 0, self.shell.keys["rollout.advance"]: 1, self.shell.keys["app.rollback"]: 2}
        return sorted((key for key in self.keys() if key.hint), key=lambda key: first.get(key.key, 3))

    # -- actions on the selected rollout -------------------------------------------------------------------------------

    def selected(self) -> RolloutSnapshot | None:
        return self.shell.rollout(self.target())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action != "act":
            return super().check_action(action, parameters)
        return None if why_not(Act(str(parameters[0])), self.shell.fleet, self.selected()) else True

    def why_not(self, action: str) -> str:
        """Why the binding with this action is dimmed."""
        name, _, rest = action.partition("(")
        if name == "act":
            return why_not(Act(rest.strip("')")), self.shell.fleet, self.selected())
        return why_not(Act.ROLLBACK, self.shell.fleet, self.selected()) if name == "rollback" else ""

    def action_act(self, name: str) -> None:
        target = self.target()
        if target is not None:
            open_dialog(self.shell, Act(name), target)

    def on_key(self, event: events.Key) -> None:
        """A dimmed key says why."""
        active = self.active_bindings.get(event.key)
        if active is not None and not active.enabled:
            event.stop()
            reason = self.why_not(active.binding.action) or "not possible now"
            self.shell.refuse(line(span(f"✖ no {active.binding.description}: ", Ink.WARN), reason))

    def action_leave(self) -> None:
        """esc: clear the lasting line, else go back; never acts."""
        if not self.shell.hush() and len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def action_copy(self) -> None:
        text = self.copied()
        if text:
            self.app.copy_to_clipboard(text)
            self.shell.say(f"copied {len(text.splitlines())} lines", Ink.DIM)
