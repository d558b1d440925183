"""A few threads that wait for a source, so that the engine's loop never does.

Invariants: never more threads than the pool's size, each with a client of its own; nobody waits longer than the timeout
for an answer, nor, when the source answers nobody, for a free thread. A request that has used up its time is ended from
outside; its thread is free again when that took effect. Threads are daemons: a hung one never keeps the program from
ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

from rolloutctl.metrics.failure import down
from rolloutctl.model.samples import FailureKind, SourceFailure
from rolloutctl.units import show_clock

_ABORT_S = 0.25
"""How long an ended request may take to notice."""


class Abortable(Protocol):
    def abort(self) -> None: ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Abortable)
T = TypeVar("T")


class _Worker(Generic[C]):
    """One thread and its client, which is built on the thread with its first job."""

    def __init__(self, make: Callable[[], C], name: str) -> None:
        self._make = make
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._client: C | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[C], T]) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job(self._ready()))
                except BaseException as error:  # noqa: BLE001  whoever waits is told
                    future.set_exception(error)

        self._jobs.put(run)
        return future

    def abort(self) -> None:
        if self._client is not None:
            self._client.abort()

    def stop(self) -> None:
        self._jobs.put(None)

    def _ready(self) -> C:
        if self._client is None:
            self._client = self._make()
        return self._client

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._client is not None:
            self._client.close()


class Pool(Generic[C]):
    """To be used from one loop."""

    def __init__(self, make: Callable[[], C], *, size: int, timeout_s: float, monotonic: Callable[[], float]) -> None:
        self._make = make
        self._size = size
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._workers: list[_Worker[C]] = []
        self._idle: list[_Worker[C]] = []
        self._waiting: deque[asyncio.Future[_Worker[C] | SourceFailure]] = deque()
        self._answered = float("-inf")
        """When the source last answered anything."""
        self._closed = False

    async def run(self, job: Callable[[C], T | SourceFailure]) -> T | SourceFailure:
        """The job's result. A failure where no thread was free in time, or the job took longer than the timeout."""
        worker = await self._take()
        if isinstance(worker, SourceFailure):
            return worker
        loop, begun = asyncio.get_running_loop(), self._monotonic()
        future = worker.submit(job)
        future.add_done_callback(lambda _: _soon(loop, self._give_back, worker))
        try:
            result = await self._result(future, worker)
        except asyncio.CancelledError:
            worker.abort()
            raise
        if isinstance(result, SourceFailure) and result.kind is FailureKind.DOWN:
            self._failed(result, begun)
        else:
            self._answered = self._monotonic()
        return result

    async def _result(self, future: Future[T | SourceFailure], worker: _Worker[C]) -> T | SourceFailure:
        waiting = asyncio.wrap_future(future)
        done, _ = await asyncio.wait({waiting}, timeout=self._timeout_s)
        if not done:
            worker.abort()
            done, _ = await asyncio.wait({waiting}, timeout=_ABORT_S)
        if not done:
            waiting.add_done_callback(lambda late: late.cancelled() or late.exception())
            return down(f"the source did not answer within {show_clock(self._timeout_s)}.")
        return waiting.result()

    async def _take(self) -> _Worker[C] | SourceFailure:
        if self._closed:
            return down("the source is closed.")
        if self._idle:
            return self._idle.pop()
        if len(self._workers) < self._size:
            worker = _Worker(self._make, f"metrics-{len(self._workers) + 1}")
            self._workers.append(worker)
            return worker
        ticket: asyncio.Future[_Worker[C] | SourceFailure] = asyncio.get_running_loop().create_future()
        self._waiting.append(ticket)
        asked = self._monotonic()
        try:
            while not ticket.done():
                left = max(asked, self._answered) + self._timeout_s - self._monotonic()
                if left <= 0:
                    return down(f"all {self._size} connections wait for the source, which answers nobody.")
                await asyncio.wait({ticket}, timeout=left)
            return ticket.result()
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled() and isinstance(found := ticket.result(), _Worker):
                self._give_back(found)
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(ticket)

    def _give_back(self, worker: _Worker[C]) -> None:
        while self._waiting:
            ticket = self._waiting.popleft()
            if not ticket.done():
                ticket.set_result(worker)
                return
        self._idle.append(worker)

    def _failed(self, failure: SourceFailure, begun: float) -> None:
        """Who waits for a thread is told at once, if the source answered nobody while this one was asking."""
        if self._answered >= begun:
            return
        while self._waiting:
            ticket = self._waiting.popleft()
            if not ticket.done():
                ticket.set_result(failure)

    def close(self) -> None:
        """Ends what is under way; threads end as soon as they notice."""
        self._closed = True
        for worker in self._workers:
            worker.abort()
            worker.stop()


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[_Worker[C]], None], worker: _Worker[C]) -> None:
    with contextlib.suppress(RuntimeError):  # The loop has ended: nobody waits any more.
        loop.call_soon_threadsafe(call, worker)
