"""`drive`: an engine without a terminal, one line per change.

JSON lines: {"driving": [rollout]} whenever that changes (first of all), and event_shape for everything that is journalled.
"""

from __future__ import annotations

from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import journal_of, refuse_read_only, resolve, settings_of
from rolloutctl.cli.sentences import event_line, zone_of
from rolloutctl.cli.session import Session, session
from rolloutctl.cli.shapes import event_shape
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.engine import Drives
from rolloutctl.engine.wiring import Options
from rolloutctl.model.kinds import rollout_of

_FIRST_LOOK_S = 2.0
_FOREVER_S = 3600.0


def drive(globals_: Globals, rollouts: tuple[str, ...], *, as_json: bool) -> int:
    """Ends by a signal (Ended) only."""
    refuse_read_only(globals_)
    settings = settings_of(globals_)
    named = _named(settings, rollouts)
    drives = Drives.NAMED if named else Drives.FREE
    with session(Options(settings, drives=drives, named=named)) as running:
        running.begin_telling(None)
        running.until(lambda: running.thread.drives() or None, _FIRST_LOOK_S)
        teller = _Teller(running, settings, named, as_json=as_json)
        teller.first()
        while True:
            running.until(teller.tell, _FOREVER_S)


def _named(settings: Settings, rollouts: tuple[str, ...]) -> frozenset[str]:
    if not rollouts:
        return frozenset()
    with journal_of(settings) as journal:
        return frozenset(resolve(journal, rollout) for rollout in rollouts)


class _Teller:
    def __init__(self, running: Session, settings: Settings, named: frozenset[str], *, as_json: bool) -> None:
        self._running = running
        self._zone = zone_of(settings.config.operator.timezone)
        self._named = named
        self._as_json = as_json
        self._driven: tuple[str, ...] = ()
        self._trouble = ""

    def first(self) -> None:
        self._driven = self._running.thread.drives()
        self._say_driven()

    def tell(self) -> None:
        for event in self._running.news(None):
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
            put(f"driving {', '.join(self._driven)}" if self._driven else "driving nothing now; it takes rollouts as they come")
