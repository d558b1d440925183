"""`[ui.keys]`: what is accepted, and the sentence for everything that is not."""

from __future__ import annotations

import string
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.keymap import BINDINGS, DEFAULTS, Kind, faults, keymap

KEYS = st.sampled_from([*string.printable, *(f"f{n}" for n in range(14)), "ctrl+a", "ctrl+q", "enter", "escape", "", "é"])


def test_the_defaults_are_themselves_accepted() -> None:
    assert faults(DEFAULTS) == ()
    assert keymap({}) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "key", "sentence", "remedy"),
    [
        ("rollut.advance", "A", 'there is no binding "rollut.advance"', "Did you mean rollout.advance? Known: app.rollback,"),
        ("rollout.advence", "A", 'there is no binding "rollout.advence"', "Known: rollout.advance, rollout.back,"),
        ("rollout.advance", "a", '"a" is not a key for rollout.advance', "It changes something: write an upper-case letter"),
        ("rollout.advance", "ctrl+a", '"ctrl+a" is not a key for rollout.advance', "It changes something"),
        ("app.doctor", "D", '"D" is not a key for app.doctor', "It only looks"),
        ("app.doctor", "f1", '"f1" is not a key for app.doctor', '"f2" to "f12"'),
        ("app.doctor", "ctrl+q", '"ctrl+q" cannot be bound anew', "It only looks"),
        ("app.doctor", "enter", '"enter" is not a key', "It only looks"),
        ("dialog.confirm", "y", '"y" is not a key for dialog.confirm', "It confirms while names are typed"),
        ("dialog.confirm", "-", '"-" is not a key for dialog.confirm', "It confirms"),
        ("dialog.confirm", "?", '"?" is the key of app.help already', "Give dialog.confirm or app.help another key."),
        ("rollout.advance", "R", '"R" is the key of app.rollback already', "Give rollout.advance or app.rollback another key."),
        ("list.down", "y", '"y" is the key of fleet.copy already', "another key"),
    ],
)
def test_each_mistake_has_its_sentence(name: str, key: str, sentence: str, remedy: str) -> None:
    found = faults({name: key})
    assert found[0].binding == name
    assert sentence in found[0].sentence
    assert remedy in found[0].remedy


def test_two_may_change_places_and_keys_may_be_the_same_where_they_never_meet() -> None:
    assert faults({"rollout.advance": "B", "rollout.back": "A"}) == ()
    assert faults({"journal.verify": "e"}) == ()
    assert faults({"quit.hand_over": "A"}) == ()
    assert faults({"quit.hand_over": "U"}) != ()


@given(st.dictionaries(st.sampled_from(sorted(BINDINGS)), KEYS, max_size=6))
def test_what_is_accepted_keeps_the_promises(changes: dict[str, str]) -> None:
    found = faults(changes)
    assert all(fault.sentence and fault.remedy and fault.binding in changes for fault in found)
    if found:
        return
    keys = keymap(changes)
    for name, key in keys.items():
        assert key not in {"enter", "escape", "", " ", ",", "f1", "ctrl+q"}
        if BINDINGS[name].kind is Kind.CHANGES:
            assert key.isupper() or key.startswith("f")
    everywhere = [name for name in BINDINGS if name.startswith("app.")]
    for one, other in combinations(everywhere, 2):
        assert keys[one] != keys[other]
    opening = {keys[name] for name, entry in BINDINGS.items() if entry.kind is Kind.CHANGES}
    assert keys["dialog.confirm"] not in opening
