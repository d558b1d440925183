"""`drive`: an engine without a terminal, one line per change; with figures and health on loopback where that is asked for.

JSON lines: {"driving": [rollout]} whenever that changes (first of all), and event_shape for everything that is journalled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rolloutctl.cli.beginning import refuse_read_only, settings_of
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import journal_of, resolve, utc_now
from rolloutctl.cli.sentences import event_line, zone_of
from rolloutctl.cli.session import Session, session
from rolloutctl.cli.shapes import event_shape
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.watched.server import parse_address, serving
from rolloutctl.cli.watched.supervisor import Supervisor, supervisor
from rolloutctl.cli.watched.watching import Watching
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.engine import Drives
from rolloutctl.engine.opening import author
from rolloutctl.engine.wiring import Options
from rolloutctl.errors import Refused
from rolloutctl.memory import loaded, stay_small
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import rollout_of
from rolloutctl.policy.permission import may_drive

_FIRST_LOOK_S = 2.0
_FOREVER_S = 3600.0


def drive(globals_: Globals, rollouts: tuple[str, ...], listen: str = "", *, as_json: bool) -> int:
    """Ends by a signal (Ended) only. `listen`: an address and port; empty: nothing listens."""
    refuse_read_only(globals_)
    address = parse_address(listen) if listen else None
    settings = settings_of(globals_)
    if refused := may_drive(settings.config, author(settings.config).actor):
        raise Refused(refused, remedy="List this user in the config as an operator, or let one drive.")
    named = _named(settings, rollouts)
    drives = Drives.NAMED if named else Drives.FREE
    stay_small()
    with session(Options(settings, drives=drives, named=named)) as running:
        running.begin_telling(None)
        running.until(lambda: running.thread.drives() or None, _FIRST_LOOK_S)
        loaded()
        watching = Watching(running.thread, utc_now)
        teller = _Teller(running, settings, named, watching, as_json=as_json)
        with _listening(address, watching), _supervised() as boss:
            teller.first()
            boss.ready()
            while True:
                running.until(lambda: _round(teller, watching, boss), _FOREVER_S)


@contextmanager
def _listening(address: tuple[str, int] | None, watching: Watching) -> Iterator[None]:
    if address is None:
        yield
        return
    with serving(address, watching.pages()) as port:
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        say(f"listening on http://{host}:{port} (/metrics, /healthz, /readyz)")
        yield


@contextmanager
def _supervised() -> Iterator[Supervisor]:
    boss = supervisor(os.environ, os.getpid())
    try:
        yield boss
    finally:
        boss.leaving()


def _round(teller: _Teller, watching: Watching, boss: Supervisor) -> None:
    teller.tell()
    boss.status(teller.driven)
    # Only an engine that answers is alive: one that hangs is to be replaced, and its leases with it.
    if boss.due(time.monotonic()) and watching.alive():
        boss.alive(time.monotonic())


def _named(settings: Settings, rollouts: tuple[str, ...]) -> frozenset[str]:
    if not rollouts:
        return frozenset()
    with journal_of(settings) as journal:
        return frozenset(resolve(journal, rollout) for rollout in rollouts)


class _Teller:
    def __init__(self, running: Session, settings: Settings, named: frozenset[str], watching: Watching, *, as_json: bool) -> None:
        self._running = running
        self._watching = watching
        self._seq = -1
        self._zone = zone_of(settings.config.operator.timezone)
        self._named = named
        self._as_json = as_json
        self._driven: tuple[str, ...] = ()
        self._trouble = ""

    def first(self) -> None:
        self._driven = self._running.thread.drives()
        self._say_driven()

    @property
    def driven(self) -> str:
        return f"driving {', '.join(self._driven)}" if self._driven else "driving nothing now; it takes rollouts as they come"

    def tell(self) -> None:
        for event in self._new():
            if self._named and rollout_of(event.stream) not in self._named:
                continue
            if self._as_json:
                put_json(event_shape(event))
            else:
                put(event_line(event, self._zone))
        driven = self._running.thread.drives()
        if driven != self._driven:
            self._driven = driven
            self._say_driven()
        trouble = " ".join(filter(None, [self._running.fleet().journal_error, self._running.fleet().notice]))
        if trouble != self._trouble:
            self._trouble = trouble
            say(trouble or "The trouble is over.")

    def _say_driven(self) -> None:
        if self._as_json:
            put_json({"driving": list(self._driven)})
        else:
            put(self.driven)

    def _new(self) -> Sequence[Event]:
        """The journal is asked only when the engine has seen something new in it."""
        newest = self._running.fleet().journal_seq
        if newest <= self._seq:
            return ()
        events = self._running.news(None)
        self._seq = events[-1].seq if events else newest
        self._watching.saw(events)
        return events
