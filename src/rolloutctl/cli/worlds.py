"""The adapters of one command, on its own loop, closed whatever happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.unexpected.listening import listen
from rolloutctl.engine.wiring import open_world
from rolloutctl.engine.world.world import World

T = TypeVar("T")


async def in_world(settings: Settings, work: Callable[[World], Awaitable[T]]) -> T:
    listen()
    world = open_world(settings)
    try:
        return await work(world)
    finally:
        await world.close()
