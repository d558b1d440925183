"""Faults that a rehearsal injects into itself: a wrapper round the ports that does to one step what a bad day does.

`flag-off=lost-answer@1`: the first effect that the step sends (for steps that only read: its first question). The wrapper is
told which step is under way by the idempotency key; nothing in the runner knows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from rolloutctl.errors import InvalidInput
from rolloutctl.model import outcome as out
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.exchange import NOT_JSON, Answered, Exchange, NoAnswer, NotSent, Request, Trouble
from rolloutctl.model.message import Delivery, Ending, Message
from rolloutctl.model.samples import Answer, FailureKind, Query, Samples, SourceFailure
from rolloutctl.ports import Adapter, Channel, Clock, Provider, Source
from rolloutctl.shown import shown

SLOW_S = 3.0
"""How long a slow answer takes longer."""


class Fault(StrEnum):
    LOST_REQUEST = "lost-request"
    """It never arrives; nobody says so."""
    LOST_ANSWER = "lost-answer"
    """It arrives, and the answer is lost."""
    TIMEOUT = "timeout"
    """It arrives, and no answer comes in time."""
    UNAUTHORIZED = "401"
    """The credentials are refused."""
    TOO_MANY = "429"
    """Too many requests, come back later."""
    UNAVAILABLE = "503"
    """The server is not available."""
    SLOW = "slow"
    """The answer comes late."""
    NO_DATA = "no-data"
    """A source answers that it has nothing."""
    CRASH = "crash"
    """The program is killed before the answer is known."""


@dataclass(frozen=True, slots=True)
class Injected:
    step: str
    fault: Fault
    at: int
    """Which of the step's requests, from 1."""

    def __str__(self) -> str:
        return f"{self.step}={self.fault}@{self.at}"


def parse_injected(text: str, steps: Sequence[str]) -> Injected:
    """Read `flag-off=lost-answer@1`. Raises InvalidInput."""
    step, _, rest = text.partition("=")
    fault, _, number = rest.partition("@")
    if step not in steps:
        raise InvalidInput(
            f"{shown(text)} injects a fault into a step that there is not.", remedy=f"Its steps: {', '.join(steps)}."
        )
    if fault not in set(Fault):
        raise InvalidInput(f"{shown(text)} names no fault.", remedy=f"Write STEP=FAULT@N with one of {', '.join(Fault)}.")
    if number and not (number.isascii() and number.isdecimal() and 1 <= int(number) <= 100):
        raise InvalidInput(f"{shown(text)} does not say which request.", remedy=f"Write {step}={fault}@1 for the first.")
    return Injected(step, Fault(fault), int(number or 1))


class Begun(Protocol):
    def __call__(self) -> Mapping[str, bool]:
        """Ids of the steps under way, and whether each has an effect."""
        ...


@dataclass(slots=True)
class Faults:
    """Decides for each request whether it is the one. `crash` never returns."""

    injected: tuple[Injected, ...]
    under_way: Begun
    clock: Clock
    crash: Callable[[], Any]
    _seen: dict[str, int] = field(default_factory=dict)

    def next(self, *, effect: bool) -> Fault | None:
        """Counts a request of the steps under way; `effect`: of those that have one."""
        for step, has_effect in self.under_way().items():
            mine = [each for each in self.injected if each.step == step]
            if not mine or has_effect is not effect:
                continue
            self._seen[step] = self._seen.get(step, 0) + 1
            for each in mine:
                if each.at == self._seen[step]:
                    return each.fault
        return None

    def adapter(self, inner: Adapter) -> Adapter:
        return _Adapter(inner, self)

    def provider(self, inner: Provider) -> Provider:
        return _Provider(inner, self)

    def source(self, inner: Source) -> Source:
        return _Source(inner, self)

    def channel(self, inner: Channel) -> Channel:
        return _Channel(inner, self)


_WORDS = "injected"


def _answered(status: int, *, retry_after_s: float | None = None) -> Answered:
    return Answered(status, {}, NOT_JSON, f"{_WORDS} {status}", retry_after_s=retry_after_s)


