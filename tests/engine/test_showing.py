"""A snapshot is made anew when something of the rollout has changed, and is the same object while nothing has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.worlds import PLAN, TestWorld, plan, state_of
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.showing.newest import CALM_S, Showing
from rolloutctl.engine.view.snapshot import FlagReading
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.model.cohort import OFF
from rolloutctl.model.kinds import HoldKind
from rolloutctl.model.state import Hold


@dataclass
class HandClock:
    at: datetime = datetime(2026, 1, 5, 10, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
async def shown(tmp_path: Path) -> tuple[World, HandClock, RolloutRecord, Showing]:
    world = TestWorld(tmp_path).world()
    state = await seal(world, plan(), PLAN, adopt=False)
    world.journal.close()
    clock = HandClock()
    world = replace(world, clock=clock, time=replace(world.time, clock=clock))
    return world, clock, RolloutRecord(plan(), state, "rollout/checkout/1"), Showing(world, "ana")


async def test_nothing_changed_is_the_same_object(shown: tuple[World, HandClock, RolloutRecord, Showing]) -> None:
    _, clock, record, showing = shown
    first = showing.of(record)
    assert not showing.counts
    await clock.sleep(CALM_S - 1)
    assert showing.of(record) is first
    await clock.sleep(CALM_S)
    assert showing.of(record) is first, "looked at anew, and nothing else was found"


async def test_what_was_observed_is_shown_at_once(shown: tuple[World, HandClock, RolloutRecord, Showing]) -> None:
    _, clock, record, showing = shown
    first = showing.of(record)
    reading = FlagReading(state_of(OFF, 1), clock.now())
    record.observed = replace(record.observed, flag=reading)
    assert showing.of(record).flag is reading
    record.trouble = "the disk is full"
    assert "the disk is full" in showing.of(record).errors
    record.trouble = ""
    assert showing.of(record).errors == first.errors


async def test_a_reading_that_went_stale_is_found_without_any_change(
    shown: tuple[World, HandClock, RolloutRecord, Showing],
) -> None:
    _, clock, record, showing = shown
    record.observed = replace(
        record.observed, flag=FlagReading(state_of(OFF, 1), clock.now()), flag_change=record.state.settled_seq
    )
    first = showing.of(record)
    await clock.sleep(90)
    assert showing.of(record) != first


async def test_words_that_count_seconds_move(shown: tuple[World, HandClock, RolloutRecord, Showing]) -> None:
    _, clock, record, showing = shown
    hold = Hold(by=HoldKind.PERSON, code="person", reason="lunch", since=clock.now(), actor="ana", seq=9)
    record.state = replace(record.state, holds=(hold,))
    first = showing.of(record)
    assert showing.counts
    await clock.sleep(1)
    assert showing.of(record).next != first.next
