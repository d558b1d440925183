"""The part of JSON Schema that our schemas use, for tests: a keyword that is not known here is an error of the test."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

ANNOTATIONS = {"title", "description", "default", "examples", "discriminator", "$schema", "$defs"}
NUMBER = (int, float, Decimal)
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": NUMBER,
}
SIMPLE: dict[str, Callable[[Any, Any], bool]] = {
    "type": lambda want, value: isinstance(value, TYPES[want]) and (want == "boolean" or not isinstance(value, bool)),
    "const": lambda want, value: value == want,
    "enum": lambda want, value: value in want,
    "pattern": lambda want, value: not isinstance(value, str) or bool(re.search(want, value)),
    "minimum": lambda want, value: not isinstance(value, NUMBER) or value >= want,
    "maximum": lambda want, value: not isinstance(value, NUMBER) or value <= want,
    "minLength": lambda want, value: not isinstance(value, str) or len(value) >= want,
    "maxLength": lambda want, value: not isinstance(value, str) or len(value) <= want,
    "minItems": lambda want, value: not isinstance(value, list) or len(value) >= want,
    "maxItems": lambda want, value: not isinstance(value, list) or len(value) <= want,
    "minProperties": lambda want, value: not isinstance(value, dict) or len(value) >= want,
    "maxProperties": lambda want, value: not isinstance(value, dict) or len(value) <= want,
    "required": lambda want, value: not isinstance(value, dict) or set(want) <= set(value),
}


def errors(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None, path: str = "") -> Iterator[str]:
    root = root or schema
    for key, want in schema.items():
        if key in SIMPLE:
            if not SIMPLE[key](want, value):
                yield f"{path}: {key} {want}"
        elif key == "$ref":
            yield from errors(root["$defs"][want.removeprefix("#/$defs/")], value, root, path)
        elif key in ("anyOf", "oneOf"):
            fits = sum(not list(errors(choice, value, root, path)) for choice in want)
            if fits < 1 or (key == "oneOf" and fits > 1):
                yield f"{path}: fits {fits} of {key}"
        elif key == "patternProperties":
            yield from _by_pattern(schema, value, root, path)
        elif key == "additionalProperties" and "patternProperties" in schema:
            continue
        elif key in ("properties", "additionalProperties", "items"):
            yield from _inside(key, schema, value, root, path)
        else:
            assert key in ANNOTATIONS, f"the schema uses {key}, which this check does not know"


def _by_pattern(schema: dict[str, Any], value: Any, root: dict[str, Any], path: str) -> Iterator[str]:
    for name, inner in value.items() if isinstance(value, dict) else ():
        fit = [part for pattern, part in schema["patternProperties"].items() if re.search(pattern, name)]
        if not fit and schema.get("additionalProperties") is False:
            yield f"{path}.{name}: unknown"
        for part in fit:
            yield from errors(part, inner, root, f"{path}.{name}")


def _inside(key: str, schema: dict[str, Any], value: Any, root: dict[str, Any], path: str) -> Iterator[str]:
    want, known = schema[key], schema.get("properties", {})
    parts = value.items() if isinstance(value, dict) and key != "items" else ()
    if isinstance(value, list) and key == "items":
        parts = enumerate(value)
    for name, inner in parts:
        here = f"{path}.{name}"
        if key == "properties":
            yield from errors(want.get(name, {}), inner, root, here)
        elif key == "items" or (name not in known and isinstance(want, dict)):
            yield from errors(want, inner, root, here)
        elif name not in known and want is False:
            yield f"{here}: unknown"
