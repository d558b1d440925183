"""The keys that are heard just now, as the foot and the help page show them: read from the bindings themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from textual.binding import ActiveBinding
from textual.dom import DOMNode
from textual.screen import Screen

from rolloutctl.keymap import BINDINGS
from rolloutctl.tui.draw.keys import Key
from rolloutctl.tui.shell import Shell

_ORDER = {name: index for index, name in enumerate(BINDINGS)}
_GROUPS = ("This screen", "The list or pane in focus", "Everywhere")
_ARROWS = {"escape": "esc", "pagedown": "pgdn", "pageup": "pgup", "enter": "↵", "shift+tab": "⇧tab", "exclamation_mark": "!"}


def keys_here(screen: Screen[None], why_not: Callable[[DOMNode, str], str], hinted: Callable[[ActiveBinding], bool]) -> list[Key]:
    """Bindings of the focus, of the screen and of the app; several keys of one action are one entry."""
    shell = cast("Shell", screen.app)
    merged: dict[tuple[str, str], list[ActiveBinding]] = {}
    for active in screen.active_bindings.values():
        if active.binding.description and not active.binding.system:
            merged.setdefault((_group(active.node, screen), active.binding.action), []).append(active)
    shown = [_key(shell, group, several, why_not, hinted) for (group, _), several in merged.items()]
    # What a widget of the framework brings along and we say nothing about only crowds the page.
    told = (key for key in shown if key.tells)
    return sorted(told, key=lambda key: (_GROUPS.index(key.group), _ORDER.get(key.name, len(_ORDER))))


def _group(node: DOMNode, screen: Screen[None]) -> str:
    if node is screen:
        return _GROUPS[0]
    return _GROUPS[2] if node is screen.app else _GROUPS[1]


def _key(
    shell: Shell,
    group: str,
    several: list[ActiveBinding],
    why_not: Callable[[DOMNode, str], str],
    hinted: Callable[[ActiveBinding], bool],
) -> Key:
    # What may be bound anew speaks for the others: its words are ours, those of arrows are often Textual's.
    ours = sorted(several, key=lambda active: (active.binding.id is None, not active.binding.tooltip))
    first = ours[0].binding
    displays = tuple(dict.fromkeys(_display(shell, active) for active in ours))
    return Key(
        displays[0],
        first.description,
        enabled=ours[0].enabled,
        why_not="" if ours[0].enabled else why_not(ours[0].node, first.action),
        tells=first.tooltip,
        group=group,
        hint=first.show and hinted(ours[0]),
        also=displays[1:],
        name=first.id or "",
    )


def _display(shell: Shell, active: ActiveBinding) -> str:
    binding = active.binding
    if binding.id is not None and binding.id in shell.keys:
        return shell.keys[binding.id]
    return _ARROWS.get(binding.key) or shell.get_key_display(binding)
