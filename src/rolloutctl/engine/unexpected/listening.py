"""Threads, loggers and finalisers write what they complain of into the crash file: they would print it into the screen."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

from rolloutctl.engine.unexpected.crash import note, place, trace

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


class _ToFile(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = logging.Formatter("%(name)s %(levelname)s %(message)s").format(record)
        except Exception:  # noqa: BLE001 - a complaint that cannot be put into words is none of the user's business
            text = f"{record.name} {record.levelname} {record.msg!r}"
        note(text, f"{record.filename}:{record.lineno} in {record.funcName}")


def listen() -> None:
    """From now on; may be called again. A hook that somebody else has set stays."""
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _of_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _of_finaliser
    root = logging.getLogger()
    if not any(isinstance(handler, _ToFile) for handler in root.handlers):
        root.addHandler(_ToFile(logging.WARNING))
    logging.captureWarnings(capture=True)


def _of_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        note(trace(failed.exc_value), place(failed.exc_value))


def _of_finaliser(failed: UnraisableHookArgs) -> None:
    # While Python shuts down nothing can be loaded or written any more, and everything has been said.
    if failed.exc_value is not None and not sys.is_finalizing():
        note(trace(failed.exc_value), place(failed.exc_value))
