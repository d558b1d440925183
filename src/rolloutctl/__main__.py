"""`rolloutctl`: what only needs text is answered at once; everything else loads the commands, or the screen.

The one place that knows both views: they do not know each other.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rolloutctl.cli.toplevel import answer_early

if TYPE_CHECKING:
    from rolloutctl.cli.options import Globals

_NO_TERMINAL = (
    "rolloutctl: the screen needs a terminal, and this is none. Without one: `rolloutctl status` (once), "
    "`rolloutctl watch ROLLOUT` (a line per change), `rolloutctl drive` (drives), `rolloutctl rollback ROLLOUT`; "
    "`rolloutctl --help` lists everything."
)


def main() -> None:
    arguments = sys.argv[1:]
    text = answer_early(arguments)
    if text is not None:
        from rolloutctl.cli.out import put

        put(text)
        sys.exit(0)
    from rolloutctl.cli.app import run

    sys.exit(run(arguments, screen))


def screen(globals_: Globals) -> int:
    """No command: the screen. Its engine drives whatever nobody drives, unless --read-only. Returns the exit code."""
    from rolloutctl.errors import ExitCode

    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        from rolloutctl.cli.out import say

        say(_NO_TERMINAL)
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


if __name__ == "__main__":
    main()
