"""The keys of the screen: every binding's stable id with its default key, and what `[ui.keys]` may make of them. Pure.

Invariants, whatever a config says: lower case looks and upper case changes; no key does two things in one place; the ways
out (esc, ctrl+q) and to the help (F1) are always there; the key that confirms a dialog is none that opens one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from itertools import combinations
from types import MappingProxyType
from typing import assert_never

from rolloutctl.shown import shown


class Place(StrEnum):
    """Where a binding is heard."""

    EVERYWHERE = "everywhere"
    FLEET = "fleet"
    ROLLOUT = "rollout"
    BOTH = "fleet and rollout"
    JOURNAL = "journal"
    PAGE = "page"
    LIST = "list"
    DIALOG = "dialog"
    QUIT = "quit"


class Kind(StrEnum):
    """What a key may be: see `_wants`."""

    LOOKS = "looks"
    CHANGES = "changes"
    CONFIRMS = "confirms"


@dataclass(frozen=True, slots=True)
class Entry:
    default: str
    place: Place
    kind: Kind = Kind.LOOKS


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a key cannot be bound as `[ui.keys]` says."""

    binding: str
    sentence: str
    remedy: str = ""


_P, _K = Place, Kind

BINDINGS: Mapping[str, Entry] = MappingProxyType(
    {
        "app.rollback": Entry("R", _P.EVERYWHERE, _K.CHANGES),
        "app.journal": Entry("l", _P.EVERYWHERE),
        "app.palette": Entry(":", _P.EVERYWHERE),
        "app.log": Entry("w", _P.EVERYWHERE),
        "app.doctor": Entry("o", _P.EVERYWHERE),
        "app.pause": Entry("p", _P.EVERYWHERE),
        "app.refresh": Entry("r", _P.EVERYWHERE),
        "app.slower": Entry("+", _P.EVERYWHERE),
        "app.faster": Entry("-", _P.EVERYWHERE),
        "app.help": Entry("?", _P.EVERYWHERE),
        "app.quit": Entry("q", _P.EVERYWHERE),
        "fleet.filter": Entry("/", _P.FLEET),
        "fleet.copy": Entry("y", _P.FLEET),
        "rollout.advance": Entry("A", _P.BOTH, _K.CHANGES),
        "rollout.back": Entry("B", _P.BOTH, _K.CHANGES),
        "rollout.hold": Entry("H", _P.BOTH, _K.CHANGES),
        "rollout.resume": Entry("U", _P.BOTH, _K.CHANGES),
        "rollout.sign": Entry("S", _P.BOTH, _K.CHANGES),
        "rollout.approve": Entry("V", _P.BOTH, _K.CHANGES),
        "rollout.postpone": Entry("P", _P.BOTH, _K.CHANGES),
        "rollout.checked": Entry("C", _P.BOTH, _K.CHANGES),
        "rollout.explain": Entry("e", _P.ROLLOUT),
        "rollout.journal": Entry("l", _P.ROLLOUT),
        "rollout.zoom": Entry("z", _P.ROLLOUT),
        "rollout.criteria": Entry("1", _P.ROLLOUT),
        "rollout.plot": Entry("2", _P.ROLLOUT),
        "rollout.why": Entry("3", _P.ROLLOUT),
        "rollout.copy": Entry("y", _P.ROLLOUT),
        "journal.filter": Entry("/", _P.JOURNAL),
        "journal.follow": Entry("f", _P.JOURNAL),
        "journal.verify": Entry("v", _P.JOURNAL),
        "journal.copy": Entry("y", _P.JOURNAL),
        "page.down": Entry("j", _P.PAGE),
        "page.up": Entry("k", _P.PAGE),
        "page.top": Entry("g", _P.PAGE),
        "page.end": Entry("G", _P.PAGE),
        "page.copy": Entry("y", _P.PAGE),
        "list.down": Entry("j", _P.LIST),
        "list.up": Entry("k", _P.LIST),
        "list.first": Entry("g", _P.LIST),
        "list.last": Entry("G", _P.LIST),
        "dialog.confirm": Entry("!", _P.DIALOG, _K.CONFIRMS),
        "quit.hand_over": Entry("D", _P.QUIT, _K.CHANGES),
        "quit.release": Entry("U", _P.QUIT, _K.CHANGES),
    }
)
DEFAULTS: Mapping[str, str] = MappingProxyType({name: entry.default for name, entry in BINDINGS.items()})

