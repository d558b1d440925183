"""Every edit of one key of a shipped runbook is cosmetic or makes it EDITED, as the table of keys says, and is named."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from decimal import Decimal

import pytest
import tomli_w

from rolloutctl.errors import RunbookInvalid
from rolloutctl.runbook.digest import changed, exec_digest
from rolloutctl.runbook.keys import KEYS, KeyClass
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.read import read_runbook
from rolloutctl.toml_models import keys_of, models_at
from runbook.test_digest import leaves, others
from runbook.texts import SHIPPED

TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in SHIPPED}
DOCUMENTS = {stem: tomllib.loads(text, parse_float=Decimal) for stem, text in TEXTS.items()}
BOOKS = {stem: read_runbook(text, stem) for stem, text in TEXTS.items()}


def document_of(stem: str) -> dict:
    return copy.deepcopy(DOCUMENTS[stem])


EDITED_KEYS = [(stem, key) for stem in TEXTS for key in leaves(document_of(stem))]
REFUSED = {"format", "type", "sets", "silence", "off", "action", "required", "default", "exists", "effect"}
"""Keys with one value only, or that others hold in place."""


def cosmetic(stem: str, key: tuple) -> bool:
    path = key
    while isinstance(path[-1], int):
        path = path[:-1]
    owners = [model for model in models_at(Runbook, document_of(stem), path[:-1]) if path[-1] in keys_of(model)]
    return bool(owners) and all(KEYS[model][path[-1]] is KeyClass.COSMETIC for model in owners)


def node_of(document: dict, key: tuple):
    node = document
    for part in key[:-1]:
        node = node[part]
    return node


def versions(stem: str, key: tuple) -> Iterator[dict]:
    """The file without the key, and other values."""
    document = document_of(stem)
    was = node_of(document, key)[key[-1]]
    del node_of(document, key)[key[-1]]
    yield document
    for other in [each for each in others(was) if each != was]:
        document = document_of(stem)
        node_of(document, key)[key[-1]] = other
        yield document


@pytest.mark.parametrize(
    ("stem", "key"), EDITED_KEYS, ids=lambda each: each if isinstance(each, str) else ".".join(map(str, each))
)
def test_a_single_edit_is_cosmetic_or_edited(stem: str, key: tuple) -> None:
    book = BOOKS[stem]
    wanted, read = cosmetic(stem, key), 0
    for document in versions(stem, key):
        try:
            other = read_runbook(tomli_w.dumps(document), stem)
        except RunbookInvalid:
            continue
        edits = changed(book, other)
        same = exec_digest(other) == exec_digest(book)
        assert same is (edits == ())
        if wanted:
            assert same
        elif document != document_of(stem) and key_is_there(document, key):
            assert not same
            assert named(edits, key, document_of(stem), document)
        read += 1
        if read == 2:
            break
    assert read or key[-1] in REFUSED or key[-2:] == ("set", "off") or key[-1] == "id", "no edit of it could be read"


def key_is_there(document: dict, key: tuple) -> bool:
    """A key that is left out has its default, which may be what stood there."""
    node = node_of(document, key)
    return key[-1] in node if isinstance(node, dict) else True


def named(edits: tuple, key: tuple, was: dict, now: dict) -> bool:
    """One edit is of the step that was touched; elsewhere its key begins like the one in the file."""
    places = [index for index, part in enumerate(key) if isinstance(part, int)]
    if key[0] not in {"steps", "preflight", "after"} or not places:
        return any(edit.key.startswith(str(key[0])) or str(key[0]) in str(edit) for edit in edits)
    path = key[: places[0] + 1]
    ids = {step_of(document, path)["id"] for document in (was, now)}
    return any(edit.step in ids for edit in edits)


def step_of(document: dict, path: tuple) -> dict:
    node = document
    for part in path:
        node = node[part]
    return node


def test_all_five_are_there():
    assert set(TEXTS) == {
        "checkout-flag-kill",
        "checkout-model-revert",
        "drill-alert-silence",
        "escalation-only",
        "traffic-weight-revert",
    }
