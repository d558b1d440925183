"""Waiting for an event for a while, and hearing a cancellation that a library has swallowed.

`asyncio.wait_for` may swallow one on Python 3.11; `asyncio.timeout` does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")
_AGAIN_S = 0.05
_ENDING: set[asyncio.Future[None]] = set()
"""Kept here because the loop holds tasks only weakly."""


async def wait_a_while(event: asyncio.Event, seconds: float) -> bool:
    """True: the event was set; False: the time was over first."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def left_at_once(call: Awaitable[T]) -> T:
    """The call's result; a cancellation is heard at once, even where the foreign code inside would swallow it.

    What is left behind is cancelled again until it ends, so that it begins nothing new; nobody waits for it.
    """
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            ending = asyncio.ensure_future(_end(task))
            _ENDING.add(ending)
            ending.add_done_callback(_ENDING.discard)
        raise


async def _end(task: asyncio.Future[Any]) -> None:
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_S)
    if not task.cancelled():
        task.exception()
