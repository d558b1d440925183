"""From an action and a rollout to its dialog; the target is frozen here, once."""

from __future__ import annotations

from rolloutctl.tui.draw.ink import Ink, line, span
from rolloutctl.tui.may import Act, why_not
from rolloutctl.tui.shell import Shell


def open_dialog(shell: Shell, act: Act, target: str) -> None:
    """Open the dialog, or say why there is none."""
    shell.forget_refusal(now=True)
    rollout = shell.rollout(target)
    reason = why_not(act, shell.fleet, rollout)
    if reason or rollout is None:
        shell.refuse(line(span(f"✖ no {act}: ", Ink.WARN), reason))
        return
    from rolloutctl.tui.dialogs.choice import dialog_of  # noqa: PLC0415 - a refusal needs none of them

    shell.redraw_all()
    shell.push_screen(dialog_of(act, rollout))
