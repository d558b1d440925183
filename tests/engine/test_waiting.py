"""A cancellation is heard, whoever swallowed it."""

from __future__ import annotations

import asyncio

import pytest

from rolloutctl.engine.world.waiting import left_at_once


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
            await left_at_once(deaf(started))

    task = asyncio.create_task(loop())
    await started.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_whoever_waits_leaves_at_once_and_what_is_left_behind_is_ended():
    started, left = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        for _ in range(3):
            await deaf(started)
        left.set()

    task = asyncio.create_task(left_at_once(stubborn()))
    await started.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not left.is_set(), "nobody waited for it"
        await left.wait()


async def test_a_call_that_ends_gives_its_result_or_its_error():
    async def answer() -> int:
        return 4

    async def fail() -> int:
        raise ValueError("no")

    assert await left_at_once(answer()) == 4
    with pytest.raises(ValueError, match="no"):
        await left_at_once(fail())
