"""The benchmarks there are: every module of `bench.measures` that has a `BENCHMARK`. Adding one is adding a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import bench.measures
from bench.figures import Row


@dataclass(frozen=True, slots=True)
class Run:
    """What a benchmark may use: how often to measure, a folder of its own, and what is closed after it."""

    quick: bool
    folder: Path
    stack: ExitStack = field(default_factory=ExitStack)
    notes: list[str] = field(default_factory=list)
    """Sentences below the table: what a reader has to know about this run."""

    @property
    def times(self) -> int:
        """Pairs to measure."""
        return 3 if self.quick else 7


@dataclass(frozen=True, slots=True)
class Benchmark:
    name: str
    about: str
    """What exactly is measured, and what the anchor is: one paragraph for the report."""
    measure: Callable[[Run], Sequence[Row]]


def benchmarks() -> dict[str, Benchmark]:
    """By name, in the order of their modules' names."""
    names = sorted(module.name for module in iter_modules(bench.measures.__path__))
    found = [import_module(f"bench.measures.{name}").BENCHMARK for name in names]
    return {each.name: each for each in found}
