"""The part of JSON Schema that our schemas use, for tests: every key used is checked or is an error of the test."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

ANNOTATIONS = {"title", "description", "default", "examples", "discriminator", "$schema", "$defs"}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float, Decimal),
}


def errors(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None, path: str = "") -> Iterator[str]:
    root = root or schema
    for key, want in schema.items():
        if key in ANNOTATIONS:
            continue
        match key:
            case "$ref":
                target: Any = root
                for part in want.removeprefix("#/").split("/"):
                    target = target[part]
                yield from errors(target, value, root, path)
            case "type":
                if not isinstance(value, TYPES[want]) or (isinstance(value, bool) and want != "boolean"):
                    yield f"{path}: no {want}"
            case "const" | "enum":
                if value not in (want if key == "enum" else [want]):
                    yield f"{path}: {value} is not {want}"
            case "anyOf" | "oneOf":
                fits = sum(not list(errors(choice, value, root, path)) for choice in want)
                if fits < 1 or (key == "oneOf" and fits > 1):
                    yield f"{path}: fits {fits} of {key}"
            case "properties":
                for name, inner in want.items():
                    if isinstance(value, dict) and name in value:
                        yield from errors(inner, value[name], root, f"{path}.{name}")
            case "additionalProperties":
                for name in set(value) - set(schema.get("properties", {})) if isinstance(value, dict) else ():
                    if want is False:
                        yield f"{path}: unknown {name}"
                    elif isinstance(want, dict):
                        yield from errors(want, value[name], root, f"{path}.{name}")
            case "required":
                yield from (f"{path}: lacks {name}" for name in want if isinstance(value, dict) and name not in value)
            case "items":
                for index, item in enumerate(value) if isinstance(value, list) else ():
                    yield from errors(want, item, root, f"{path}[{index}]")
            case "pattern":
                if isinstance(value, str) and not re.search(want, value):
                    yield f"{path}: {value} does not match"
            case "minimum" | "maximum":
                if isinstance(value, (int, float, Decimal)) and (value < want if key == "minimum" else value > want):
                    yield f"{path}: {value} beyond {want}"
            case "minLength" | "minItems":
                if isinstance(value, (str, list)) and len(value) < want:
                    yield f"{path}: too short"
            case "maxLength" | "maxItems":
                if isinstance(value, (str, list)) and len(value) > want:
                    yield f"{path}: too long"
            case _:
                raise AssertionError(f"the schema uses {key}, which this check does not know")
