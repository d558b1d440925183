"""The way back on a rollout's screen: how far it is proved, and that the glass was broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rolloutctl.model.rehearsal import RehearsalState, Standing
from rolloutctl.model.state import BrokenGlass
from rolloutctl.policy.facts import Proof
from rolloutctl.runbook.model import Policy
from rolloutctl.tui.draw import rollout
from rolloutctl.tui.draw.ink import Ink, page, plain

from . import worlds
from .test_draw import WHEN


def proof(state: RehearsalState, policy: Policy) -> Proof:
    return Proof("kill", policy, Standing(state, timedelta(minutes=5), timedelta(days=30), age=timedelta(days=12)))


@pytest.mark.parametrize(
    ("state", "policy", "ends", "ink"),
    [
        (RehearsalState.REHEARSED, Policy.BLOCK, "kill REHEARSED 12 d ago ✔", Ink.PLAIN),
        (RehearsalState.ADAPTER_CHANGED, Policy.BLOCK, "kill ADAPTER CHANGED 12 d ago ✖", Ink.BAD),
        (RehearsalState.STALE, Policy.WARN, "kill STALE 12 d ago ⚠", Ink.WARN),
        (RehearsalState.NEVER, Policy.OFF, "kill NEVER 12 d ago ⚠", Ink.DIM),
    ],
)
def test_how_far_it_is_proved_is_said_beside_what_a_rollback_does(
    state: RehearsalState, policy: Policy, ends: str, ink: Ink
) -> None:
    shown = rollout.rollback(replace(worlds.rollout(), proof=proof(state, policy)))
    assert plain(shown).endswith(ends)
    assert shown[-2].ink is ink


def test_without_a_runbook_nothing_is_said() -> None:
    assert "REHEARSED" not in plain(rollout.rollback(worlds.rollout()))


def test_what_cannot_be_told_says_why() -> None:
    unknown = replace(worlds.rollout(), proof=Proof("kill", Policy.BLOCK, None, trouble="the sealed runbook cannot be read"))
    assert "kill the sealed runbook cannot be read ✖" in plain(rollout.rollback(unknown))


@pytest.mark.parametrize("cells", [60, 120])
def test_broken_glass_is_red_even_when_it_is_all_over(cells: int) -> None:
    one = worlds.rolled_back()
    at = datetime(2026, 1, 5, tzinfo=UTC)
    broken = tuple(BrokenGlass(phase, "ana", "INC-7", at) for phase in ("five", "all"))
    lines = rollout.errors(replace(one, state=replace(one.state, broken_glass=broken)), WHEN, cells)
    assert "glass broken for all by ana: INC-7 (and 1 more)" in " ".join(page(lines).split())
    assert {part.ink for part in lines[0]} == {Ink.BAD}
