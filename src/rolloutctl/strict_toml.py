"""Strict TOML: text to a document that knows where everything stands, and a document to a model, or to sentences.

Pure. Every refusal is an InvalidInput with file, line and key where there is one; no other exception leaves this module
for any text whatever. Numbers with a point are read as Decimal, so that nothing passes through a binary float.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rolloutctl.constraints import Key
from rolloutctl.errors import FileInvalid, InvalidInput, Place
from rolloutctl.not_yet import NotYet, refusals
from rolloutctl.shown import printable
from rolloutctl.toml_lines import lines_of
from rolloutctl.toml_words import Complaint, complaints, dotted

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_PROBLEMS = 50

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
# The standard parser needs quadratic time for a key of very many parts.
_LONG_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MAX_DEPTH}}}")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """Parsed TOML; `places` tells file and line of every key (documents of several files are merged with their places)."""

    file: str
    data: Mapping[str, Any]
    places: Mapping[Key, Place] = field(default_factory=dict)

    def place(self, key: Key) -> Place:
        """Where the key stands; for one that is not there, its nearest enclosing table."""
        for length in range(len(key), 0, -1):
            known = self.places.get(key[:length])
            if known is not None:
                return Place(known.file, known.line, dotted(key))
        return Place(self.file, None, dotted(key) or None)


def decode(raw: bytes, file_name: str) -> str:
    """The text of a file's bytes. Raises InvalidInput when it is too big or not UTF-8."""
    if len(raw) > MAX_BYTES:
        raise _too_big(file_name)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidInput("the file is not UTF-8 text.", remedy="Save it as UTF-8.", place=Place(file_name, line)) from None


def parse(text: str, file_name: str) -> Document:
    """Read TOML, with or without a byte order mark. Raises InvalidInput."""
    text = text.removeprefix("\ufeff")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        place = Place(file_name, text.count("\n", 0, error.start) + 1)
        raise InvalidInput("the text holds a character that is not Unicode.", remedy="Save it as UTF-8.", place=place) from None
    if size > MAX_BYTES:
        raise _too_big(file_name)
    long_key = _LONG_KEY.search(text)
    if long_key:
        raise _too_deep(file_name, text.count("\n", 0, long_key.start()) + 1)
    try:
        data = tomllib.loads(text, parse_float=_decimal)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(str(error), text, file_name) from None
    except RecursionError:
        raise _too_deep(file_name, None) from None
    except ValueError:
        # A whole number of thousands of digits.
        raise InvalidInput("a number in the file is too long to read.", place=Place(file_name)) from None
    _check_depth(data, file_name)
    places = {key: Place(file_name, line) for key, line in lines_of(text).items()}
    return Document(file_name, data, places)


def composed(document: Document) -> Document:
    """The document with all its text, keys too, in NFC: the form that digests are taken of."""
    return Document(document.file, _composed(document.data), document.places)


def _composed(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {unicodedata.normalize("NFC", key): _composed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_composed(item) for item in value]
    return value


def validate(model: type[M], document: Document, invalid: type[FileInvalid], not_yet: Sequence[NotYet] = ()) -> M:
    """The document as a model. Raises `invalid` with everything that is wrong, at most MAX_PROBLEMS of it."""
    refused = tuple(refusals(document.data, not_yet))
    found = [Complaint(r.key, r.sentence, r.remedy) for r in refused]
    value: M | None = None
    try:
        value = model.model_validate(document.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            found += [
                complaint
                for complaint in complaints(model, document.data, details)
                if not any(complaint.key[: len(r.covers)] == r.covers for r in refused)
            ]
            if len(found) > MAX_PROBLEMS:
                break
    if value is not None and not found:
        return value
    raise invalid(_problems(document, found))


def _problems(document: Document, found: Sequence[Complaint]) -> tuple[InvalidInput, ...]:
    problems = [
        InvalidInput(f"{printable(c.sentence)}.", remedy=printable(c.remedy), place=document.place(c.key))
        for c in found[:MAX_PROBLEMS]
    ]
    problems.sort(key=lambda problem: (problem.place.file or "", problem.place.line or 0) if problem.place else ("", 0))
    if len(found) > MAX_PROBLEMS:
        problems.append(InvalidInput("There is more; repair these first.", place=Place(document.file)))
    return tuple(problems)


def _decimal(text: str) -> Decimal | float:
    try:
        return Decimal(text)
    except ArithmeticError:
        # An exponent beyond any number: the models refuse what is not finite.
        return float("inf")


def _too_big(file_name: str) -> InvalidInput:
    return InvalidInput("the file is larger than 1 MiB.", remedy="Is it the right file?", place=Place(file_name))


def _too_deep(file_name: str, line: int | None) -> InvalidInput:
    return InvalidInput(f"tables and lists are nested more than {MAX_DEPTH} deep.", place=Place(file_name, line))


def _syntax(message: str, text: str, file_name: str) -> InvalidInput:
    position = _POSITION.search(message)
    what = _POSITION.sub("", message)
    line: int | None = None
    column = ""
    if position and position[1]:
        line, column = int(position[1]), f" at column {position[2]}"
    elif position:
        line, column = max(1, len(text.rstrip().splitlines())), " at the end of the file"
    return InvalidInput(
        f"this is not TOML{column}: {printable(what[:1].lower() + what[1:])}.",
        remedy="Look for a missing quote, bracket or equals sign, or a key that is there twice.",
        place=Place(file_name, line),
    )


def _check_depth(data: Mapping[str, Any], file_name: str) -> None:
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return
    raise _too_deep(file_name, None)
