"""Whether an answer is what a step expects, and what a read-back gave, in a form that can be compared later. Pure.

The form holds only what the expectation looks at: an answer that also tells the time of day is the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rolloutctl.model.exchange import NOT_JSON, Answered
from rolloutctl.model.json_path import path_steps
from rolloutctl.runbook.http import Expect, JsonExpect
from rolloutctl.runbook.placeholders import Landing, render, render_json
from rolloutctl.shown import printable

_LONGEST = 120


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


_MISSING = _Missing()


def unmet(expect: Expect, answered: Answered, values: Mapping[str, str]) -> str:
    """What is otherwise than expected, as a clause; empty: nothing. Raises ValueError for a value that is missing."""
    if not expect.accepts_status(answered.status):
        return answered.why
    if expect.json_values and answered.document is NOT_JSON:
        return f"HTTP {answered.status} without the JSON that is expected"
    for wanted in expect.json_values:
        found = _at(answered.document, wanted.path)
        if not _fits(wanted, found, values):
            return f"HTTP {answered.status}, but {wanted.path} is {_shown(found)}, not {_wanted(wanted, values)}"
    body = answered.body.decode("utf-8", "replace")
    for text in expect.text:
        if (filled := render(text, values, Landing.TEXT)) not in body:
            return f'HTTP {answered.status}, but its body does not hold "{printable(filled, _LONGEST)}"'
    return ""


def gave(expect: Expect, answered: Answered, values: Mapping[str, str]) -> str:
    """What the answer says of all that the expectation looks at, as canonical JSON."""
    body = answered.body.decode("utf-8", "replace")
    seen = {
        "status": answered.status if not (200 <= answered.status <= 299) else 200,
        "json": {wanted.path: _plain(_at(answered.document, wanted.path)) for wanted in expect.json_values},
        "text": [render(text, values, Landing.TEXT) in body for text in expect.text],
    }
    return json.dumps(seen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def told(given: str) -> str:
    """What `gave` kept, for people: `generation canary`."""
    try:
        seen = json.loads(given)
    except ValueError:
        return ""
    values = seen.get("json") if isinstance(seen, dict) else None
    if not isinstance(values, dict) or not values:
        return f"HTTP {seen.get('status')}" if isinstance(seen, dict) else ""
    return ", ".join(f"{path} {value[0] if value else 'not there'}" for path, value in values.items())


def _fits(wanted: JsonExpect, found: Any, values: Mapping[str, str]) -> bool:
    if wanted.exists is not None:
        return (found is not _MISSING) is wanted.exists
    options = wanted.one_of if wanted.equals is None else (wanted.equals,)
    return any(same(found, render_json(option, values)) for option in options)


def _wanted(wanted: JsonExpect, values: Mapping[str, str]) -> str:
    if wanted.exists is not None:
        return "there" if wanted.exists else "absent"
    options = wanted.one_of if wanted.equals is None else (wanted.equals,)
    return " or ".join(_shown(render_json(option, values)) for option in options)


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 and 1.0 are one number, true is none."""
    match one, other:
        case (bool(), _) | (_, bool()):
            return one is other
        case (int() | float() | Decimal(), int() | float() | Decimal()):
            return Decimal(str(one)) == Decimal(str(other))
        case (Mapping(), Mapping()):
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        case (list() | tuple(), list() | tuple()):
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return type(one) is type(other) and bool(one == other)


def _at(document: Any, path: str) -> Any:
    found = document
    for step in path_steps(path):
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and step < len(found) else _MISSING
        else:
            found = found.get(step, _MISSING) if isinstance(found, dict) else _MISSING
    return found


def _plain(found: Any) -> list[str]:
    """As text in a list, empty where there is nothing: numbers keep their digits, and null is not nothing."""
    return [] if found is _MISSING else [found if isinstance(found, str) else json.dumps(found, sort_keys=True)]


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "not there"
    text = json.dumps(value, default=str, ensure_ascii=False)
    return printable(text, _LONGEST)