class _Adapter:
    def __init__(self, inner: Adapter, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    async def send(self, request: Request) -> Exchange:
        # Without a key it is a step that only reads, or a read-back, which no fault is meant for where the step has effects.
        match self._faults.next(effect=bool(request.key)):
            case None:
                return await self._inner.send(request)
            case Fault.LOST_REQUEST:
                return NoAnswer(f"{request}: {_WORDS}: the request is lost", Trouble.RESET)
            case Fault.LOST_ANSWER:
                await self._inner.send(request)
                return NoAnswer(f"{request}: {_WORDS}: the answer is lost", Trouble.RESET)
            case Fault.TIMEOUT:
                await self._inner.send(request)
                return NoAnswer(f"{request}: {_WORDS}: no answer in time", Trouble.TIMEOUT)
            case Fault.UNAUTHORIZED:
                return _answered(401)
            case Fault.TOO_MANY:
                return _answered(429, retry_after_s=1.0)
            case Fault.UNAVAILABLE:
                return _answered(503)
            case Fault.NO_DATA:
                return NotSent(f"{request}: {_WORDS}: nothing there", Trouble.CONNECT)
            case Fault.SLOW:
                await self._faults.clock.sleep(SLOW_S)
                return await self._inner.send(request)
            case Fault.CRASH:
                await self._inner.send(request)
                self._faults.crash()
                raise AssertionError("a crash does not return")

    async def close(self) -> None:
        await self._inner.close()


class _Provider:
    def __init__(self, inner: Provider, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults
        self.capabilities = inner.capabilities

    async def probe(self) -> out.Health:
        return await self._inner.probe()

    async def read(self, target: Target) -> CohortState:
        return await self._inner.read(target)

    async def plan(self, state: CohortState, want: Cohort, target: Target) -> out.Change:
        return await self._inner.plan(state, want, target)

    async def apply(self, change: out.Change, target: Target, key: str, reason: str) -> out.Outcome:
        return await self._write(lambda: self._inner.apply(change, target, key, reason))

    async def off(self, target: Target, key: str, reason: str) -> out.Outcome:
        return await self._write(lambda: self._inner.off(target, key, reason))

    async def restore(self, snapshot: CohortState, target: Target, key: str, reason: str) -> out.Outcome:
        return await self._write(lambda: self._inner.restore(snapshot, target, key, reason))

    async def verify(self, target: Target, want: Cohort) -> out.Verification:
        return await self._inner.verify(target, want)

    async def history(self, target: Target, since: str) -> Sequence[out.ForeignEdit]:
        return await self._inner.history(target, since)

    async def close(self) -> None:
        await self._inner.close()

    async def _write(self, call: Callable[[], Any]) -> out.Outcome:
        outcome: out.Outcome
        match self._faults.next(effect=True):
            case Fault.LOST_REQUEST | Fault.NO_DATA:
                return out.Unknown(f"{_WORDS}: the request is lost")
            case Fault.LOST_ANSWER | Fault.TIMEOUT:
                await call()
                return out.Unknown(f"{_WORDS}: no answer came")
            case Fault.UNAUTHORIZED:
                return out.Rejected(f"{_WORDS} 401")
            case Fault.TOO_MANY:
                return out.RateLimited(1.0, f"{_WORDS} 429")
            case Fault.UNAVAILABLE:
                return out.Unavailable(f"{_WORDS} 503")
            case Fault.CRASH:
                await call()
                self._faults.crash()
                raise AssertionError("a crash does not return")
            case Fault.SLOW:
                await self._faults.clock.sleep(SLOW_S)
            case None:
                pass
        outcome = await call()
        return outcome


class _Source:
    def __init__(self, inner: Source, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    async def probe(self) -> out.Health:
        return await self._inner.probe()

    async def now(self) -> datetime:
        return await self._inner.now()

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        match self._faults.next(effect=False):
            case None:
                return await self._inner.fetch(queries)
            case Fault.SLOW:
                await self._faults.clock.sleep(SLOW_S)
                return await self._inner.fetch(queries)
            case Fault.NO_DATA:
                return dict.fromkeys(queries, Samples(()))
            case Fault.CRASH:
                self._faults.crash()
                raise AssertionError("a crash does not return")
            case fault:
                return dict.fromkeys(queries, SourceFailure(FailureKind.DOWN, f"{_WORDS} {fault}"))

    async def close(self) -> None:
        await self._inner.close()


class _Channel:
    def __init__(self, inner: Channel, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    async def notify(self, message: Message) -> Delivery:
        match self._faults.next(effect=True):
            case None:
                return await self._inner.notify(message)
            case Fault.SLOW:
                await self._faults.clock.sleep(SLOW_S)
                return await self._inner.notify(message)
            case Fault.LOST_ANSWER | Fault.TIMEOUT:
                await self._inner.notify(message)
                return Delivery(Ending.UNKNOWN, f"{_WORDS}: no answer came", 1, 0.0)
            case Fault.LOST_REQUEST:
                return Delivery(Ending.UNKNOWN, f"{_WORDS}: the request is lost", 1, 0.0)
            case Fault.CRASH:
                await self._inner.notify(message)
                self._faults.crash()
                raise AssertionError("a crash does not return")
            case fault:
                return Delivery(Ending.REFUSED, f"{_WORDS} {fault}", 1, 0.0)

    async def close(self) -> None:
        await self._inner.close()
