"""The one place where everything that can go wrong becomes a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable


def guarded(work: Callable[[], object]) -> int:
    """The exit code that `work` returns, 0 for none; never raises, never shows a traceback."""
    from rolloutctl.cli.out import settle

    try:
        code = work()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - this is the last place
        # Loaded only now: it knows typer's errors.
        from rolloutctl.cli.ending import code_of

        return code_of(error)
    finally:
        _tell_left_behind()
        settle()
    return int(code) if isinstance(code, int) else 0


def _tell_left_behind() -> None:
    """What threads and loggers wrote down meanwhile; the module is loaded where there was something that could."""
    crash = sys.modules.get("rolloutctl.engine.unexpected.crash")
    if crash is not None and (said := crash.left_behind()):
        from rolloutctl.cli.out import complain

        complain(said)
