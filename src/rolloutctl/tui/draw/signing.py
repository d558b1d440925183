"""As whom a decision is made, for the dialogs that make one. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.engine.view.snapshot import FleetSnapshot
from rolloutctl.tui.draw.ink import Ink, Line, wrap


def signed_as(fleet: FleetSnapshot | None, cells: int) -> Sequence[Line]:
    """`Signs as ana.ruiz with the key SHA256:…`, or that nothing proves who it is; nothing before there is a snapshot."""
    if fleet is None:
        return ()
    if fleet.signs_with:
        return wrap(f"Signs as {fleet.operator} with the key {fleet.signs_with}.", cells)
    return wrap(f"Decides as {fleet.operator}, unauthenticated: the config has no ssh_key for you.", cells, Ink.WARN)
