"""What the journal has of a step, and how it is told."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.model import events as ev
from rolloutctl.model.kinds import Reality
from rolloutctl.tui.draw.ink import page, width
from rolloutctl.tui.draw.progress import StepProgress, followed, step_progress
from rolloutctl.tui.draw.when import When

from . import worlds

WHEN = When(worlds.NOW, ZoneInfo(worlds.ZONE))
DECIDED, INTENT, APPLIED, BAKING = worlds.step_bodies()


def told(*bodies: ev.Body) -> str:
    return page(step_progress(followed(StepProgress(), worlds.stepped("x#1", *bodies), 213), WHEN, 90))


def test_nothing_is_ticked_that_was_not_journalled() -> None:
    assert "✔" not in page(step_progress(StepProgress(), WHEN, 90))
    assert told(DECIDED).count("✔") == 1
    assert told(DECIDED, INTENT).count("✔") == 2
    assert told(DECIDED, INTENT, APPLIED).count("✔") == 3
    assert told(DECIDED, INTENT, APPLIED, BAKING).count("✔") == 4


def test_an_outcome_nobody_saw_is_neither_applied_nor_failed_until_it_was_read_back() -> None:
    lost = ev.FlagUnknown(intent=215, why="no answer within 5 s", at=worlds.NOW, look_at=worlds.NOW)
    assert "? applied" in told(DECIDED, INTENT, lost)
    assert "no answer within 5 s" in told(DECIDED, INTENT, lost)
    found = ev.FlagReconciled(intent=215, state=worlds.served(30), at=worlds.NOW, settle_until=worlds.NOW, found=Reality.APPLIED)
    assert "✔ applied" in told(DECIDED, INTENT, lost, found)
    again = found.model_copy(update={"found": Reality.NOT_APPLIED})
    assert "◷ applied" in told(DECIDED, INTENT, lost, again)


@pytest.mark.parametrize("outcome", [ev.FlagConflict, ev.FlagRejected, ev.FlagFailed])
def test_what_did_not_happen_says_why_and_is_over(outcome: type[ev.FlagOutcome]) -> None:
    text = told(DECIDED, INTENT, outcome(intent=215, why="somebody changed it", at=worlds.NOW), APPLIED, BAKING)
    assert "✖ applied" in text
    assert "somebody changed it" in text
    assert "verified" not in text


def test_an_outcome_of_another_intent_is_not_taken_for_this_one() -> None:
    assert "◷ applied" in told(DECIDED, INTENT, APPLIED.model_copy(update={"intent": 199}))
    assert "✔ asked" not in page(
        step_progress(followed(StepProgress(), worlds.stepped("x#1", INTENT, request=100), 213), WHEN, 90)
    )


def test_the_end_of_a_rollout_needs_no_change_of_the_flag() -> None:
    text = told(DECIDED, ev.RolloutEnded(status="DONE", reason="every phase is done", at=worlds.NOW))
    assert "✔ ended" in text
    assert "every phase is done" in text
    assert "intent" not in text


@given(st.integers(20, 200), st.integers(0, 4), st.text(max_size=60))
def test_it_fits_and_reading_in_pieces_is_the_same(cells: int, cut: int, why: str) -> None:
    events = worlds.stepped("x#1", DECIDED, INTENT, ev.FlagFailed(intent=215, why=why, at=worlds.NOW))
    whole = followed(StepProgress(), events, 213)
    assert followed(followed(StepProgress(), events[:cut], 213), events[cut:], 213) == whole
    assert all(width(one) <= cells for one in step_progress(whole, WHEN, cells))
