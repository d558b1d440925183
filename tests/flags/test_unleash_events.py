from typing import Any

import pytest

from rolloutctl.flags.unleash_events import ADDED, DISABLED, ENABLED, REMOVED, UPDATED, Trace, not_ours, parse_events


def entry(number: int, kind: str, environment: str | None = "production", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "createdBy": "bob",
        "createdAt": "2026-01-05T10:00:00Z",
        "environment": environment,
    } | more


def rollout(value: str) -> dict[str, Any]:
    return {"id": "A", "name": "flexibleRollout", "title": "t", "parameters": {"rollout": value}}


def events(*entries: dict[str, Any]) -> Any:
    return parse_events({"events": list(entries)})


OURS = entry(5, UPDATED, data=rollout("30"), preData=rollout("20"))


def test_our_own_trace_is_ours() -> None:
    assert not_ours(events(OURS), "production", [Trace(UPDATED, "A", "30")]) == ()


def test_a_write_that_changed_nothing_leaves_no_trace_and_that_is_fine() -> None:
    assert not_ours(events(), "production", [Trace(UPDATED, "A", "30")]) == ()


@pytest.mark.parametrize(
    "foreign",
    [
        entry(4, UPDATED, data=rollout("40"), preData=rollout("20")),
        entry(6, UPDATED, data=rollout("30"), preData=rollout("40")),
        entry(6, ADDED, data=rollout("30")),
        entry(6, REMOVED, preData=rollout("30")),
        entry(6, ENABLED),
        entry(6, DISABLED),
        entry(6, "feature-archived", None),
        entry(6, "strategy-order-changed"),
    ],
)
def test_a_foreign_entry_is_found_and_ours_is_not(foreign: dict[str, Any]) -> None:
    found = not_ours(events(OURS, foreign), "production", [Trace(UPDATED, "A", "30")])
    assert len(found) == 1


@pytest.mark.parametrize("harmless", [entry(6, UPDATED, "development", data=rollout("9")), entry(6, "feature-tagged", None)])
def test_other_environments_and_labels_are_no_conflict(harmless: dict[str, Any]) -> None:
    assert not_ours(events(OURS, harmless), "production", [Trace(UPDATED, "A", "30")]) == ()


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (OURS, 'changed the strategy "t": rollout 20 → 30'),
        (entry(1, ADDED, data=rollout("0")), 'added the strategy "t"'),
        (entry(1, REMOVED, preData=rollout("0")), 'removed the strategy "t"'),
        (entry(1, ENABLED), "turned the flag on"),
        (entry(1, "feature-stale-on", None), "stale on"),
        (entry(1, UPDATED, data="garbage"), "changed"),
    ],
)
def test_an_edit_is_a_phrase(one: dict[str, Any], words: str) -> None:
    assert events(one)[0].what() == words


def test_whoever_it_was_cannot_write_on_the_terminal() -> None:
    assert events(entry(1, ENABLED, createdBy="\x1b[31mbob\n"))[0].edit().who == "bob"
    assert events(entry(1, ENABLED, createdBy=None))[0].edit().who == "somebody"


@pytest.mark.parametrize("document", [None, [], {}, {"events": {}}, {"events": [{}]}, {"events": [{"id": 1, "type": "x"}]}])
def test_what_is_no_log_is_a_value_error(document: Any) -> None:
    with pytest.raises(ValueError, match="event"):
        parse_events(document)
