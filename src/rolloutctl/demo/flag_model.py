"""What the demo's flag server keeps: flags, strategies, segments, events. Frozen; the store swaps whole values.

Field names and documents follow Unleash 8.2 (its admin API as measured, its OpenAPI description where it agrees).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

PROJECT: Final = "default"
PRODUCTION: Final = "production"
ENVIRONMENTS: Final = ("development", PRODUCTION)
STRATEGY_NAMES: Final = frozenset({"default", "flexibleRollout"})

Document = dict[str, Any]
"""A JSON object on its way in or out."""


class FlagError(Exception):
    """An answer other than success, in the server's own shape."""

    def __init__(self, status: int, name: str, message: str, detail: str = "", path: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message
        self.detail = detail or message
        self.path = path

    def document(self) -> Document:
        details: Document = {"message": self.detail}
        if self.path:
            details["path"] = self.path
        return {"name": self.name, "message": self.message, "details": [details]}


def not_found(message: str) -> FlagError:
    return FlagError(404, "NotFoundError", message)


def bad_data(detail: str, path: str = "") -> FlagError:
    message = "Request validation failed: your request body or params contain invalid data."
    return FlagError(400, "BadDataError", f"{message} Refer to the `details` list for more information.", detail, path)


class Constraint(BaseModel):
    """One condition on a context field; only `IN` is evaluated by the demo's services."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    contextName: str  # noqa: N815 - the wire's name
    operator: str
    values: tuple[str, ...] = Field(default=(), strict=False)

    def document(self) -> Document:
        return self.model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class Strategy:
    """One cohort rule of a flag in an environment; `rollout` and the like are strings, as on the wire."""

    id: str
    name: str
    title: str | None
    disabled: bool
    constraints: tuple[Constraint, ...]
    parameters: Mapping[str, str]
    sort_order: int
    segments: tuple[int, ...]

    def document(self) -> Document:
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title,
            "disabled": self.disabled,
            "constraints": [constraint.document() for constraint in self.constraints],
            "parameters": dict(sorted(self.parameters.items())),
            "variants": [],
            "sortOrder": self.sort_order,
            "segments": list(self.segments),
        }


@dataclass(frozen=True, slots=True)
class Placement:
    """A flag in one environment."""

    enabled: bool = False
    strategies: tuple[Strategy, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    name: str
    type: str
    description: str | None
    created_at: str
    archived: bool = False
    placements: Mapping[str, Placement] = field(
        default_factory=lambda: {environment: Placement() for environment in ENVIRONMENTS}
    )

    def document(self) -> Document:
        return {
            "name": self.name,
            "description": self.description,
            "type": self.type,
            "project": PROJECT,
            "stale": False,
            "createdAt": self.created_at,
            "impressionData": False,
            "archived": self.archived,
        }


@dataclass(frozen=True, slots=True)
class Segment:
    """A named audience: everybody who meets all of its constraints."""

    id: int
    name: str
    description: str | None
    constraints: tuple[Constraint, ...]
    created_by: str
    created_at: str

    def document(self) -> Document:
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "constraints": [constraint.document() for constraint in self.constraints],
            "createdBy": self.created_by,
            "createdAt": self.created_at,
        }


class EventType(StrEnum):
    FLAG_CREATED = "feature-created"
    FLAG_ARCHIVED = "feature-archived"
    STRATEGY_ADDED = "feature-strategy-add"
    STRATEGY_UPDATED = "feature-strategy-update"
    STRATEGY_REMOVED = "feature-strategy-remove"
    ENABLED = "feature-environment-enabled"
    DISABLED = "feature-environment-disabled"
    SEGMENT_CREATED = "segment-created"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log; `id` only ever grows, `group` is shared by the entries of one request."""

    id: int
    type: EventType
    created_by: str
    created_at: str
    flag: str | None
    environment: str | None
    data: Document | None
    pre_data: Document | None
    group: str

    def document(self) -> Document:
        return {
            "id": self.id,
            "type": self.type.value,
            "createdBy": self.created_by,
            "createdAt": self.created_at,
            "createdByUserId": -42,
            "data": self.data,
            "preData": self.pre_data,
            "tags": [],
            "featureName": self.flag,
            "project": PROJECT if self.flag is not None else None,
            "environment": self.environment,
            "groupType": "transaction",
            "groupId": self.group,
        }


def segments_as_constraints(strategy: Strategy, segments: Mapping[int, Segment]) -> Sequence[Constraint]:
    """A strategy's own constraints and those of its segments, which the client API sends inline."""
    inline = list(strategy.constraints)
    for number in strategy.segments:
        inline.extend(segments[number].constraints)
    return inline
