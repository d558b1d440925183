"""Keys that the formats have and this version cannot act on: each is refused with a sentence of its own.

A plan that needs them must not be half understood. When a feature arrives, its line here goes and its model gains a field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rolloutctl.constraints import Key
from rolloutctl.toml_models import child


def _any(_value: object) -> bool:
    return True


def _one_of(*values: str) -> Callable[[object], bool]:
    return lambda value: value in values


def _text_but(*values: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value not in values


@dataclass(frozen=True, slots=True)
class NotYet:
    """A key (`*` stands for any name or index) that is refused while `when` holds for its value."""

    key: tuple[str, ...]
    what: str
    """Subject and verb: "runbooks are", "the statistical tests are"."""
    instead: str
    when: Callable[[object], bool] = _any
    absent: bool = False
    """Refuse the table that lacks the key, rather than the one that has it."""
    covers: int = 0
    """How many last parts of the key belong to what is refused: nothing else is said about the rest of it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    key: Key
    covers: Key
    """Everything at or under this key is excused from further complaints."""
    sentence: str
    remedy: str


def refusals(data: object, table: Sequence[NotYet]) -> tuple[Refusal, ...]:
    """What the document asks for in vain; nothing is said twice about what a refused table holds."""
    found = tuple(_refusals(data, table))
    whole = [r.covers for r in found if r.covers != r.key]
    return tuple(r for r in found if r.covers != r.key or not any(r.key[: len(covers)] == covers for covers in whole))


def _refusals(data: object, table: Sequence[NotYet]) -> Iterator[Refusal]:
    for entry in table:
        for key, value, present in _matches(data, entry.key, ()):
            if present == entry.absent or (present and not entry.when(value)):
                continue
            covers = key[: len(key) - entry.covers]
            yield Refusal(key, covers, f"{entry.what} not supported by this version", entry.instead)


def _matches(data: object, pattern: tuple[str, ...], key: Key) -> Iterator[tuple[Key, object, bool]]:
    head, rest = pattern[0], pattern[1:]
    names: list[str | int]
    if head != "*":
        names = [head] if isinstance(data, Mapping) else []
    elif isinstance(data, Mapping):
        names = list(data)
    else:
        names = list(range(len(data))) if isinstance(data, list) else []
    for name in names:
        present = head == "*" or (isinstance(data, Mapping) and name in data)
        if not rest:
            yield (*key, name), child(data, name), present
        elif present:
            yield from _matches(child(data, name), rest, (*key, name))


_DROP = "Leave it out."

PLAN: tuple[NotYet, ...] = (
    NotYet(
        ("rollback", "capacity"),
        "the capacity check before a rollback is",
        "Leave it out and look at the baseline's capacity yourself.",
    ),
    NotYet(("flag", "variant"), "choosing a variant is", "Leave it out and use a flag of its own, which is on or off."),
    NotYet(("phases", "*", "reviews"), "reviews after a rollout are", "Leave it out and put the dates into a calendar."),
)

CONFIG: tuple[NotYet, ...] = (
    NotYet(
        ("sources", "*", "type"),
        "this type of source is",
        'Write type = "prometheus": whatever answers the HTTP API of Prometheus will do.',
        when=_text_but("prometheus"),
        covers=1,
    ),
    NotYet(
        ("providers", "*", "type"),
        "this type of provider is",
        'This version knows type = "unleash".',
        when=_text_but("unleash"),
        covers=1,
    ),
    NotYet(("providers", "*", "budget"), "a budget of requests is", _DROP),
    NotYet(
        ("providers", "*", "auth", "type"),
        "this type of auth is",
        "Use token, bearer, basic or none.",
        when=_one_of("header"),
        covers=1,
    ),
)
