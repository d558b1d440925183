"""No command: the screen where there is a terminal, else how to do without."""

from __future__ import annotations

import sys

from rolloutctl.cli.options import Globals
from rolloutctl.cli.out import say
from rolloutctl.errors import ExitCode

_USAGE = (
    "rolloutctl: the screen needs a terminal, and this is none. Without one: `rolloutctl status` (once), "
    "`rolloutctl watch ROLLOUT` (a line per change), `rolloutctl drive` (drives), `rolloutctl rollback ROLLOUT`; "
    "`rolloutctl --help` lists everything."
)


def screen(globals_: Globals) -> int:
    """The screen's exit code. The engine drives whatever nobody drives, unless --read-only."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        say(_USAGE)
        return ExitCode.INVALID
    from rolloutctl.cli.reading import settings_of
    from rolloutctl.engine.engine import Drives
    from rolloutctl.engine.wiring import Options, engine_thread
    from rolloutctl.tui.run import run_app

    settings = settings_of(globals_)
    drives = Drives.NONE if globals_.read_only else Drives.FREE
    engine = engine_thread(Options(settings, drives=drives, read_only=globals_.read_only))
    engine.start()
    return run_app(engine, theme=settings.config.ui.theme, timezone=settings.config.operator.timezone)
