"""Every kind of event has words, as a sentence and as a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rolloutctl.model import events as ev
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import Action
from rolloutctl.telling import because, clause, clauses, sentence, values

AT = datetime(2026, 1, 5, 11, 0, tzinfo=UTC)


def event(body: ev.Body) -> Event:
    return Event(7, AT, "ana.ruiz", "ops-1", "rollout/x#1", ev.KIND_OF[type(body)], 1, body, "{}", "", "")


@pytest.mark.parametrize(
    ("body", "said", "row"),
    [
        (ev.AdvanceRequested(to="five", why="all quiet."), "ana.ruiz asks to enter five: all quiet", "all quiet. · five"),
        (ev.RollbackRequested(why=""), "ana.ruiz asks to roll back", ""),
        (
            ev.BreachLatched(phase="five", criterion="errors", segment="voice", role="guardrail", why="beyond 1 %.", at=AT),
            "BREACH of errors · voice in phase five: beyond 1 %",
            "errors · voice · role guardrail · beyond 1 %. · five · attempt 0",
        ),
        (
            ev.DecisionMade(action=Action.ADVANCE, accepted=False, request=3, phase="five", reasons=("a.", "b."), at=AT),
            "advance → five refused: a; b",
            "advance · not accepted · request 3 · a.; b. · five",
        ),
        (ev.LeaseTaken(holder="ops-1:1", pid=1), "driven by ops-1:1", "holder ops-1:1"),
    ],
)
def test_an_event_in_words(body: ev.Body, said: str, row: str) -> None:
    assert sentence(event(body)) == said
    assert values(event(body)) == row


def test_sentences_are_joined_without_doubled_stops() -> None:
    assert because("held", "") == "held"
    assert because("held", "why.") == "held: why"
    assert clause("and so on ...") == "and so on ..."
    assert clauses(("one.", "two")) == "one; two"


def test_a_countdown_names_its_criterion_once_and_a_decision_of_its_own_no_request():
    reason = "errors · voice: 9 %, over the bound of 3 %"
    countdown = ev.CountdownStarted(criterion="errors", segment="voice", reason=reason, fires_at=AT, length=timedelta(seconds=60))
    assert values(event(countdown)).count("voice") == 1
    other = countdown.model_copy(update={"reason": "beyond 3 %"})
    assert values(event(other)).startswith("errors · voice · beyond 3 %")
    decided = ev.DecisionMade(action=Action.ADVANCE, accepted=True, request=0, phase="five", reasons=("READY",), at=AT)
    assert "request" not in values(event(decided))
    assert "request 7" in values(event(decided.model_copy(update={"request": 7})))
