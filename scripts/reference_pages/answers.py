"""What commands print with `--json`, from the declarations that the tests hold every answer to."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from reference_pages.markdown import anchor, attributes, code, page, table
from rolloutctl.cli.answers.commands import ANSWERS

_SIMPLE = {str: "text", int: "number", float: "number", bool: "true or false", Any: "anything", type(None): "null"}
_HEADS = ("key", "what it is", "meaning")
_INTRO = """With `--json` standard output is JSON and nothing else; talk and complaints go to standard error, and the exit code is
the same. Keys are stable: a version may add some, and takes none away without saying so in the changelog. Times are RFC 3339 in
UTC, durations are seconds (their keys end in `_s`), a percentage is a number, and what is not known is `null`.

`schema` and `journal export` print JSON of their own: a JSON Schema, and a journal that `journal verify FILE` checks."""


def answers_page() -> str:
    shapes: dict[type, list[str]] = {}
    for path, answer in ANSWERS.items():
        shapes.setdefault(answer.shape, []).append(path)
    parts = ["## Commands", table(("command", "prints"), ((_typed(paths), _prints(shape)) for shape, paths in shapes.items()))]
    inner: dict[type, None] = {}
    for shape in shapes:
        parts += _shape(shape, _heading(shape), inner)
    parts.append("## Parts")
    told = set(shapes)
    while waiting := [shape for shape in inner if shape not in told]:
        for shape in waiting:
            told.add(shape)
            parts += _shape(shape, _heading(shape), inner, level="###")
    return page("JSON", _INTRO, parts)


def _typed(paths: list[str]) -> str:
    return ", ".join(map(code, paths))


def _prints(shape: type) -> str:
    lines = any(answer.lines for answer in ANSWERS.values() if answer.shape is shape)
    return f"[{_heading(shape)}](#{anchor(_heading(shape))}){', an object a line' if lines else ''}"


def _heading(shape: type) -> str:
    """A command that answers in a way of its own names its answer."""
    paths = [path for path, answer in ANSWERS.items() if answer.shape is shape]
    return paths[0] if len(paths) == 1 else _words(shape)


def _shape(shape: type, heading: str, inner: dict[type, None], level: str = "##") -> Iterator[str]:
    yield f"{level} {heading}"
    about = inspect.cleandoc(shape.__doc__ or "")
    if about and not about.startswith("dict("):
        yield about
    said = {name: text for base in reversed(_declared(shape)) for name, text in attributes(base).items()}
    rows = []
    for key, hint in get_type_hints(shape, include_extras=True).items():
        sometimes = get_origin(hint) is NotRequired
        kind = _kind(get_args(hint)[0] if sometimes else hint, inner)
        rows.append((code(key), f"{kind}; not always there" if sometimes else kind, said.get(key, "")))
    yield table(_HEADS, rows)


def _declared(shape: type) -> list[type]:
    """The shape and those it is built on, as they were written: a TypedDict forgets its bases."""
    return [
        shape,
        *(base for base in getattr(shape, "__orig_bases__", ()) if is_typeddict(base) and not base.__name__.startswith("_")),
    ]


def _kind(hint: Any, inner: dict[type, None]) -> str:
    if is_typeddict(hint):
        inner[hint] = None
        return f"[{_words(hint)}](#{anchor(_heading(hint))})"
    origin, within = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return " or ".join(_kind(each, inner) for each in within)
    if origin is list:
        return f"list of {_kind(within[0], inner)}"
    if origin is dict:
        return f"object of {_kind(within[1], inner)} by name" if within[1] is not Any else "object"
    return _SIMPLE[hint]


def _words(shape: type) -> str:
    """`LiveRolloutShape` -> `live rollout`."""
    name = shape.__name__.removesuffix("Shape")
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()
