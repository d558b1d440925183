"""What the pages say while a driver runs, from its engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus

from rolloutctl import VERSION
from rolloutctl.cli.out import clean
from rolloutctl.cli.watched.exposition import CONTENT_TYPE, exposition
from rolloutctl.cli.watched.figures import figures
from rolloutctl.cli.watched.server import Page, Pages
from rolloutctl.engine.thread import EngineThread
from rolloutctl.model.events import Event

_ANSWERS_WITHIN_S = 2.0


class Watching:
    def __init__(self, thread: EngineThread, now: Callable[[], datetime]) -> None:
        self._thread = thread
        self._now = now
        self._seen: Counter[str] = Counter()

    def saw(self, events: Iterable[Event]) -> None:
        """Counts them."""
        # A new counter each time: a page may be reading the old one.
        self._seen = self._seen + Counter(event.kind.value for event in events)

    def alive(self) -> bool:
        return self._thread.alive(_ANSWERS_WITHIN_S)

    def pages(self) -> Pages:
        return {"/metrics": self._metrics, "/healthz": self._health, "/readyz": self._ready}

    def _metrics(self) -> Page:
        families = figures(self._thread.snapshot(), self._seen, VERSION, self._now())
        return Page(HTTPStatus.OK, exposition(families), CONTENT_TYPE)

    def _health(self) -> Page:
        """Alive: whoever restarts what is not should look here."""
        if self.alive():
            return Page(HTTPStatus.OK, "ok\n")
        return Page(HTTPStatus.SERVICE_UNAVAILABLE, f"The engine has not answered for {_ANSWERS_WITHIN_S:.0f} seconds.\n")

    def _ready(self) -> Page:
        """Able to drive: alive, and the journal can be read and written."""
        trouble = self._thread.snapshot().journal_error
        if trouble or not self.alive():
            return Page(HTTPStatus.SERVICE_UNAVAILABLE, f"{clean(trouble) or 'The engine does not answer.'}\n")
        driven = len(self._thread.drives())
        return Page(HTTPStatus.OK, f"ready; driving {driven} {'rollout' if driven == 1 else 'rollouts'}\n")
