"""A cancellation is heard, whoever swallowed it."""

from __future__ import annotations

import asyncio

import pytest

from rolloutctl.engine.waiting import heed_cancellation


async def deaf(started: asyncio.Event) -> None:
    started.set()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return


async def test_a_loop_ends_although_what_it_awaits_swallows_the_cancellation():
    started = asyncio.Event()

    async def loop() -> None:
        while True:
            await deaf(started)
            heed_cancellation()

    task = asyncio.create_task(loop())
    await started.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_without_one_nothing_happens():
    heed_cancellation()
