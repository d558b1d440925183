"""Whether a JSON value is what a TypedDict declares: exactly its keys, each of its type, all the way down."""

from __future__ import annotations

import types
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict


def unlike(value: Any, hint: Any, at: str = "") -> list[str]:
    """What differs, a line each; empty: nothing does. A key marked NotRequired may be missing."""
    if hint is Any:
        return []
    if is_typeddict(hint):
        return _unlike_dict(value, hint, at)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        tried = [unlike(value, each, at) for each in inner]
        return [] if [] in tried else min(tried, key=len)
    if origin is Literal:
        return [] if value in inner else [f"{at}: {value!r} is none of {inner}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{at}: {type(value).__name__} is no list"]
        return [line for n, each in enumerate(value) for line in unlike(each, inner[0], f"{at}[{n}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{at}: {type(value).__name__} is no object"]
        return [line for key, each in value.items() for line in unlike(each, inner[1], f"{at}.{key}")]
    allowed = (int, float) if hint is float else (hint,)
    fits = isinstance(value, allowed) and (hint is bool or not isinstance(value, bool))
    return [] if fits else [f"{at}: {value!r} is no {getattr(hint, '__name__', hint)}"]


def _unlike_dict(value: Any, hint: Any, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: {type(value).__name__} is no object"]
    hints = get_type_hints(hint)
    marked = get_type_hints(hint, include_extras=True)
    required = {key for key, each in marked.items() if get_origin(each) is not NotRequired}
    missing = [f"{at}.{key} is missing" for key in sorted(required - value.keys())]
    unknown = [f"{at}.{key} is not declared" for key in sorted(value.keys() - hints.keys())]
    inner = [line for key in value.keys() & hints.keys() for line in unlike(value[key], hints[key], f"{at}.{key}")]
    return [*missing, *unknown, *inner]
