import copy
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from rolloutctl.errors import RunbookInvalid
from rolloutctl.runbook import http, steps
from rolloutctl.runbook.digest import Contract, EditKind, Relied, adapter_digest, changed, contract, exec_digest
from rolloutctl.runbook.keys import KEYS, KeyClass
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.read import read_runbook
from rolloutctl.runbook.relies import relies_on
from rolloutctl.runbook.texts import names_used, placeholders_of
from rolloutctl.toml_models import keys_of, models_at
from runbook.texts import WELL, data, edited, well, written


def reachable(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    if model in seen:
        return seen
    seen.add(model)
    todo = [field.annotation for field in model.model_fields.values()]
    while todo:
        annotation = todo.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            reachable(annotation, seen)
        else:
            todo += get_args(annotation)
    return seen


def test_every_key_of_every_model_stands_in_the_table_once():
    assert reachable(Runbook, set()) == set(KEYS)
    assert {model: set(keys_of(model)) for model in KEYS} == {model: set(keys) for model, keys in KEYS.items()}


def test_what_is_cosmetic_is_little():
    cosmetic = {(model.__name__, key) for model, keys in KEYS.items() for key, c in keys.items() if c is KeyClass.COSMETIC}
    titles = {(model.__name__, "title") for model in get_args(steps.AnyStep)}
    assert cosmetic == {("Runbook", "title"), ("Runbook", "owner"), ("Runbook", "when"), ("Param", "title")} | titles


@pytest.mark.parametrize(
    "edit",
    [
        ('timeout = "5s"', 'timeout = "5000ms"'),
        ('stop  = "recovered"\n', ""),
        ('value = "200"', "value = 200.0"),
        ("format = 1", "# a comment\nformat = 1"),
        ('owner = "team-checkout"', 'owner = "somebody"'),
        ('title = "Turn ${flag} off for everyone"\n', ""),
        ('retry = { attempts = 4, backoff = "500ms",', 'retry = { backoff = "0.5s", attempts = 4,'),
    ],
)
def test_what_does_the_same_has_the_same_digest(edit):
    other = read_runbook(edited(edit), "b")
    assert exec_digest(other) == exec_digest(well())
    assert changed(well(), other) == ()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            ('path = "/generation/${flag}"', 'path = "/other"'),
            'step "purge-cache": request.path was "/generation/${flag}", is "/other"',
        ),
        (("weight = 0.5", 'weight = "0.5"'), 'step "purge-cache": request.json.weight was 0.5, is "0.5"'),
        (("parts = [1, true]", "parts = [1]"), 'step "purge-cache": request.json.parts[1] = true was removed'),
        (("parts = [1, true]", "parts = [true, true]"), 'step "purge-cache": request.json.parts[0] was 1, is true'),
        (("set = { off = true }", "set = { snapshot = true }"), 'step "flag-off": set.off = true was removed'),
        (('time_to_rollback = "5m"', 'time_to_rollback = "6m"'), "objective.time_to_rollback was 5m, is 6m"),
        (('id = "breathe"\n', 'id = "sigh"\n'), 'step "breathe" was removed'),
        (("[params.generation]\n", '[params.speed]\ndefault = "x"\n[params.generation]\n'), "params.speed.type"),
        (
            ("[steps.undo]", "[steps.undo]\n  expect = { status = [200] }"),
            'step "purge-cache": undo.expect.status[0] = 200 was added',
        ),
    ],
)
def test_an_edit_is_named_by_step_and_key(edit, said):
    other = read_runbook(edited(edit), "b")
    assert exec_digest(other) != exec_digest(well())
    assert any(str(difference).startswith(said) for difference in changed(well(), other)), [*map(str, changed(well(), other))]


def test_steps_in_another_order_are_moved():
    document = data()
    document["steps"][0], document["steps"][1] = document["steps"][1], document["steps"][0]
    (edit,) = changed(well(), read_runbook(written(document), "b"))
    assert (edit.kind, str(edit)) == (EditKind.MOVED, 'step "purge-cache" was moved')


def leaves(node, key=()):
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for part, inner in items:
        if isinstance(inner, (dict, list)):
            yield from leaves(inner, (*key, part))
        else:
            yield (*key, part)


