"""Float arrays that grow at their end without moving what is there, so that a day costs no more to add to than an hour.

Invariant: what a handed-out view shows never changes. Numbers are only written behind everything that was ever handed out;
where other numbers are wanted there, they go into a buffer of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SPARE = 32


class Buffer:
    __slots__ = ("__weakref__", "numbers", "used")

    def __init__(self, first: Floats) -> None:
        self.numbers = first
        self.used = len(first)


@dataclass(frozen=True, slots=True)
class Grown:
    """The first `size` numbers of a buffer, which other values may share and have grown further."""

    buffer: Buffer
    size: int

    @classmethod
    def of(cls, numbers: Floats) -> Grown:
        return cls(Buffer(numbers), len(numbers))

    def view(self, start: int, stop: int) -> Floats:
        """A read-only part, without a copy."""
        shown = self.buffer.numbers[start:stop]
        shown.flags.writeable = False
        return shown

    def replaced(self, keep: int, tail: Floats) -> Grown:
        """The first `keep` numbers, then `tail`. Whoever asks for the same again gets the same buffer."""
        buffer, size = self.buffer, keep + len(tail)
        known = min(buffer.used, size) - keep
        if known > 0 and buffer.numbers[keep : keep + known].tobytes() != tail[:known].tobytes():
            return Grown(_copied(buffer, keep, tail), size)
        if size > buffer.used:
            if size > len(buffer.numbers):
                buffer.numbers = _roomier(buffer, size)
            buffer.numbers[buffer.used : size] = tail[known:]
            buffer.used = size
        return Grown(buffer, size)


def _roomier(buffer: Buffer, size: int) -> Floats:
    numbers = np.empty(size + size // 8 + _SPARE)
    numbers[: buffer.used] = buffer.numbers[: buffer.used]
    return numbers


def _copied(buffer: Buffer, keep: int, tail: Floats) -> Buffer:
    return Buffer(np.concatenate((buffer.numbers[:keep], tail)))
