"""Unleash's own document of a flag in one environment: read, normalised, compared.

The native document is canonical JSON `{"enabled", "strategies": [...]}` with every part of a strategy that decides who
is served, or that is needed to put it back. Two documents are equal exactly when Unleash serves the same by them.
A rollout of "0" serves nobody; a missing one is "100".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rolloutctl.errors import InvalidInput
from rolloutctl.wire.text import clean

FLEXIBLE = "flexibleRollout"
NEW = "new:"
"""An id that starts so stands for a strategy that is still to be created."""
NOBODY, EVERYBODY = "0", "100"


def _parameters(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return {} if value is None else value
    return {str(name): each if isinstance(each, str) else json.dumps(each) for name, each in value.items() if each is not None}


def _constraints(value: Any) -> Any:
    """Without what says nothing, so that 'not inverted' and no word about it are the same."""
    if not isinstance(value, list):
        return [] if value is None else value
    return [
        {name: part for name, part in each.items() if _says_something(part)} if isinstance(each, dict) else each for each in value
    ]


def _says_something(part: Any) -> bool:
    return part is not None and part is not False and part not in ("", [])


def _none_as_empty(value: Any) -> Any:
    return [] if value is None else value


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) and all(isinstance(each, int) for each in value) else _none_as_empty(value)


class Strategy(BaseModel):
    """One strategy as it decides who is served; wire names as aliases, everything else of the wire is dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    id: str
    name: str
    title: Annotated[str | None, BeforeValidator(lambda value: value or None)] = None
    disabled: Annotated[bool, BeforeValidator(bool)] = False
    sort_order: int | None = Field(default=None, alias="sortOrder")
    parameters: Annotated[dict[str, str], BeforeValidator(_parameters)] = Field(default_factory=dict)
    constraints: Annotated[list[dict[str, Any]], BeforeValidator(_constraints)] = Field(default_factory=list)
    segments: Annotated[list[int], BeforeValidator(_sorted)] = Field(default_factory=list)
    variants: Annotated[list[dict[str, Any]], BeforeValidator(_none_as_empty)] = Field(default_factory=list)
    milestone: str | None = Field(default=None, alias="milestoneId")

    @property
    def is_new(self) -> bool:
        return self.id.startswith(NEW)

    @property
    def rollout(self) -> str:
        """As a string, as it is stored. Missing means everybody."""
        return self.parameters.get("rollout", EVERYBODY)

    @property
    def stickiness(self) -> str:
        return self.parameters.get("stickiness") or "default"

    @property
    def serves(self) -> bool:
        return not self.disabled and not (self.name == FLEXIBLE and self.rollout == NOBODY)

    def with_rollout(self, rollout: str) -> Strategy:
        return self.model_copy(update={"parameters": {**self.parameters, "rollout": rollout}, "disabled": False})

    def wire(self) -> dict[str, Any]:
        """What POST and PUT of a whole strategy send."""
        return self.model_dump(by_alias=True, exclude={"id", "milestone"}) | {"title": self.title or ""}

    def label(self) -> str:
        return f'"{clean(self.title, most=60)}"' if self.title else f"{clean(self.name, most=40)} {clean(self.id, most=30)}"


@dataclass(frozen=True, slots=True)
class Document:
    """A flag in one environment."""

    enabled: bool
    strategies: tuple[Strategy, ...]

    def native(self) -> str:
        """Canonical JSON; only ASCII, so that nothing on the way may normalise what stands in it."""
        ordered = sorted(self.strategies, key=lambda each: (each.sort_order is None, each.sort_order or 0, each.id))
        value = {"enabled": self.enabled, "strategies": [each.model_dump(by_alias=True) for each in ordered]}
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def by_id(self) -> dict[str, Strategy]:
        return {each.id: each for each in self.strategies}


def parse_native(text: str) -> Document:
    """Read back `Document.native()`. Raises InvalidInput."""
    try:
        value = json.loads(text)
        return Document(bool(value["enabled"]), parse_strategies(value["strategies"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput("The flag's stored document is not one of Unleash's.", remedy="Read the flag again.") from None


def parse_strategies(value: Any) -> tuple[Strategy, ...]:
    """Raises ValueError, without the input in it, for what is no list of strategies."""
    if not isinstance(value, list):
        msg = "not a list of strategies"
        raise ValueError(msg)
    return tuple(parse_strategy(each) for each in value)


def parse_strategy(value: Any) -> Strategy:
    """Raises ValueError, without the input in it, for what is no strategy."""
    try:
        return Strategy.model_validate(value)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        msg = f'not a strategy: "{clean(place, most=60)}" is missing or of another type'
        raise ValueError(msg) from None


def difference(expected: Document, actual: Document, before: Document) -> str:
    """Empty when `actual` is what was expected, else one short clause.

    A strategy with a placeholder for an id matches any one strategy that was not there `before` and is equal but for
    its id and its place in the order, which the server chooses.
    """
    if expected.enabled != actual.enabled:
        return f"the environment is {'on' if actual.enabled else 'off'}"
    left = actual.by_id()
    for wanted in (each for each in expected.strategies if not each.is_new):
        found = left.pop(wanted.id, None)
        if found is None:
            return f"the strategy {wanted.label()} is gone"
        if found != wanted:
            return f"the strategy {wanted.label()} has {_first_difference(wanted, found)}"
    known = before.by_id()
    for wanted in (each for each in expected.strategies if each.is_new):
        twin = next((each for each in left.values() if each.id not in known and _same_but_for_id(each, wanted)), None)
        if twin is None:
            return f"the new strategy {wanted.label()} is not there"
        del left[twin.id]
    if left:
        return f"there is another strategy, {next(iter(left.values())).label()}"
    return ""


def _same_but_for_id(one: Strategy, other: Strategy) -> bool:
    free = {"id", "sort_order"}
    return one.model_dump(exclude=free) == other.model_dump(exclude=free)


def _first_difference(wanted: Strategy, found: Strategy) -> str:
    if wanted.rollout != found.rollout:
        return f"rollout {clean(found.rollout, most=20)} instead of {wanted.rollout}"
    one, other = wanted.model_dump(by_alias=True), found.model_dump(by_alias=True)
    return "other " + next(name for name in one if one[name] != other[name])
