"""Things by name that are made when they are first asked for: a command pays only for the ones it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


class Late(Mapping[str, T]):
    """Looks like what it will hold. To look through all values makes them all; `made` gives those that were."""

    def __init__(self, makers: Mapping[str, Callable[[], T]]) -> None:
        self._makers = makers
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    @property
    def asked_for(self) -> tuple[T, ...]:
        return tuple(self._made.values())


def made(things: Mapping[str, T]) -> tuple[T, ...]:
    """Those that exist already."""
    return things.asked_for if isinstance(things, Late) else tuple(things.values())