_LISTED = frozenset({Place.FLEET, Place.ROLLOUT, Place.BOTH, Place.JOURNAL})
"""Places with a list in them."""
_SHADOWS = frozenset({"rollout.journal", "app.journal"})
"""On the rollout's screen the key for the journal opens the rollout's own: one habit, two bindings."""
_FUNCTION = re.compile(r"f([2-9]|1[0-2])")
_CONTROL = re.compile(r"ctrl\+[a-z]")
_TAKEN = frozenset({"ctrl+c", "ctrl+q", "ctrl+p", "ctrl+z", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m"})
"""Ways out, the palette, and what terminals send for backspace, tab and enter."""
_IN_NAMES = frozenset("-_.,")
"""Punctuation that is typed into names and reasons."""


def keymap(changes: Mapping[str, str]) -> Mapping[str, str]:
    """Key of every binding, by id."""
    return MappingProxyType({**DEFAULTS, **changes})


def faults(changes: Mapping[str, str]) -> tuple[Fault, ...]:
    """Everything that is wrong with `[ui.keys]`; empty: nothing is."""
    alone = tuple(fault for name, key in changes.items() for fault in _alone(name, key))
    return alone or tuple(_clashes(changes))


def _alone(name: str, key: str) -> Iterator[Fault]:
    if name not in BINDINGS:
        near = get_close_matches(name, BINDINGS, 1)
        guess = f"Did you mean {near[0]}? " if near else ""
        group = [known for known in BINDINGS if known.partition(".")[0] == name.partition(".")[0]] or list(BINDINGS)
        yield Fault(name, f"there is no binding {shown(name)}", f"{guess}Known: {', '.join(group)}.")
    elif key in _TAKEN:
        yield Fault(name, f"{shown(key)} cannot be bound anew", _wants(BINDINGS[name].kind))
    elif not _fits(BINDINGS[name].kind, key):
        yield Fault(name, f"{shown(key)} is not a key for {name}", _wants(BINDINGS[name].kind))


def _fits(kind: Kind, key: str) -> bool:
    if _FUNCTION.fullmatch(key):
        return True
    char = len(key) == 1 and key.isascii() and key.isprintable() and key not in {" ", ","}
    match kind:
        case Kind.LOOKS:
            return bool(_CONTROL.fullmatch(key)) or (char and (not key.isupper() or key == "G"))
        case Kind.CHANGES:
            return char and key.isupper()
        case Kind.CONFIRMS:
            return char and not key.isalnum() and key not in _IN_NAMES
        case _:
            assert_never(kind)


def _wants(kind: Kind) -> str:
    match kind:
        case Kind.LOOKS:
            return 'It only looks: write one character that is no upper-case letter, "ctrl+" and a letter, or "f2" to "f12".'
        case Kind.CHANGES:
            return 'It changes something: write an upper-case letter, or "f2" to "f12".'
        case Kind.CONFIRMS:
            return 'It confirms while names are typed: write a mark such as "!" or "$", or "f2" to "f12".'
        case _:
            assert_never(kind)


def _clashes(changes: Mapping[str, str]) -> Iterator[Fault]:
    keys = keymap(changes)
    for one, other in combinations(BINDINGS, 2):
        if keys[one] != keys[other] or not ({one, other} & changes.keys()) or {one, other} == _SHADOWS:
            continue
        if _meet(BINDINGS[one].place, BINDINGS[other].place):
            moved, stays = (one, other) if one in changes else (other, one)
            yield Fault(moved, f"{shown(keys[one])} is the key of {stays} already", f"Give {moved} or {stays} another key.")


def _meet(one: Place, other: Place) -> bool:
    """Whether both are heard in one place; a confirming key must differ from whatever opens a dialog."""
    pair = {one, other}
    if Place.QUIT in pair:
        return one is other
    if one is other or Place.EVERYWHERE in pair or Place.DIALOG in pair:
        return True
    if Place.BOTH in pair and pair & {Place.FLEET, Place.ROLLOUT}:
        return True
    return Place.LIST in pair and bool(pair & _LISTED)
