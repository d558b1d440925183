"""Adapters and channels are made when they are asked for, and only what was made is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.worlds import TestWorld
from rolloutctl.engine.world.late import Late, made
from rolloutctl.errors import InvalidInput


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


def test_a_thing_is_made_once_and_only_when_asked_for() -> None:
    calls: list[str] = []

    def maker(name: str) -> Thing:
        calls.append(name)
        return Thing(name)

    things = Late({"a": lambda: maker("a"), "b": lambda: maker("b")})
    assert (list(things), len(things), "a" in things, "c" in things) == (["a", "b"], 2, True, False)
    assert calls == []
    assert things["a"] is things["a"]
    assert calls == ["a"]
    assert made(things) == (things["a"],)
    assert made({"x": 1}) == (1,)
    with pytest.raises(KeyError):
        things["c"]


async def test_what_was_made_is_closed_with_the_world(tmp_path: Path) -> None:
    world = TestWorld(tmp_path).world()
    adapters = Late({"cache": lambda: Thing("cache"), "other": lambda: Thing("other")})
    channels = Late({"release": lambda: Thing("release")})
    world.adapters, world.channels = adapters, channels  # type: ignore[assignment]
    asked_for = [world.adapter("cache"), world.channel("release")]
    await world.close()
    assert [(thing.name, thing.closed) for thing in asked_for] == [("cache", 1), ("release", 1)]  # type: ignore[attr-defined]
    assert len(made(adapters)) == 1


async def test_names_that_are_not_in_the_config(tmp_path: Path) -> None:
    world = TestWorld(tmp_path).world()
    with pytest.raises(InvalidInput, match=r'there is no adapter "cache".* Declare \[adapters\.cache\]'):
        world.adapter("cache")
    with pytest.raises(InvalidInput, match=r'there is no channel "release".* Declare \[channels\.release\]'):
        world.channel("release")
    await world.close()
