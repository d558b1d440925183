"""Which model, and so which keys, a place in a document belongs to.

Follows a key through pydantic models, lists, tables of named entries and unions; a union of models is narrowed by the
`type` that the document gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rolloutctl.constraints import Key
from rolloutctl.docstrings import docstrings


def child(data: object, part: str | int) -> object:
    """The value under one part of a key; None where there is none."""
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data):
        return data[part]
    return None


def value_at(data: object, key: Key) -> object:
    for part in key:
        data = child(data, part)
    return data


def annotations_at(annotation: object, data: object, key: Key) -> tuple[object, ...]:
    """The types that the value at `key` may have; empty where the models know no such key."""
    options = tuple(_options(annotation, data))
    if not key:
        return options
    head, rest = key[0], key[1:]
    found: list[object] = []
    for option in options:
        inner: object
        if isinstance(option, type) and issubclass(option, BaseModel):
            field = field_of(option, head)
            if field is None:
                continue
            inner = field.annotation
        elif get_origin(option) is dict:
            inner = get_args(option)[1]
        elif get_origin(option) is tuple:
            inner = get_args(option)[0]
        else:
            continue
        found += annotations_at(inner, child(data, head), rest)
    return tuple(found)


def models_at(annotation: object, data: object, key: Key) -> tuple[type[BaseModel], ...]:
    """The models that the table at `key` may be."""
    return tuple(a for a in annotations_at(annotation, data, key) if isinstance(a, type) and issubclass(a, BaseModel))


def keys_at(annotation: object, data: object, key: Key) -> tuple[str, ...]:
    """The keys that the table at `key` may have, in the order the models declare them."""
    return tuple(dict.fromkeys(name for model in models_at(annotation, data, key) for name in keys_of(model)))


def tags_at(annotation: object, data: object, key: Key) -> tuple[str, ...]:
    """The values of `type` among which the table at `key` has to choose."""
    return tuple(str(tag) for model in models_at(annotation, data, key) for tag in _tags(model))


def meaning(annotation: object, data: object, key: Key) -> str:
    """What the key is for: the docstring of its field; empty where there is none."""
    if not key:
        return ""
    for model in models_at(annotation, data, key[:-1]):
        name = next((name for name, field in model.model_fields.items() if (field.alias or name) == str(key[-1])), "")
        if said := docstrings(model).get(name, ""):
            return said
    return ""


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """A model's keys as files have them."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def field_of(model: type[BaseModel], key: str | int) -> FieldInfo | None:
    """The field that a key of the file belongs to."""
    return next((field for name, field in model.model_fields.items() if (field.alias or name) == str(key)), None)


def _options(annotation: object, data: object) -> Iterator[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0], data)
    elif origin in (Union, UnionType):
        members = [option for member in get_args(annotation) for option in _options(member, data)]
        tagged = [m for m in members if isinstance(data, Mapping) and data.get("type") in _tags(m)]
        yield from tagged or members
    elif annotation is not NoneType:
        yield annotation


def _tags(option: object) -> tuple[object, ...]:
    if not (isinstance(option, type) and issubclass(option, BaseModel)):
        return ()
    field = option.model_fields.get("type")
    return get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()
