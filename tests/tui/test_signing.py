"""Dialogs say as whom a decision is made, and the screen shows that the plan was amended."""

from __future__ import annotations

from datetime import UTC, datetime

from rolloutctl.model.events import KIND_OF, Event, PlanAmended
from rolloutctl.model.kinds import GENESIS
from rolloutctl.tui.draw.ink import Line
from rolloutctl.tui.draw.rollout import title
from rolloutctl.tui.draw.signing import signed_as

from . import worlds

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def text(*lines: Line) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)


def amendment(why: str) -> Event:
    body = PlanAmended(
        request=3,
        by="ben.okafor",
        why=why,
        title="t",
        owner="ana",
        was_digest="0" * 64,
        plan_digest="1" * 64,
        plan_blob="2" * 64,
        changes=("phases.five.bake: 1h → 2h",),
        at=AT,
    )
    return Event(9, AT, "driver", "h", "rollout/x#1", KIND_OF[PlanAmended], 1, body, "", GENESIS, "")


def test_with_a_key_the_dialog_names_it_and_without_one_it_says_so() -> None:
    assert text(*signed_as(None, 80)) == ""
    assert "with the key SHA256:abc" in text(*signed_as(worlds.fleet(signs_with="SHA256:abc"), 80))
    assert "unauthenticated" in text(*signed_as(worlds.fleet(), 80))


def test_the_newest_amendment_and_how_many_there_are() -> None:
    plan = worlds.plan()
    once = worlds.rollout(plan, worlds.state(plan, amendments=(amendment("quieter"),)))
    assert "amended by ben.okafor: quieter" in text(title(once, 200))
    twice = worlds.rollout(plan, worlds.state(plan, amendments=(amendment("quieter"), amendment("louder"))))
    assert "amended 2× by ben.okafor: louder" in text(title(twice, 200))
    assert "amended" not in text(title(worlds.rollout(plan), 200))
