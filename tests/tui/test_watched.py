"""Alerts and triggers on the screen: their row, and their page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.model.verdict import Cell, Evidence, State, Verdict
from rolloutctl.tui.draw import criteria, explain
from rolloutctl.tui.draw.ink import Line
from rolloutctl.tui.draw.when import When
from tui import worlds

WHEN = When(worlds.NOW, None)
ALERT = "CheckoutErrorBudgetBurn"


def text(lines: tuple[Line, ...]) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)


def watching(state: State, firing: float) -> tuple[RolloutSnapshot, Verdict]:
    of = worlds.plan(triggers=[{"alert": ALERT, "labels": {"service": "checkout"}, "role": "signal"}])
    cells = (Cell(worlds.NOW.timestamp(), firing, None, 0.0, firing > 0),)
    verdict = Verdict(ALERT, "", state, "the alert fires.", "Nothing.", evidence=Evidence(canary=firing, bound=0.0, cells=cells))
    shown = worlds.rollout(of)
    return replace(shown, verdicts=(verdict, *shown.verdicts)), verdict


@pytest.mark.parametrize(("state", "firing", "said"), [(State.BREACH, 2.0, "2 firing"), (State.PASS, 0.0, "quiet")])
@pytest.mark.parametrize("width", [76, 116])
def test_an_alert_has_a_row_like_a_criterion(state: State, firing: float, said: str, width: int) -> None:
    rollout, verdict = watching(state, firing)
    columns = criteria.columns(width, rollout)
    row = text(criteria.row(rollout, verdict, columns, WHEN).cells)
    assert ALERT[:10] in row
    assert said in row
    assert "not firing" in row


def test_its_page_says_what_must_not_fire_and_that_a_trigger_watches_it() -> None:
    rollout, verdict = watching(State.BREACH, 1.0)
    page = text(explain.explain(rollout, verdict, (), WHEN, 100))
    assert f'{ALERT} must not fire with service="checkout"' in page
    assert "watched in every phase; it is no exit criterion of this phase" in page
    assert "1 firing" in page
    other = text(explain.explain(rollout, rollout.verdicts[1], (), WHEN, 100))
    assert "watched in every phase" not in other
