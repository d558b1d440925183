"""A flag is not read again while the provider's log of changes stands still, and is whenever anything is in doubt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.worlds import PLAN, ScriptedProvider, TestWorld, plan, state_of, until
from rolloutctl.engine.engine import Drives
from rolloutctl.engine.looking.unchanged import WHOLE_AGAIN_S, seen_again, unchanged
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.snapshot import FlagReading
from rolloutctl.engine.world.observations import Observations
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.errors import ProviderUnreachable
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.state import RolloutState

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
FIVE = state_of(Cohort(percent=5), 1)


@dataclass
class LoggingProvider(ScriptedProvider):
    """Tells its newest change, as long as it has a log."""

    has_log: bool = True
    log_down: bool = False
    reads: list[int] = field(default_factory=list)

    async def read(self, target: Target) -> CohortState:
        self.reads.append(self.revision)
        return await super().read(target)

    async def newest_change(self) -> str:
        if self.log_down:
            raise ProviderUnreachable("the log does not answer.")
        return str(self.revision) if self.has_log else ""


@pytest.fixture
async def state(tmp_path: Path) -> RolloutState:
    world = TestWorld(tmp_path).world()
    sealed = await seal(world, plan(), PLAN, adopt=False)
    world.journal.close()
    return sealed


def record(state: RolloutState, read_s_ago: float = 0.0, **changed: object) -> RolloutRecord:
    read = NOW - timedelta(seconds=read_s_ago)
    observed = Observations(flag=FlagReading(FIVE, read), flag_change=state.settled_seq, flag_revision="7", flag_read_whole=read)
    return RolloutRecord(plan=plan(), state=state, stream="rollout/checkout/1", observed=replace(observed, **changed))


async def test_the_same_revision_means_the_same_flag(state: RolloutState) -> None:
    known = record(state, 20)
    assert unchanged([known], "7", NOW, 15) == [known]
    seen_again(known, NOW)
    assert known.observed.flag.read_at == NOW
    assert known.observed.flag_read_whole == NOW - timedelta(seconds=20)


@pytest.mark.parametrize("revision", ["", "8"])
async def test_another_revision_or_none_tells_nothing(state: RolloutState, revision: str) -> None:
    assert unchanged([record(state)], revision, NOW, 15) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"flag": FlagReading(None, None)},
        {"flag": FlagReading(FIVE, NOW, error="it did not answer")},
        {"flag_change": 99},
        {"flag_revision": ""},
    ],
)
async def test_a_reading_in_doubt_is_read_again(state: RolloutState, changed: dict[str, object]) -> None:
    assert unchanged([record(state, **changed)], "7", NOW, 15) == []


async def test_old_readings_are_renewed_a_few_at_a_time(state: RolloutState) -> None:
    fifty = [replace_id(record(state, WHOLE_AGAIN_S / 2), number) for number in range(50)]
    kept = unchanged(fifty, "7", NOW, 15)
    assert 50 - len(kept) == 5, "50 within the half that is left, which is ten looks"
    assert unchanged([record(state, WHOLE_AGAIN_S / 2 - 1)], "7", NOW, 15) != []
    assert unchanged([record(state, WHOLE_AGAIN_S)], "7", NOW, WHOLE_AGAIN_S) == []


def replace_id(of: RolloutRecord, number: int) -> RolloutRecord:
    return RolloutRecord(of.plan, replace(of.state, attempt=number), of.stream, of.observed)


async def test_flags_are_read_once_and_again_after_somebody_elses_change(tmp_path: Path) -> None:
    provider = LoggingProvider()
    test = TestWorld(tmp_path, provider=provider)
    engine = test.engine(drives=Drives.NONE)
    await seal(engine.world, plan(), PLAN, adopt=False)
    await engine.start()
    try:
        await until(engine, "it is read", lambda seen: seen.flag.read_at is not None)
        first = engine.snapshot().rollouts[0].flag.read_at
        reads = len(provider.reads)
        await until(engine, "it counts as read again", lambda seen: seen.flag.read_at > first + timedelta(seconds=0.5))
        assert len(provider.reads) == reads, "nothing was changed, so nothing was read"
        provider.cohort, provider.revision = Cohort(percent=50), provider.revision + 1
        await until(engine, "the change is seen", lambda seen: seen.flag.state.cohort == Cohort(percent=50))
        provider.log_down = True
        reads = len(provider.reads)
        await until(engine, "it is read without the log", lambda _: len(provider.reads) > reads + 1)
    finally:
        await engine.stop()
        await engine.close()
