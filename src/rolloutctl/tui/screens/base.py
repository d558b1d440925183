"""What all screens share: header, lasting line, key hints, the second hand, actions on the selected rollout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from rolloutctl.engine.snapshot import RolloutSnapshot
from rolloutctl.tui.dialogs.acts import open_dialog
from rolloutctl.tui.draw.head import header
from rolloutctl.tui.draw.ink import Ink, line, span
from rolloutctl.tui.draw.keys import Key, hints
from rolloutctl.tui.may import Act, why_not
from rolloutctl.tui.shell import Shell
from rolloutctl.tui.widgets.lines import Lines

SMALLEST = (60, 16)

ACTS: tuple[BindingType, ...] = (
    Binding("A", "act('advance')", "advance", id="rollout.advance", tooltip="Go/no-go: enter the next phase"),
    Binding("B", "act('back')", "back", id="rollout.back", tooltip="Go back to an earlier phase: less exposure"),
    Binding("H", "act('hold')", "hold", id="rollout.hold", tooltip="Hold: nothing advances, the bake clock stands still"),
    Binding("U", "act('resume')", "resume", id="rollout.resume", tooltip="Resume: end the hold"),
    Binding("S", "act('sign')", "sign", id="rollout.sign", tooltip="Sign a gate: go or no-go"),
    Binding("V", "act('approve')", "approve", id="rollout.approve", tooltip="Approve that the next phase is entered"),
    Binding("P", "act('postpone')", "postpone", id="rollout.postpone", tooltip="Postpone the countdown, at most twice"),
    Binding("C", "act('checked')", "checked", id="rollout.checked", tooltip="Say that a person has checked an unknown rollback"),
)
"""Upper case changes something, after a dialog."""
_ONLY_WHEN_POSSIBLE = {f"act('{act}')" for act in (Act.RESUME, Act.SIGN, Act.APPROVE, Act.POSTPONE, Act.CHECKED)}
"""Left out of the hints while they are not possible; the help page has them with the reason."""


class BaseScreen(Screen[None]):
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual's declaration
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual's declaration
    HINT_ROWS: ClassVar[int] = 1
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
        self.set_interval(1, self.redraw)
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.redraw)

    def on_descendant_focus(self) -> None:
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        if not self.is_attached or not self.query("#head"):
            return
        self.shell.forget_refusal()
        width, height = self.size
        small = width < SMALLEST[0] or height < SMALLEST[1]
        self._keep_focus(small=small)
        self.set_class(small, "-tiny")
        if small:
            self._draw_small(width, height)
        self.query_one("#head", Lines).show([header(self.shell.fleet, self.shell.when(), width)])
        self.query_one("#said", Lines).show([self.shell.said] if self.shell.said else [])
        self.query_one("#keys", Lines).show(hints(self.hinted(), width, self.hint_rows()))
        self.draw()

    def _keep_focus(self, *, small: bool) -> None:
        """Hidden widgets lose the focus; it goes back to where it was once there is room again."""
        if small and not self.has_class("-tiny"):
            self._had_focus = self.focused
        elif not small and self._had_focus is not None:
            had, self._had_focus = self._had_focus, None
            self.call_after_refresh(self.set_focus, had)

    def hint_rows(self) -> int:
        return self.HINT_ROWS if self.size.height >= 30 else 1

    def _draw_small(self, width: int, height: int) -> None:
        needs = f"{width}x{height} is too small: {SMALLEST[0]}x{SMALLEST[1]} is needed."
        alarm = [line(span("R still rolls back, q quits.", Ink.KEY))]
        self.query_one("#small", Lines).show([line(span(needs, Ink.WARN)), *alarm])

    def keys(self) -> list[Key]:
        """Bindings of the focus, of this screen and of the app, as hints and help show them."""
        shown: list[Key] = []
        seen: set[tuple[str, str]] = set()
        for active in self.active_bindings.values():
            binding, node = active.binding, active.node
            name = (binding.action, binding.description)
            if not binding.description or binding.system or name in seen:
                continue
            seen.add(name)
            group = "This screen" if node is self else "Everywhere" if node is self.app else "The list or pane in focus"
            why = "" if active.enabled or not isinstance(node, BaseScreen) else node.why_not(binding.action)
            key = self.app.get_key_display(binding)
            hint = binding.show and (active.enabled or binding.action not in _ONLY_WHEN_POSSIBLE)
            shown.append(Key(key, binding.description, active.enabled, why, binding.tooltip, group, hint))
        order = {"This screen": 0, "The list or pane in focus": 1, "Everywhere": 2}
        return sorted(shown, key=lambda key: order[key.group])

    def hinted(self) -> list[Key]:
        """What stands at the foot; the way into the row and the way back come first."""
        first = {"↵": 0, "A": 1, "R": 2}
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
        return why_not(Act(rest.strip("')")), self.shell.fleet, self.selected()) if name == "act" else ""

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
