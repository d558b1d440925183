"""`rolloutctl`: what only needs text is answered at once; everything else loads the commands, or the screen.

The one place that knows both views: they do not know each other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from rolloutctl.cli.guarded import guarded
from rolloutctl.cli.plain import Off, PlainLine, Rollback, RollbackByPlan, Screen, Status, plain_line
from rolloutctl.cli.toplevel import Globals, answer_early
from rolloutctl.memory import begin_loading, loaded, stay_small

if TYPE_CHECKING:
    from rolloutctl.engine.cards.glance import Glance
    from rolloutctl.engine.thread import EngineThread

_NO_TERMINAL = (
    "rolloutctl: the screen needs a terminal, and this is none. Without one: `rolloutctl status` (once), "
    "`rolloutctl watch ROLLOUT` (a line per change), `rolloutctl drive` (drives), `rolloutctl rollback ROLLOUT`; "
    "`rolloutctl --help` lists everything."
)


def main() -> None:
    arguments = sys.argv[1:]
    begin_loading()
    try:
        code = _answered(arguments)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - nothing that goes wrong while starting is shown as it is
        from rolloutctl.cli.ending import code_of
        from rolloutctl.cli.out import settle

        code = code_of(error)
        settle()
    sys.exit(code)


def _answered(arguments: list[str]) -> int:
    text = answer_early(arguments)
    if text is not None:
        from rolloutctl.cli.out import put

        put(text)
        return 0
    plain = plain_line(arguments)
    if plain is not None:
        return guarded(lambda: _plainly(plain))
    if arguments[:1] == ["__complete"]:
        from rolloutctl.cli.completing import answer

        return answer(arguments[1:])
    from rolloutctl.cli.app import run

    return run(arguments, screen)


def _plainly(line: PlainLine) -> int:
    """Without the parser, which takes longer to load than a glance takes altogether."""
    match line:
        case Screen(globals_):
            return screen(globals_)
        case Status(globals_, rollout, as_json):
            from rolloutctl.cli.status import show

            return show(globals_, rollout, as_json=as_json)
        case Rollback(globals_, rollout, why, as_json):
            from rolloutctl.cli.acting import roll_back

            return roll_back(globals_, rollout, why=why, as_json=as_json)
        case RollbackByPlan(globals_, file, why, as_json):
            from rolloutctl.cli.emergency import off_by_plan

            return off_by_plan(globals_, file, why=why, as_json=as_json)
        case Off(globals_, provider, flag, environment, project, why, as_json):
            from rolloutctl.cli.emergency import off

            return off(globals_, provider, flag, environment, project, why=why, as_json=as_json)
        case _:
            assert_never(line)


def screen(globals_: Globals) -> int:
    """No command: the screen. Its engine drives whatever nobody drives, unless --read-only. Returns the exit code."""
    from rolloutctl.cli.first import is_first, meet
    from rolloutctl.engine.config.files import Surroundings
    from rolloutctl.errors import ExitCode

    terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    if is_first(globals_, Surroundings.here()):
        from rolloutctl.cli.app import run

        return meet(lambda arguments: run(arguments, screen), terminal=terminal)
    if not terminal:
        from rolloutctl.cli.out import say

        say(_NO_TERMINAL)
        return ExitCode.INVALID
    from rolloutctl.engine.cards.glance import glance
    from rolloutctl.tui.first import first_look

    surroundings = Surroundings.here()
    seen = glance(globals_.config, surroundings)
    with first_look(lambda: seen, lambda: datetime.now(UTC)) as hand_over:
        if seen is not None and seen.rollouts:
            return _opened_at_once(globals_, seen, hand_over)
        return _opened(globals_, hand_over)


def _opened_at_once(globals_: Globals, seen: Glance, hand_over: Callable[[], None]) -> int:
    """Show what the cards say on the screen itself; settings and engine are loaded behind it."""
    from rolloutctl.cli import signals

    with signals.raising():
        from rolloutctl.engine.coming import EngineComing
        from rolloutctl.tui.run import run_first

    ui, me = seen.config.table("ui"), seen.config.table("operator")
    hand_over()
    return run_first(
        EngineComing(lambda: _engine(globals_)),
        seen,
        theme=ui.get("theme", "dark"),
        timezone=me.get("timezone"),
        keys=ui.get("keys", {}),
    )


def _engine(globals_: Globals) -> EngineThread:
    """Not started yet; its settings are read anew: the config may have changed since it was looked at."""
    from rolloutctl.cli.beginning import settings_of
    from rolloutctl.engine.engine import Drives
    from rolloutctl.engine.wiring import Options, engine_thread
    from rolloutctl.tui.run import load_the_rest

    stay_small()
    drives = Drives.NONE if globals_.read_only else Drives.FREE
    engine = engine_thread(Options(settings_of(globals_), drives=drives, read_only=globals_.read_only))
    load_the_rest()
    loaded()
    return engine


def _opened(globals_: Globals, hand_over: Callable[[], None]) -> int:
    """Load, read, start and show; the first look stands on the terminal until `hand_over` is called."""
    from rolloutctl.cli import signals

    with signals.raising():
        from rolloutctl.cli.beginning import settings_of
        from rolloutctl.engine.engine import Drives
        from rolloutctl.engine.wiring import Options, engine_thread
        from rolloutctl.tui.run import run_app

        stay_small()
        settings = settings_of(globals_)
        drives = Drives.NONE if globals_.read_only else Drives.FREE
        engine = engine_thread(Options(settings, drives=drives, read_only=globals_.read_only))
        engine.start()
    loaded()
    ui, me = settings.config.ui, settings.config.operator
    hand_over()
    return run_app(engine, theme=ui.theme, timezone=me.timezone, keys=ui.keys)


if __name__ == "__main__":
    main()
