"""What the models of files say about wrong values, in sentences and with the key that is wrong.

Invariant: every message reads as a sentence for a person; none speaks of Python, of the validation library or of a
regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from rolloutctl.shown import shown

Key = tuple[str | int, ...]
"""Path of a value in a document: table keys and 0-based indexes, outermost first."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not fit the rest of its table; `key` is relative to the model that found it."""

    key: Key
    sentence: str
    remedy: str = ""


class Misfits(ValueError):
    """Raised by a model's validator with everything that does not fit, each with its own key."""

    def __init__(self, misfits: Iterable[Misfit]) -> None:
        self.misfits = tuple(misfits)
        super().__init__("; ".join(misfit.sentence for misfit in self.misfits))


@dataclass(frozen=True, slots=True)
class Matching:
    """Annotation: text that matches `pattern` as a whole; `words` say what that is: `"x" is not WORDS`."""

    pattern: str
    words: str
    secret: bool = False
    """Never repeat the value: it may hold a password."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        wanted = re.compile(self.pattern, re.ASCII)

        def check(value: str) -> str:
            if not wanted.fullmatch(value):
                raise ValueError(f"{'this' if self.secret else shown(value)} is not {self.words}")
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}


def _first_format(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or value != 1:
        raise ValueError(f"{shown(value)} is not a format that this version reads; it reads format = 1")
    return value


Format = Annotated[Literal[1], BeforeValidator(_first_format)]
"""Version of a file's format, written as a whole number."""

_DEEPEST = 50
_SIGNS = re.compile(r"(?:[-+]\s*){20}")


def shallow(text: str) -> str:
    """Refuse PromQL that is nested so deeply that reading it would take minutes or the parser's stack."""
    depth = deepest = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST or _SIGNS.search(text):
        raise ValueError(f"the query is nested more than {_DEEPEST} deep; use a recording rule for a part of it")
    return text