def others(value):
    """Values of the same kind that may stand in its place, but for what a closed set refuses."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1]
        case Decimal():
            return [value + 1]
        case _:
            words = [*KeyClass, *http.Effect, *http.RetryOn, *steps.Op, *steps.OnFailure, "enter", "warn", "first_intent"]
            more = ["last_critical", "url", "integer", "POST", "HEAD", "canary", "3m", "2KiB"]
            return [f"{value}x", f"{value}1", f"1{value}", *(str(word) for word in words), *more]


def edits_of(key):
    """Every single edit of one key that gives another runbook which can be read."""
    document = data()
    node = document
    for part in key[:-1]:
        node = node[part]
    was = node[key[-1]]
    for other in others(was):
        node[key[-1]] = other
        if other != was:
            yield copy.deepcopy(document)


HELD_BY_OTHERS = {("params", "generation", "choices", 0), ("steps", 2, "id")}
"""A default and a later step name what stands there: an edit of it alone is refused."""


@pytest.mark.parametrize("key", list(leaves(data())), ids=lambda key: ".".join(map(str, key)))
def test_every_single_key_edit_is_cosmetic_or_edited(key):
    path = key
    while isinstance(path[-1], int):
        path = path[:-1]
    owners = [model for model in models_at(Runbook, data(), path[:-1]) if path[-1] in keys_of(model)]
    cosmetic = bool(owners) and all(KEYS[model][path[-1]] is KeyClass.COSMETIC for model in owners)
    before, seen = exec_digest(well()), 0
    for document in edits_of(key):
        try:
            book = read_runbook(written(document), "b")
        except RunbookInvalid:
            continue
        seen += 1
        assert (exec_digest(book) == before) is cosmetic
        assert (changed(well(), book) == ()) is cosmetic
        if seen == 2:
            break
    refused = {"format", "type", "sets", "silence", "off", "action", "required", "default"}
    assert seen or path[-1] in refused or key in HELD_BY_OTHERS, "no edit of it could be read"


@given(st.lists(st.sampled_from(list(leaves(data()))), max_size=3), st.data())
@settings(max_examples=60, deadline=None)
def test_changed_is_empty_exactly_when_the_digests_are_equal(keys, drawn):
    document = data()
    for key in keys:
        node = document
        for part in key[:-1]:
            node = node[part]
        node[key[-1]] = drawn.draw(st.sampled_from(others(node[key[-1]])))
    try:
        book = read_runbook(written(document), "b")
    except RunbookInvalid:
        return
    assert (changed(well(), book) == ()) is (exec_digest(well()) == exec_digest(book))
    assert (changed(book, well()) == ()) is (exec_digest(well()) == exec_digest(book))


def test_a_removed_key_is_noticed_unless_it_is_its_default():
    other = read_runbook(edited(("critical = false\n", "")), "b")
    assert [str(e) for e in changed(well(), other)] == ['step "tell-people": critical was false, is true']


# --- contracts ------------------------------------------------------------------------------------------------

STAGING = {
    "url": "https://staging",
    "auth": {"type": "header", "name": "X-Api-Key", "token": {"env": "A"}},
    "headers": {"X-Org": "a"},
    "timeout": "10s",
    "tls": None,
}


def digest_of(**changes):
    return adapter_digest([contract(Relied.ADAPTER, "cache", {**STAGING, **changes})])


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://production"},
        {"auth": {"type": "header", "name": "X-Api-Key", "token": {"file": "/b"}}},
        {"headers": {"x-org": "b"}},
        {"tls": {"ca": "ca.pem"}},
        {"project": "other"},
    ],
)
def test_staging_and_production_share_a_contract(changes):
    assert digest_of(**changes) == digest_of()


@pytest.mark.parametrize(
    "changes", [{"auth": {"type": "bearer", "token": {"env": "A"}}}, {"headers": {}}, {"timeout": "1s"}, {"auth": None}]
)
def test_another_contract_is_noticed(changes):
    assert digest_of(**changes) != digest_of()


def test_nothing_secret_or_local_is_in_a_contract():
    made = contract(Relied.CHANNEL, "x", {"type": "slack", "url": {"env": "HOOK"}, "password": {"file": "/p"}})
    assert made == Contract(Relied.CHANNEL, "x", (("type", '"slack"'),))


def test_the_order_of_contracts_makes_no_difference():
    one, two = contract(Relied.ADAPTER, "a", {}), contract(Relied.CHANNEL, "a", {})
    assert adapter_digest([one, two]) == adapter_digest([two, one, one]) != adapter_digest([one])


def test_what_a_runbook_relies_on():
    assert {(kind.value, name) for _, kind, name in relies_on(well())} == {
        ("provider", ""),
        ("adapter", "cache"),
        ("channel", "release"),
        ("source", ""),
    }


def test_every_text_with_a_placeholder_is_found():
    assert names_used(well()) == {"flag", "incident", "generation", "run.time_to_rollback", "run.journal_seq", "run.journal_head"}
    found = [key for key, _, _ in placeholders_of(well().step("purge-cache"))]
    assert found == [("request", "path"), ("request", "query", "why"), ("request", "json"), ("expect", "json", 0, "equals")]
    assert WELL.count("${") == sum(len(asked) for _, _, step in well().placed() for _, _, asked in placeholders_of(step))
