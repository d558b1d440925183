"""An engine that is still being loaded, as a handle that views may hold already: the screen is drawn before there is one.

Invariants: nothing is loaded before `begin`; once `stop` was called no engine is started any more, and one that had started is
stopped; whatever kept it from starting is in `failure`, for whoever shows the person a sentence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from rolloutctl.engine.view.commands import Command, Reply
from rolloutctl.engine.view.handle import EngineHandle, Leaving
from rolloutctl.errors import Failed

if TYPE_CHECKING:
    from rolloutctl.engine.view.snapshot import FleetSnapshot, JournalPage
    from rolloutctl.ports import Verified

T = TypeVar("T")
Callback = Callable[["FleetSnapshot"], None]


class Startable(EngineHandle, Protocol):
    def start(self) -> None:
        """Raises whatever keeps the engine from starting."""
        ...


class EngineComing:
    """Implements `EngineHandle`. `load` reads what there is to read and returns an engine that has not started."""

    def __init__(self, load: Callable[[], Startable]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._came: Future[EngineHandle] = Future()
        self._waiting: dict[object, Callback] = {}
        """Who has subscribed and was not handed on to the engine yet."""
        self._unsubscribes: dict[object, Callable[[], None]] = {}

    def begin(self, failed: Callable[[], None]) -> None:
        """Load and start on a thread of its own; a second call does nothing. `failed` is called there when that fails."""
        with self._lock:
            if self._thread is not None or self._stopping:
                return
            self._thread = threading.Thread(target=self._run, args=(failed,), name="loading", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> BaseException | None:
        """What kept the engine from starting."""
        return self._came.exception() if self._came.done() and not self._came.cancelled() else None

    def _run(self, failed: Callable[[], None]) -> None:
        try:
            engine = self._load()
            with self._lock:
                stopping = self._stopping
            if stopping:
                self._came.cancel()
                return
            engine.start()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told by whoever shows the screen
            self._came.set_exception(error)
            failed()
            return
        self._hand_on(engine)

    def _hand_on(self, engine: EngineHandle) -> None:
        with self._lock:
            self._came.set_result(engine)
            waiting, self._waiting = self._waiting, {}
            for token, callback in waiting.items():
                self._unsubscribes[token] = engine.subscribe(callback)
        for callback in waiting.values():
            callback(engine.snapshot())

    def _engine(self) -> EngineHandle | None:
        return self._came.result() if self._came.done() and not self._came.cancelled() and self.failure is None else None

    # -- EngineHandle --------------------------------------------------------------------------------------------------

    def snapshot(self) -> FleetSnapshot:
        """Raises Failed while there is no engine."""
        engine = self._engine()
        if engine is None:
            raise Failed("the engine has not started.")
        return engine.snapshot()

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        token = object()
        with self._lock:
            engine = self._engine()
            if engine is None:
                self._waiting[token] = callback
            else:
                self._unsubscribes[token] = engine.subscribe(callback)
        return lambda: self._unsubscribe(token)

    def _unsubscribe(self, token: object) -> None:
        with self._lock:
            self._waiting.pop(token, None)
            unsubscribe = self._unsubscribes.pop(token, None)
        if unsubscribe is not None:
            unsubscribe()

    def send(self, command: Command) -> Future[Reply]:
        return self._then(lambda engine: engine.send(command))

    def events(self, rollout: str | None, after: int = 0, limit: int = 500) -> Future[JournalPage]:
        return self._then(lambda engine: engine.events(rollout, after, limit))

    def verify_journal(self) -> Future[Verified]:
        return self._then(lambda engine: engine.verify_journal())

    def refresh(self) -> None:
        """It looks at everything when it starts: nothing to ask for before."""
        if (engine := self._engine()) is not None:
            engine.refresh()

    def set_paused(self, paused: bool) -> None:
        if (engine := self._engine()) is not None:
            engine.set_paused(paused)

    def set_interval(self, seconds: float) -> None:
        if (engine := self._engine()) is not None:
            engine.set_interval(seconds)

    def drives(self) -> tuple[str, ...]:
        engine = self._engine()
        return engine.drives() if engine is not None else ()

    def stop(self, leaving: Leaving) -> Future[str]:
        with self._lock:
            self._stopping = True
            if self._thread is None:
                self._came.cancel()
        said: Future[str] = Future()

        def came(coming: Future[EngineHandle]) -> None:
            if coming.cancelled() or coming.exception() is not None:
                said.set_result("")
            else:
                _copy(coming.result().stop(leaving), said)

        self._came.add_done_callback(came)
        return said

    def _then(self, ask: Callable[[EngineHandle], Future[T]]) -> Future[T]:
        answer: Future[T] = Future()

        def came(coming: Future[EngineHandle]) -> None:
            if coming.cancelled() or coming.exception() is not None:
                answer.set_exception(Failed("the engine has not started."))
            else:
                _copy(ask(coming.result()), answer)

        self._came.add_done_callback(came)
        return answer


def _copy(source: Future[T], target: Future[T]) -> None:
    def done(finished: Future[T]) -> None:
        with suppress(RuntimeError):
            error = finished.exception()
            if error is not None:
                target.set_exception(error)
            else:
                target.set_result(finished.result())

    source.add_done_callback(done)
