"""Explain names the event that can be judged again."""

from __future__ import annotations

from dataclasses import replace

from rolloutctl.model.events import BreachLatched, VerdictChanged
from rolloutctl.tui.draw import explain
from tui import worlds
from tui.test_draw import WHEN


def page(blob: str) -> tuple[str, list[int]]:
    """The page, and the numbers of the events that hold `blob`."""
    one = worlds.breach()
    verdict = next(each for each in one.verdicts if each.key == "errors/voice")
    events = [
        replace(event, body=event.body.model_copy(update={"blob": blob}))
        if isinstance(event.body, VerdictChanged | BreachLatched)
        else event
        for event in worlds.journal()
    ]
    lines = explain.explain(one, verdict, events, WHEN, 100)
    held = [event.seq for event in events if isinstance(event.body, VerdictChanged | BreachLatched)]
    return "\n".join("".join(part.text for part in line) for line in lines), held


def test_the_newest_event_with_evidence_is_named() -> None:
    text, held = page("a" * 64)
    assert f"rolloutctl replay {held[-1]} " in text
    assert text.count("rolloutctl replay") == 1


def test_nothing_is_named_where_the_journal_keeps_no_evidence() -> None:
    assert "rolloutctl replay" not in page("")[0]
