"""What a rehearsal is bound to: the digest of what a runbook does, and of the contracts it relies on; and what differs.

Two files that do the same have the same digest: order of keys, comments, `"60s"` or `"1m"`, a default written out or left out,
and the cosmetic keys of `keys.py` make no difference. `changed` is empty exactly when the digests are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from pydantic import BaseModel

from rolloutctl.model.events import canonical
from rolloutctl.model.run_words import Section
from rolloutctl.runbook.fields import Confirm
from rolloutctl.runbook.keys import KeyClass, class_of_key
from rolloutctl.runbook.model import Runbook
from rolloutctl.shown import printable
from rolloutctl.units import show_duration, show_number

_TEXT = "'"
"""Begins every text, so that the number 1.5 and the text "1.5" are two things."""
_SECTIONS = (
    (Section.PREFLIGHT, ("preflight",)),
    (Section.STEPS, ("steps",)),
    (Section.AFTER_RECOVERED, ("after", "recovered")),
    (Section.AFTER_NOT_RECOVERED, ("after", "not_recovered")),
)


def exec_form(runbook: Runbook) -> dict[str, Any]:
    """What the runbook does, as plain data: everything but the cosmetic keys, defaults included."""
    form = _plain(runbook)
    assert isinstance(form, dict)
    return form


def exec_digest(runbook: Runbook) -> str:
    """SHA-256 of the canonical `exec_form`, 64 hex digits."""
    return hashlib.sha256(canonical(exec_form(runbook)).encode()).hexdigest()


class EditKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Edit:
    """One difference between two versions of a runbook."""

    kind: EditKind
    step: str
    """Id of the step; empty: it is about no step."""
    key: str = ""
    """`request.path`; empty where the whole step was added, removed or moved."""
    was: str = ""
    now: str = ""

    def __str__(self) -> str:
        if not self.key:
            return f'step "{self.step}" was {self.kind}'
        where = f'step "{self.step}": {self.key}' if self.step else self.key
        match self.kind:
            case EditKind.ADDED:
                return f"{where} = {self.now} was added"
            case EditKind.REMOVED:
                return f"{where} = {self.was} was removed"
            case _:
                return f"{where} was {self.was}, is {self.now}"


def changed(old: Runbook, new: Runbook) -> tuple[Edit, ...]:
    """What differs in what the two do: first the keys outside steps, then step by step, in the order of the file."""
    before, after = exec_form(old), exec_form(new)
    edits: list[Edit] = []
    steps_before = [_taken(before, path) for _, path in _SECTIONS]
    steps_after = [_taken(after, path) for _, path in _SECTIONS]
    edits += _differences("", _leaves(before), _leaves(after))
    for was, now in zip(steps_before, steps_after, strict=True):
        edits += _steps(was, now)
    return tuple(edits)


def _taken(form: dict[str, Any], path: tuple[str, ...]) -> list[dict[str, Any]]:
    table = form
    for part in path[:-1]:
        table = table[part]
    taken = table.pop(path[-1])
    assert isinstance(taken, list)
    return taken


def _steps(was: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[Edit]:
    old = {_shown(step["id"], quoted=False): step for step in was}
    new = {_shown(step["id"], quoted=False): step for step in now}
    yield from (Edit(EditKind.REMOVED, step) for step in old if step not in new)
    order = [step for step in old if step in new]
    for step, form in new.items():
        if step not in old:
            yield Edit(EditKind.ADDED, step)
            continue
        if order[0] != step:
            yield Edit(EditKind.MOVED, step)
        order.remove(step)
        yield from _differences(step, _leaves(old[step]), _leaves(form))


def _differences(step: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Edit]:
    for key in dict.fromkeys((*was, *now)):
        old, new = was.get(key), now.get(key)
        if old == new and type(old) is type(new):
            continue
        if old is None:
            yield Edit(EditKind.ADDED, step, key, now=_shown(new))
        elif new is None:
            yield Edit(EditKind.REMOVED, step, key, was=_shown(old))
        else:
            yield Edit(EditKind.CHANGED, step, key, _shown(old), _shown(new))


def _leaves(form: Any, key: str = "") -> dict[str, Any]:
    """Dotted key -> value; an empty list or table is a leaf of its own, a key that is left out is none."""
    if form is None:
        return {}
    if isinstance(form, dict) and form:
        return {inner: leaf for name, item in form.items() for inner, leaf in _leaves(item, _joined(key, name)).items()}
    if isinstance(form, list) and form:
        return {inner: leaf for index, item in enumerate(form) for inner, leaf in _leaves(item, f"{key}[{index}]").items()}
    return {key: form}


def _joined(key: str, name: str) -> str:
    part = name if name and all(char.isalnum() or char in "_-" for char in name) else json.dumps(name, ensure_ascii=False)
    return f"{key}.{part}" if key else part


def _shown(leaf: Any, *, quoted: bool = True) -> str:
    match leaf:
        case bool():
            return "true" if leaf else "false"
        case str() if leaf.startswith(_TEXT):
            text = printable(leaf.removeprefix(_TEXT), 60)
            return f'"{text}"' if quoted else text
        case dict() | list():
            return "empty"
        case _:
            return printable(str(leaf), 60)


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return {
                key: _plain(getattr(value, name))
                for name, field in type(value).model_fields.items()
                if class_of_key(type(value), key := field.alias or name) is KeyClass.EXEC
            }
        case None | bool() | int():
            return value
        case str():
            return _TEXT + value
        case timedelta():
            return show_duration(value)
        case Decimal() | Fraction():
            return show_number(Fraction(value))
        case Confirm():
            return _TEXT + str(value)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical form")


class Relied(StrEnum):
    """What kinds of things of the config a runbook relies on."""

    ADAPTER = "adapter"
    CHANNEL = "channel"
    PROVIDER = "provider"
    SOURCE = "source"


_CONTRACT = frozenset(
    {"type", "auth", "headers", "security", "timeout", "connect_timeout", "max_body", "max_series", "settle_time"}
)
"""Keys of the config's tables that are part of a contract; addresses, credentials, projects and certificates are not."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a runbook relies on of one named thing of the config, without where it is and who one is there."""

    kind: Relied
    name: str
    terms: tuple[tuple[str, str], ...]
    """Key and value, in order."""


def contract(kind: Relied, name: str, table: Mapping[str, object]) -> Contract:
    """The contract in a table of the config, dumped as JSON: of `auth` its type and header, of `headers` their names.

    Staging and production have the same contract when only URLs, credentials, projects and certificates differ.
    """
    terms: list[tuple[str, str]] = []
    for key in sorted(_CONTRACT & table.keys()):
        value = table[key]
        if value is None:
            continue
        if key == "auth" and isinstance(value, Mapping):
            terms.append((key, canonical({part: value[part] for part in ("type", "name") if part in value})))
        elif key == "headers" and isinstance(value, Mapping):
            terms.append((key, canonical(sorted(str(header).lower() for header in value))))
        else:
            terms.append((key, canonical(value)))
    return Contract(kind, name, tuple(terms))


def adapter_digest(contracts: Iterable[Contract]) -> str:
    """SHA-256 of the contracts that a runbook relies on, in whatever order they come; 64 hex digits."""
    rows = sorted([c.kind.value, c.name, [list(term) for term in c.terms]] for c in set(contracts))
    return hashlib.sha256(canonical(rows).encode()).hexdigest()
