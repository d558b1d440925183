"""What a source has taught us about merging: how much of it works, and which queries fail whatever they are merged with.

Bounded, and forgotten after a while, because servers and their limits change. To be used from one loop.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

T = TypeVar("T")
MOST = 400
"""Selectors or expressions in one request."""
_FORGET_AFTER = 200
"""Fetches: about an hour of polls."""
_MAX_KNOWN = 2000


class Limits:
    def __init__(self) -> None:
        self._fetches = 0
        self.version = 0
        """Another one whenever `most` may say something else."""
        self._most: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._alone: OrderedDict[str, int] = OrderedDict()
        self._wide: OrderedDict[str, int] = OrderedDict()

    def tick(self) -> None:
        """At every fetch."""
        self._fetches += 1
        while self._most and next(iter(self._most.values()))[1] <= self._fetches:
            self._most.popitem(last=False)
            self.version += 1

    def most(self, family: str) -> int:
        """How many of a family may be merged."""
        return self._most.get(family, (MOST, 0))[0]

    def too_many(self, family: str, number: int) -> None:
        """That many did not work, or were not worth it."""
        self.version += 1
        _note(self._most, family, (max(1, min(number, self.most(family)) // 2), self._fetches + _FORGET_AFTER))

    def is_alone(self, text: str) -> bool:
        """Whether the query was refused when it was asked by itself: it would spoil every request it is merged into."""
        return self._fetches < self._alone.get(text, 0)

    def refused(self, text: str) -> None:
        _note(self._alone, text, self._fetches + _FORGET_AFTER)

    def is_wide(self, text: str) -> bool:
        """Whether the query had more series than we want to have."""
        return self._fetches < self._wide.get(text, 0)

    def wide(self, text: str) -> None:
        _note(self._wide, text, self._fetches + _FORGET_AFTER)


def _note(where: OrderedDict[str, T], key: str, value: T) -> None:
    where[key] = value
    where.move_to_end(key)
    while len(where) > _MAX_KNOWN:
        where.popitem(last=False)
