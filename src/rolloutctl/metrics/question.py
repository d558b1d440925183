"""What one HTTP request asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant query: of a range selector where samples are wanted, of an expression where one number is."""

    text: str
    at: float | None = None
    """Unix s; None: the source's now."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Every alerting rule with one of these names."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """The Alertmanager's active alerts of this name, silenced and inhibited ones too."""

    name: str


@dataclass(frozen=True, slots=True)
class Range:
    """A range query; times in Unix s."""

    text: str
    start: float
    end: float
    step: float
