"""Running the app in a real terminal, and leaving that terminal as it was found whatever happens.

The return value is the exit code of the program: 0 after quitting, 128+n after signal n, 1 after a crash, 2 where there
is no terminal.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rolloutctl.engine.cards.glance import Glance
from rolloutctl.engine.coming import EngineComing
from rolloutctl.engine.unexpected.crash import told
from rolloutctl.engine.unexpected.listening import listen
from rolloutctl.engine.view.handle import EngineHandle, Leaving
from rolloutctl.errors import ExitCode
from rolloutctl.tui.app import RolloutApp

if TYPE_CHECKING:
    from rolloutctl.config import Theme

_STOP_WAIT_S = 8.0
_LOOK_MS = 1000
_HEARD_S = 3.0
"""How long the screen has to hear that its terminal is gone."""
"""How long a request in flight may take to be finished and journalled."""
NO_TERMINAL = (
    "rolloutctl: the screen needs a terminal, and this is none. Without one: "
    "`rolloutctl status` (once), `rolloutctl watch` (a line per change), `rolloutctl drive` (drives), "
    "`rolloutctl rollback ROLLOUT`."
)
_CANNOT = frozenset({"", "dumb", "unknown"})
"""Values of TERM under which nothing that moves a cursor can be expected to work; Textual would wait for it without end."""

_AT_REST = "".join(f"\x1b[?{mode}l" for mode in (1000, 1003, 1015, 1006, 1004, 2004, 1049)) + "\x1b[<u\x1b[?7h\x1b[?25h\x1b[0m"
"""No mouse, no focus reports, no bracketed paste, no alternate screen; the keyboard as it was, lines wrap, the cursor shows."""


_LATER = ("draw.rollout", "dialogs.choice", "dialogs.quit", "screens.rollout", "screens.help", "screens.doctor", "commands")
"""What the first frame does without, and the keys after it should not wait for."""


def load_the_rest() -> None:
    """On another thread than the screen's."""
    for module in _LATER:
        import_module(f"rolloutctl.tui.{module}")


def utc_now() -> datetime:
    return datetime.now(UTC)


def run_app(
    engine: EngineHandle,
    *,
    theme: Theme | str,
    timezone: str | None,
    start_at: str | None = None,
    keys: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = utc_now,
    state_dir: Path | None = None,
) -> int:
    """Show the screen until it is quit. The engine runs already; it is stopped here, whatever ended the screen.

    `keys` are `[ui.keys]`. `state_dir`: where a crash is written down; default: rolloutctl's XDG state folder.
    """
    if refusal := _no_terminal():
        print(refusal, file=sys.stderr)  # noqa: T201 - the terminal is not ours yet
        engine.stop(Leaving.RELEASE)
        return ExitCode.INVALID
    listen()
    app = RolloutApp(engine, theme=theme, timezone=timezone, start_at=start_at, now=now, unicode=_speaks_unicode(), keys=keys)
    return _run(app, state_dir)


def run_first(
    coming: EngineComing,
    glance: Glance,
    *,
    theme: str,
    timezone: str | None,
    keys: Mapping[str, str],
    now: Callable[[], datetime] = utc_now,
    state_dir: Path | None = None,
) -> int:
    """As `run_app`, with rows of `glance` until the engine has come: it is loaded behind the first frame.

    Raises what kept the engine from starting, once the terminal is as it was.
    """
    if refusal := _no_terminal():
        print(refusal, file=sys.stderr)  # noqa: T201 - the terminal is not ours yet
        return ExitCode.INVALID
    listen()

    def begin() -> None:
        coming.begin(app.not_started)

    app = RolloutApp(
        coming, theme=theme, timezone=timezone, now=now, unicode=_speaks_unicode(), keys=keys, glance=glance, begin=begin
    )
    code = _run(app, state_dir)
    if coming.failure is not None and app.ended_by is None:
        raise coming.failure
    return code


def _run(app: RolloutApp, state_dir: Path | None) -> int:
    crash: BaseException | None = None
    with _terminal_as_it_was(), _ended_without_terminal(app):
        try:
            app.run()
        except KeyboardInterrupt:
            return _left(app, 130)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person gets a sentence and their terminal back
            crash = error
        if app.crash is not None or crash is not None:
            _reset_modes()
    crash = app.crash or crash
    if app.ended_by is not None:
        return _left(app, 128 + app.ended_by)
    if crash is not None:
        _tell_crash(crash, state_dir)
        return _left(app, ExitCode.FAILED)
    return _left(app, app.return_code or 0)


def _left(app: RolloutApp, code: int) -> int:
    """Stop the engine if the screen has not, and wait for it briefly."""
    with contextlib.suppress(FutureTimeoutError):
        app.stop_engine(Leaving.RELEASE).exception(timeout=_STOP_WAIT_S)
    return code


def _no_terminal() -> str:
    """Why the screen cannot be shown here; empty: it can."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return NO_TERMINAL
    term = os.environ.get("TERM", "")
    if term.lower() not in _CANNOT:
        return ""
    said = f'TERM is "{term}"' if term else "TERM is not set"
    return NO_TERMINAL.replace("this is none", f"{said}, which can show none: set TERM, such as to xterm-256color")


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


@contextlib.contextmanager
def _ended_without_terminal(app: RolloutApp) -> Iterator[None]:
    """A terminal that has gone away ends the program even where the screen is stuck in writing to it and hears no signal."""
    over, fd = threading.Event(), sys.stdin.fileno()

    def watch() -> None:
        gone = select.poll()
        gone.register(fd, 0)
        while not gone.poll(_LOOK_MS):
            if over.is_set():
                return
        if not over.wait(_HEARD_S):
            _left(app, 0)
            os._exit(128 + signal.SIGHUP)

    threading.Thread(target=watch, name="terminal", daemon=True).start()
    try:
        yield
    finally:
        over.set()


@contextlib.contextmanager
def _terminal_as_it_was() -> Iterator[None]:
    """Textual restores it on the usual ways out; this is for the others."""
    saved = termios.tcgetattr(sys.stdin.fileno())
    _give_it_a_size(sys.stdout.fileno())
    try:
        yield
    finally:
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, saved)


def _reset_modes() -> None:
    """What Textual switches on, off: after a crash it is not known whether it did so itself. Off twice does no harm."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(_AT_REST)
        sys.stdout.flush()


def _give_it_a_size(fd: int) -> None:
    """A terminal that says it is 0x0 (some containers and consoles) would make Textual lay out without end."""
    with contextlib.suppress(termios.error, OSError):
        if 0 in termios.tcgetwinsize(fd):
            termios.tcsetwinsize(fd, (24, 80))


def _tell_crash(error: BaseException, state_dir: Path | None) -> None:
    said = f"the screen has failed ({type(error).__name__}); what was asked for is in the journal. {told(error, state_dir)}"
    with contextlib.suppress(OSError):
        print(f"rolloutctl: {said}", file=sys.stderr)  # noqa: T201 - the screen is gone
