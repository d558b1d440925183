"""Bounded retries with full jitter, for reads and for requests that were never sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")


class Time(Protocol):
    """The part of `ports.Clock` that waiting needs."""

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `attempts`, none begun later than `budget_s` after the first; pauses up to `base_s`, doubling, to `most_s`."""

    attempts: int
    budget_s: float
    base_s: float = 0.2
    most_s: float = 2.0


async def repeat(
    once: Callable[[], Awaitable[T]],
    again: Callable[[T], float | None],
    policy: Policy,
    time: Time,
    random: Callable[[], float],
) -> T:
    """Do `once` until `again` says None or the policy is used up; the last result counts.

    `again` gives the least pause in seconds, and the server's word is kept: a pause that does not fit into the budget
    ends the attempts. `random` gives numbers in [0, 1).
    """
    began = time.monotonic()
    result = await once()
    for attempt in range(1, policy.attempts):
        least_s = again(result)
        if least_s is None:
            break
        jitter_s = random() * min(policy.most_s, policy.base_s * 2 ** (attempt - 1))
        pause_s = least_s + jitter_s
        if time.monotonic() - began + pause_s > policy.budget_s:
            break
        await time.sleep(pause_s)
        result = await once()
    return result
