"""What is wrong with a value, in words: one sentence and one remedy for each way in which validation can fail.

Invariant: the sentences are ours; nothing of the validation library's own wording reaches a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from rolloutctl.constraints import Key, Misfits
from rolloutctl.shown import printable, shown
from rolloutctl.toml_models import child, keys_at, meaning, tags_at, value_at

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PRIVATE = frozenset({"auth", "client_auth", "token", "password", "headers"})
"""What stands at or under these keys is never repeated."""


@dataclass(frozen=True, slots=True)
class Complaint:
    key: Key
    sentence: str
    remedy: str


def dotted(key: Key) -> str:
    """`criteria[2].max`, `operators."ana.ruiz".role`; indexes count from 0."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return printable(text, 200)


def complaints(model: type, data: object, error: ErrorDetails) -> Iterable[Complaint]:
    """One error of the validation library as what a person should read; a model's own findings may be several."""
    key = without_tags(data, error["loc"])
    context: Mapping[str, Any] = error.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Misfits):
        for misfit in cause.misfits:
            yield Complaint((*key, *misfit.key), _sentence(misfit.sentence), misfit.remedy)
        return
    match error["type"]:
        case "extra_forbidden":
            yield _unknown_key(model, data, key)
        case "missing":
            what = meaning(model, data, key)
            yield Complaint(key, f"{shown(key[-1])} is missing", f"Add it: {_lowered(what)}" if what else "Add it.")
        case "union_tag_not_found":
            yield Complaint((*key, "type"), '"type" is missing', f"Add type = {_one_of(tags_at(model, data, key))}.")
        case "union_tag_invalid":
            given = child(error["input"], "type")
            yield _not_a_choice((*key, "type"), given, _quoted_words(str(context.get("expected_tags", ""))))
        case "enum" | "literal_error":
            yield _not_a_choice(key, error["input"], _quoted_words(str(context.get("expected", ""))))
        case "too_short" if _entries(data, key) >= context["min_length"]:
            # Entries that are wrong themselves do not count for the library; they have their own complaints.
            return
        case "value_error":
            yield Complaint(key, _sentence(str(cause)), "")
        case kind:
            given = error["input"] if _PRIVATE.isdisjoint(key) else None
            yield Complaint(key, _must_be(kind, context, given), "")


def _entries(data: object, key: Key) -> int:
    value = value_at(data, key)
    return len(value) if isinstance(value, list) else 0


def without_tags(data: object, location: tuple[str | int, ...]) -> Key:
    """The key in the file: the library also names the chosen member of a union, which is the value of `type` there."""
    key: list[str | int] = []
    here = data
    chosen = False
    for part in location:
        if not chosen and isinstance(part, str) and isinstance(here, Mapping) and part == here.get("type"):
            chosen = True
            continue
        key.append(part)
        here = child(here, part)
        chosen = False
    return tuple(key)


def _unknown_key(model: type, data: object, key: Key) -> Complaint:
    known = keys_at(model, data, key[:-1])
    name = str(key[-1])
    near = get_close_matches(name.lower()[:100], known, n=1, cutoff=0.6)
    hint = f'Did you mean "{near[0]}"? ' if near else ""
    table = f'"{dotted(key[:-1])}"' if key[:-1] else "The file"
    listed = f"{table} may have: {', '.join(known)}." if known else "Leave it out."
    return Complaint(key, f'unknown key "{printable(name, 60)}"', hint + listed)


def _not_a_choice(key: Key, given: object, choices: tuple[str, ...]) -> Complaint:
    near = get_close_matches(str(given)[:100], choices, n=1, cutoff=0.6)
    hint = f'Did you mean "{near[0]}"?' if near else ""
    wanted = _one_of(choices)
    return Complaint(key, f"{shown(given)} is not known here; it must be {wanted}", hint)


def _quoted_words(expected: str) -> tuple[str, ...]:
    words = tuple(re.findall(r"'([^']*)'", expected))
    return words or tuple(re.findall(r"[^\s,]+", expected.replace(" or ", " ")))


def _one_of(choices: tuple[str, ...]) -> str:
    quoted = [choice if choice.isdigit() else f'"{choice}"' for choice in choices]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


_WHOLE_NUMBER = "must be a whole number without quotes"
_TRUE_OR_FALSE = "must be true or false without quotes"
_TABLE = "must be a table"
_WANTED = {
    "string_type": "must be text in quotes",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "bool_type": _TRUE_OR_FALSE,
    "bool_parsing": _TRUE_OR_FALSE,
    "tuple_type": "must be a list in square brackets",
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def _must_be(kind: str, context: Mapping[str, Any], given: object) -> str:
    """Sentences for the library's kinds of errors that need nothing but the value and its limits."""
    match kind:
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must not be longer than {context['max_length']} characters"
        case "too_short":
            return f"needs at least {_counted(context['min_length'])}"
        case "too_long":
            return f"has {context['actual_length']} entries; at most {context['max_length']} are read"
        case _:
            wanted = _WANTED.get(kind, "is not what belongs here")
            return f"{wanted.format(**context)}, not {shown(given)}"


def _counted(count: int) -> str:
    return "one entry" if count == 1 else f"{count} entries"


def _sentence(text: str) -> str:
    return printable(text).rstrip(".")


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:] if not text[:2].isupper() else text
