"""Waiting for an event for a while. `asyncio.wait_for` may swallow a cancellation on Python 3.11; `asyncio.timeout` does not."""

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
