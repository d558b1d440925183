"""The engine on its own thread with its own loop: what views hold. A slow screen cannot delay a rollback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from rolloutctl.engine.engine import Engine, EngineOptions
from rolloutctl.engine.handover import hand_over
from rolloutctl.engine.unexpected.listening import listen
from rolloutctl.engine.view.commands import Command, Reply
from rolloutctl.engine.view.handle import Leaving
from rolloutctl.engine.view.snapshot import FleetSnapshot, JournalPage
from rolloutctl.engine.world.witnessing import Receipt
from rolloutctl.engine.world.world import World
from rolloutctl.errors import Failed
from rolloutctl.ports import Journal, Verified

T = TypeVar("T")
_START_S = 30.0


class EngineThread:
    """Implements `EngineHandle`. `build` runs on the engine's loop, because adapters belong to it."""

    def __init__(self, build: Callable[[], World], options: EngineOptions, drive_command: tuple[str, ...]) -> None:
        self._build = build
        self._options = options
        self._drive_command = drive_command
        self._subscribers: list[Callable[[FleetSnapshot], None]] = []
        self._at_end: list[Callable[[FleetSnapshot], None]] = []
        self._newest: FleetSnapshot | None = None
        self._engine: Engine | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._stopped: Future[str] | None = None
        self.receipt = Receipt("")
        """Of the journal as this process left it; empty before that."""

    def start(self) -> None:
        """Raises whatever keeps the engine from starting, such as JournalUnreachable."""
        listen()
        self._thread.start()
        try:
            self._submit(self._start()).result(_START_S)
        except BaseException:
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _start(self) -> None:
        self._engine = engine = Engine(self._build(), self._options, self._published)
        try:
            await engine.start()
        except BaseException:
            await engine.close()
            raise

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def _core(self) -> Engine:
        if self._engine is None:
            raise Failed("the engine has not started.")
        return self._engine

    def _published(self, snapshot: FleetSnapshot) -> None:
        self._newest = snapshot
        for subscriber in tuple(self._subscribers):
            subscriber(snapshot)

    def snapshot(self) -> FleetSnapshot:
        if self._newest is None:
            raise Failed("the engine has not started.")
        return self._newest

    def subscribe(self, callback: Callable[[FleetSnapshot], None]) -> Callable[[], None]:
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def at_end(self, callback: Callable[[FleetSnapshot], None]) -> None:
        """Called once with the last snapshot, on a thread where it may take its time."""
        self._at_end.append(callback)

    def send(self, command: Command) -> Future[Reply]:
        return self._submit(self._core.command(command))

    def events(self, rollout: str | None, after: int = 0, limit: int = 500) -> Future[JournalPage]:
        stream = f"rollout/{rollout}" if rollout is not None else None

        def page(journal: Journal) -> JournalPage:
            events = journal.read(stream, after, limit)
            seq, digest = journal.head()
            return JournalPage(tuple(events), seq, digest)

        return self._core.world.journal.submit(page)

    def verify_journal(self) -> Future[Verified]:
        return self._core.world.journal.submit(lambda journal: journal.verify())

    def refresh(self) -> None:
        self._loop.call_soon_threadsafe(self._core.poller.refresh)

    def set_paused(self, paused: bool) -> None:
        def pause() -> None:
            self._core.poller.paused = paused
            self._core.mark()

        self._loop.call_soon_threadsafe(pause)

    def set_interval(self, seconds: float) -> None:
        def change() -> None:
            self._core.poller.interval_s = seconds
            self._core.poller.refresh()
            self._core.mark()

        self._loop.call_soon_threadsafe(change)

    def alive(self, within_s: float) -> bool:
        """Whether the engine's loop still does what it is asked."""

        async def answer() -> bool:
            return True

        try:
            return self._submit(answer()).result(within_s)
        except FutureTimeoutError:
            return False

    def drives(self) -> tuple[str, ...]:
        return self._core.drives()

    def stop(self, leaving: Leaving) -> Future[str]:
        """May be called twice; the second call gets the first one's result."""
        if self._stopped is None:
            self._stopped = self._submit(self._stop(leaving))
            self._stopped.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._loop.stop))
        return self._stopped

    def hurry(self) -> None:
        """While stopping: do not wait for the request in flight, journal it as unknown."""
        self._loop.call_soon_threadsafe(self._core.hurry)

    async def _stop(self, leaving: Leaving) -> str:
        engine = self._core
        left = await engine.stop()
        self.receipt = await engine.receipt()
        said = await self._farewell(engine, left, leaving) if left else ""
        for last in self._at_end:
            await asyncio.to_thread(last, engine.snapshot())
        await engine.close()
        return said

    async def _farewell(self, engine: Engine, left: tuple[str, ...], leaving: Leaving, /) -> str:
        if leaving is Leaving.HAND_OVER:
            return await hand_over(engine.world, left, self._drive_command)
        names = ", ".join(left)
        return f"{names}: not driven from here any more; a screen or `rolloutctl drive` takes over, without one it is UNATTENDED."
