"""JSON Schemas of the files people write, for editors: completion, descriptions, checking while typing.

Generated from the models, so they cannot drift from what is read; the reader checks more than a schema can say.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonRef
from pydantic_core import core_schema

from rolloutctl.config import Config
from rolloutctl.docstrings import docstrings
from rolloutctl.plan.model import Plan
from rolloutctl.runbook.model import Runbook


def plan_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a plan file."""
    return _schema(Plan, "rolloutctl plan")


def runbook_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a runbook file."""
    return _schema(Runbook, "rolloutctl runbook")


def config_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of config.toml."""
    return _schema(Config, "rolloutctl config")


class _Described(GenerateJsonSchema):
    """Says of every key what the docstring of its field says."""

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        model: type[BaseModel] = schema["cls"]
        generated = super().model_schema(schema)
        said = docstrings(model)
        for name, field in model.model_fields.items():
            key = generated.get("properties", {}).get(field.alias or name)
            if key is not None and name in said and said[name] != self._already_said(key):
                key.setdefault("description", said[name])
        return generated

    def _already_said(self, node: dict[str, Any]) -> object:
        """The sentence of the model that the key holds."""
        whole = self.get_schema_from_definitions(JsonRef(node["$ref"])) if "$ref" in node else None
        return whole.get("description") if whole is not None else None


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema = _without_null(model.model_json_schema(mode="validation", schema_generator=_Described))
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": title}


def _without_null(node: Any) -> Any:
    """TOML has no null: a key that may be left out is just not required."""
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _without_null(item) for key, item in node.items() if not (key == "default" and item is None)}
    choices = kept.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        kept["anyOf"] = [choice for choice in choices if choice != {"type": "null"}]
        if len(kept["anyOf"]) == 1:
            kept = {**kept.pop("anyOf")[0], **kept}
    return kept
