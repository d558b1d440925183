"""One attempt to tell people, and whether another may follow: the rules that all channels share.

Invariant: once an attempt may have told people, no later one makes that unsaid: the ending stays UNKNOWN unless one is taken.
"""

from __future__ import annotations

import secrets as system
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from rolloutctl.model.exchange import Answered, Exchange, NoAnswer, NotSent
from rolloutctl.model.message import Delivery, Ending
from rolloutctl.wire.limits import told_s
from rolloutctl.wire.retry import Policy, Time, repeat

ATTEMPTS = 3
_BACK_SOON = frozenset({429, 503})
"""Statuses that say: not now, and nothing was done."""
_MAYBE_DONE = frozenset({408, 425})


@dataclass(frozen=True, slots=True)
class Attempt:
    ending: Ending
    why: str
    again_s: float | None = None
    """The least pause before another attempt that cannot tell people twice; None: there is none such."""


def random() -> float:
    """In [0, 1)."""
    return system.randbelow(1 << 30) / (1 << 30)


async def deliver(once: Callable[[], Awaitable[Attempt]], budget_s: float, clock: Time, random: Callable[[], float]) -> Delivery:
    """A few attempts within the budget, in seconds, and what came of them."""
    made: list[Attempt] = []

    async def counted() -> Attempt:
        attempt = await once()
        made.append(attempt)
        return attempt

    began = clock.monotonic()
    last = await repeat(counted, lambda attempt: attempt.again_s, Policy(ATTEMPTS, budget_s), clock, random)
    doubt = next((attempt for attempt in made if attempt.ending is Ending.UNKNOWN), None)
    counts = last if last.ending is Ending.TAKEN or doubt is None else doubt
    return Delivery(counts.ending, counts.why, len(made), clock.monotonic() - began)


def attempt_of(who: str, ended: Exchange, now: datetime, taken: Callable[[Answered], str | None], *, repeatable: bool) -> Attempt:
    """What an exchange means. `taken`: what the service said when it took it, None where it did not speak as it should.

    `repeatable`: the service tells a message from the same one sent again.
    """
    match ended:
        case NotSent(why):
            return Attempt(Ending.NOT_SENT, why, 0.0)
        case NoAnswer(why):
            return Attempt(Ending.UNKNOWN, why, 0.0 if repeatable else None)
        case Answered(status=status):
            said = f"{who}: {ended.why}"
            if ended.ok:
                words = taken(ended)
                if words is not None:
                    return Attempt(Ending.TAKEN, f"{who}: {words}")
                return Attempt(Ending.UNKNOWN, f"{said}, which is not how it says that it has taken a message")
            if status in _BACK_SOON:
                return Attempt(Ending.REFUSED, said, told_s(ended.headers, now) or 0.0)
            if status >= 500 or status in _MAYBE_DONE:
                return Attempt(Ending.UNKNOWN, said, 0.0 if repeatable else None)
            if 300 <= status < 400:
                why = f"{who}: HTTP {status}, a redirect; redirects are not followed, so give the final URL"
                return Attempt(Ending.REFUSED, why)
            return Attempt(Ending.REFUSED, said)
        case _:
            assert_never(ended)
