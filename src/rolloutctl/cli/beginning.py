"""What nearly every command does first: read the settings, and refuse to change anything under --read-only."""

from __future__ import annotations

from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.config.settings import Settings, Surroundings, read_settings
from rolloutctl.errors import Refused


def settings_of(globals_: Globals) -> Settings:
    """Raises ConfigInvalid."""
    return read_settings(globals_.config, Surroundings.here())


def refuse_read_only(globals_: Globals) -> None:
    """For commands that change something. Raises Refused."""
    if globals_.read_only:
        raise Refused("this was started with --read-only; nothing is changed or driven.", remedy="Leave --read-only out.")
