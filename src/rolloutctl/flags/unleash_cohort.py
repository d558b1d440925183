"""A document of Unleash understood as a cohort, or what stands in the way of that.

Our cohort in it: one plain flexibleRollout for the percentage, and one flexibleRollout with exactly one segment per
audience (strategies are OR-ed, the segments of one strategy are AND-ed). Anything else that serves somebody is foreign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from rolloutctl.flags.unleash_document import EVERYBODY, FLEXIBLE, NOBODY, Document, Strategy
from rolloutctl.wire.text import clean

PERCENT_TITLE = "rolloutctl percent"
AUDIENCE_TITLE = "rolloutctl audience"


class Role(Enum):
    """What a strategy is to a cohort."""

    PERCENT = "percent"
    AUDIENCE = "audience"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A strategy that cannot be part of a cohort, and why."""

    why: str


def role_of(strategy: Strategy, stickiness: str) -> Role | Foreign:
    """Whatever the strategy's switch says: `disabled` is the reader's business."""
    label = strategy.label()
    if strategy.name != FLEXIBLE:
        return Foreign(f"the strategy {label} is of type {clean(strategy.name, most=40)}")
    for what, there in (
        ("belongs to a release plan", strategy.milestone),
        ("has constraints", strategy.constraints),
        ("has variants", strategy.variants),
        ("needs several segments at once", len(strategy.segments) > 1),
    ):
        if there:
            return Foreign(f"the strategy {label} {what}")
    if whole_percent(strategy.rollout) is None:
        return Foreign(f'the strategy {label} has the rollout "{clean(strategy.rollout, most=20)}", which SDKs read differently')
    if strategy.segments:
        if strategy.rollout not in {NOBODY, EVERYBODY}:
            return Foreign(f"the strategy {label} serves {strategy.rollout} % of an audience")
        return Role.AUDIENCE
    if strategy.stickiness != stickiness:
        return Foreign(f'the strategy {label} sticks to "{clean(strategy.stickiness, most=40)}", not to "{stickiness}"')
    return Role.PERCENT


def whole_percent(text: str) -> int | None:
    """A percentage that every SDK reads alike: plain digits, 0 to 100, no leading zeros."""
    if not (text.isascii() and text.isdigit()) or len(text) > 3 or (len(text) > 1 and text[0] == "0"):
        return None
    value = int(text)
    return value if value <= 100 else None


@dataclass(frozen=True, slots=True)
class Reading:
    """A document understood: what serves, what could be used again, and what is in the way."""

    percent: int
    percent_strategy: Strategy | None
    """To raise and lower; None: one must be created."""
    audiences: Mapping[int, tuple[Strategy, ...]]
    """Segment id -> the strategies that serve it."""
    idle_audiences: Mapping[int, Strategy]
    """Segment id -> a strategy that serves nobody now and may be raised again."""
    foreign: tuple[str, ...]


def understand(document: Document, stickiness: str) -> Reading:
    """Strategies that serve nobody, or are switched off, are never in the way."""
    roles = [(each, role_of(each, stickiness)) for each in _ours_first(document.strategies)]
    foreign = [role.why for each, role in roles if isinstance(role, Foreign) and each.serves]
    percents = [each for each, role in roles if role is Role.PERCENT and _usable(each)]
    serving = [each for each in percents if each.serves]
    if len(serving) > 1:
        foreign.append(f"there are {len(serving)} percentages, {' and '.join(each.label() for each in serving)}")
    if document.enabled and all(each.disabled for each in document.strategies):
        foreign.append("the environment is on without a strategy, which serves everybody")
    chosen = next(iter(serving or percents), None)
    percent = int(chosen.rollout) if chosen is not None and chosen.serves else 0
    served, idle = _audiences([each for each, role in roles if role is Role.AUDIENCE])
    return Reading(percent, chosen, served, idle, tuple(foreign))


def _audiences(strategies: Sequence[Strategy]) -> tuple[dict[int, tuple[Strategy, ...]], dict[int, Strategy]]:
    served: dict[int, tuple[Strategy, ...]] = {}
    idle: dict[int, Strategy] = {}
    for strategy in strategies:
        segment = strategy.segments[0]
        if strategy.serves:
            served[segment] = (*served.get(segment, ()), strategy)
        elif _usable(strategy):
            idle.setdefault(segment, strategy)
    return served, idle


def is_ours(strategy: Strategy) -> bool:
    """Made by this program, by its title."""
    title = strategy.title or ""
    return title == PERCENT_TITLE or title.startswith(f"{AUDIENCE_TITLE} ")


def _usable(strategy: Strategy) -> bool:
    """What somebody has disabled is left alone, unless this program made it."""
    return not strategy.disabled or is_ours(strategy)


def _ours_first(strategies: Sequence[Strategy]) -> list[Strategy]:
    return sorted(strategies, key=lambda each: (each.disabled, not is_ours(each), each.id))
