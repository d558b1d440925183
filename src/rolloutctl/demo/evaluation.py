"""Who gets the canary: a flag's client document evaluated for a user, as an SDK does.

A flexibleRollout strategy serves a user when `murmur3_32(groupId:userId) % 100 + 1 <= rollout` and every constraint
holds; strategies are OR-ed, a switched-off flag serves nobody. Conditions the demo's users cannot answer are false.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mmh3
from pydantic import BaseModel, ConfigDict, Field

from rolloutctl.demo.flag_model import Constraint


class ClientStrategy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    parameters: dict[str, str] = Field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()


class ClientFeature(BaseModel):
    """One flag of `GET /api/client/features`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    enabled: bool
    strategies: tuple[ClientStrategy, ...] = ()


class ClientFeatures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    features: tuple[ClientFeature, ...]


def normalised_hash(group: str, user: str) -> int:
    """Return the user's place from 1 to 100 in the group."""
    return mmh3.hash(f"{group}:{user}", 0, signed=False) % 100 + 1


@dataclass(frozen=True, slots=True)
class _Rule:
    group: str
    rollout: int
    constraints: tuple[tuple[bool, frozenset[str]], ...]

    def serves(self, user: str) -> bool:
        if any((user in values) is not wanted for wanted, values in self.constraints):
            return False
        return self.rollout >= 100 or normalised_hash(self.group, user) <= self.rollout


class CompiledFlag:
    """A flag made ready to be asked for thousands of users."""

    def __init__(self, feature: ClientFeature) -> None:
        self._everybody = feature.enabled and not feature.strategies
        rules = [_compile(feature.name, strategy) for strategy in feature.strategies] if feature.enabled else []
        self._rules: Sequence[_Rule] = [rule for rule in rules if rule is not None]

    def serves(self, user: str) -> bool:
        return self._everybody or any(rule.serves(user) for rule in self._rules)


def _compile(flag: str, strategy: ClientStrategy) -> _Rule | None:
    constraints: list[tuple[bool, frozenset[str]]] = []
    for constraint in strategy.constraints:
        if constraint.contextName != "userId" or constraint.operator not in {"IN", "NOT_IN"}:
            return None
        constraints.append((constraint.operator == "IN", frozenset(constraint.values)))
    if strategy.name == "default":
        return _Rule(flag, 100, tuple(constraints))
    if strategy.name != "flexibleRollout":
        return None
    if strategy.parameters.get("stickiness", "default") not in {"userId", "default"}:
        return None
    text = strategy.parameters.get("rollout", "100")
    rollout = int(text) if text.isdecimal() else 0
    return _Rule(strategy.parameters.get("groupId", flag), rollout, tuple(constraints))
