"""Request bodies of the flag server's admin API, as pydantic models; what does not fit is a `BadDataError`.

Creating a strategy turns numbers in `parameters` into strings, changing one refuses them: the real server does both.
"""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from rolloutctl.demo.flag_model import Constraint, FlagError, bad_data
from rolloutctl.demo.flag_patch import Operation
from rolloutctl.demo.flag_store import StrategyDraft

_T = TypeVar("_T")


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class FlagBody(_Body):
    name: str
    type: str = "release"
    description: str | None = None


class SegmentBody(_Body):
    name: str
    constraints: list[Constraint]
    description: str | None = None


class BulkBody(_Body):
    features: list[str]


class StrategyBody(_Body):
    """A whole strategy, as PUT and a patched document give it."""

    name: str
    title: str | None = None
    disabled: bool = False
    constraints: list[Constraint] = Field(default_factory=list)
    parameters: dict[str, str] = Field(default_factory=dict)
    segments: list[int] = Field(default_factory=list)
    sortOrder: int | None = None  # noqa: N815 - the wire's name

    def draft(self) -> StrategyDraft:
        return StrategyDraft(
            name=self.name,
            title=self.title,
            disabled=self.disabled,
            constraints=tuple(self.constraints),
            parameters=self.parameters,
            segments=tuple(self.segments),
            sort_order=self.sortOrder,
        )


class NewStrategyBody(StrategyBody):
    @field_validator("parameters", mode="before")
    @classmethod
    def _as_strings(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: str(each) if isinstance(each, int | float) else each for name, each in value.items()}


class PatchedStrategyBody(StrategyBody):
    model_config = ConfigDict(extra="forbid")

    id: str
    variants: list[Any] = Field(default_factory=list)


OPERATIONS = TypeAdapter(list[Operation])


def read_json(body: bytes) -> Any:
    """Decode a body; an empty one is an empty object. Raises MalformedJson, which has a shape of its own."""
    try:
        return json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise MalformedJson(str(error)) from None


class MalformedJson(Exception):
    """A body that is not JSON; answered as `{"message"}` only."""


def fit(adapter: TypeAdapter[_T], document: Any) -> _T:
    """Validate, or raise FlagError 400 that names the first place that does not fit."""
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        raise _sentence(error) from None


def _sentence(error: ValidationError) -> FlagError:
    first = error.errors(include_url=False)[0]
    where = "/".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        path = f"/body/{where}"
        return bad_data(f"The `{path}` property is required. It was not present on the data you sent.", path)
    path = f"/{where}"
    return bad_data(f"The `{path}` property does not fit: {first['msg']}. You sent {first['input']!r}.", path)
