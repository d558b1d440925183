"""The integration map and what the config keeps a person from: as views get them in a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rolloutctl.config import Config
from rolloutctl.engine.engine import Drives
from rolloutctl.engine.looking.parts import Parts
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.snapshot import PartHealth
from rolloutctl.model.kinds import Action
from rolloutctl.model.outcome import Health

from .worlds import PLAN, TestWorld, plan, until

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CONFIG = {
    "journal": {"url": "sqlite:///j.db", "lease": "20s"},
    "sources": {
        "metrics": {
            "type": "prometheus",
            "url": "https://prometheus.example.com",
            "auth": {"type": "bearer", "token": {"env": "PROMETHEUS_TOKEN"}},
            "max_series": 1500,
        }
    },
    "providers": {
        "flags": {
            "type": "unleash",
            "url": "https://unleash.example.com",
            "auth": {"type": "token", "token": {"env": "UNLEASH_TOKEN"}},
            "settle_time": "7s",
        }
    },
}


def parts(tmp_path: Path) -> Parts:
    return Parts(TestWorld(tmp_path, config=Config.model_validate(CONFIG)).world())


def test_what_is_told_is_the_kind_of_a_credential_and_never_where_it_is(tmp_path: Path) -> None:
    told = parts(tmp_path)
    source = dict(told.seen(PartHealth("metrics", "source", None, None)).told)
    assert source["auth"] == "bearer"
    assert source["address"] == "https://prometheus.example.com"
    assert "1,500 series" in source["limits"]
    provider = dict(told.seen(PartHealth("flags", "provider", None, None)).told)
    assert provider["auth"] == "admin API token"
    assert "within 7s" in provider["limits"]
    journal = dict(told.seen(PartHealth("journal", "journal", None, None)).told)
    assert "20s" in journal["limits"]
    assert "TOKEN" not in str([source, provider, journal])


def test_a_failure_is_remembered_when_it_is_over(tmp_path: Path) -> None:
    told = parts(tmp_path)
    fine, broken = Health(ok=True, latency_s=0.1, text="fine"), Health(ok=False, latency_s=0.1, text="refused")
    assert told.seen(PartHealth("metrics", "source", fine, AT)).failure == ""
    assert told.seen(PartHealth("metrics", "source", broken, AT)).failure == "refused"
    after = told.seen(PartHealth("metrics", "source", fine, datetime.now(UTC)))
    assert (after.failure, after.failed_at) == ("refused", AT)
    assert told.seen(PartHealth("flags", "provider", fine, AT)).failure == "", "each has its own"


async def test_what_the_environment_forbids_is_in_the_snapshot(tmp_path: Path) -> None:
    world = TestWorld(tmp_path)
    world.config = Config.model_validate(
        {
            "ui": {"interval": "200ms"},
            "operators": {"ana": {"role": "operator"}},
            "environments": {"production": {"write": "approver"}},
        }
    )
    sealing = TestWorld(tmp_path).world()
    await seal(sealing, plan(PLAN), PLAN, adopt=False)
    engine = world.engine(drives=Drives.NONE)
    try:
        await engine.start()
        seen = await until(engine, "a snapshot", lambda snapshot: snapshot.flag.state is not None)
        assert "only an approver changes production" in seen.refused[Action.ADVANCE]
        assert Action.ROLLBACK not in seen.refused
        assert Action.HOLD not in seen.refused
        fleet = engine.snapshot()
        assert {part.kind for part in fleet.parts} == {"source", "provider", "journal"}
    finally:
        await engine.stop()
        await engine.close()
        await sealing.journal.call(lambda journal: journal.close())
