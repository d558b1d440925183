"""Waiting for an event for a while, and hearing a cancellation that a library has swallowed.

`asyncio.wait_for` may swallow one on Python 3.11; `asyncio.timeout` does not.
"""

from __future__ import annotations

import asyncio


async def wait_a_while(event: asyncio.Event, seconds: float) -> bool:
    """True: the event was set; False: the time was over first."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def heed_cancellation() -> None:
    """Raise CancelledError if this task was asked to end while it awaited foreign code that did not pass it on.

    A connection that is being opened may do that; the task would go on for ever, and whoever ends it would wait.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
