"""Bindings by their stable id: the default key comes from `keymap.py`, another one from `[ui.keys]`."""

from __future__ import annotations

from textual.binding import Binding

from rolloutctl.keymap import DEFAULTS


def bound(name: str, action: str, label: str, tooltip: str, *, show: bool = True, priority: bool = False) -> Binding:
    """A binding that may be given another key; `name` is its id. Shown: it stands in the line at the foot."""
    return Binding(DEFAULTS[name], action, label, show=show, priority=priority, tooltip=tooltip, id=name)


def fixed(
    keys: str, action: str, label: str, tooltip: str, *, show: bool = False, display: str | None = None, priority: bool = False
) -> Binding:
    """A binding that is the same for everybody: ways out, arrows, enter."""
    return Binding(keys, action, label, show=show, key_display=display, priority=priority, tooltip=tooltip)
