"""Numbers of adapters and alerts in a running engine: recorded by who drives, seen by all, latched, and gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rolloutctl.engine.engine import Drives, Engine
from rolloutctl.engine.evidence.replaying import replay
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.errors import ExitCode
from rolloutctl.model.events import BreachLatched, SampleRecorded, VerdictChanged
from rolloutctl.model.exchange import Answered, Exchange, NotSent, Request
from rolloutctl.model.samples import Answer, Query, QueryKind, Samples, Series
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import State
from rolloutctl.ports import Journal

from .worlds import PLAN, ScriptedSource, TestWorld, plan, until

GOLDEN = """
[[criteria]]
id = "golden"
type = "http"
adapter = "evals"
path = "/suites/golden"
query = { version = "2" }
value = "result.score"
every = "1s"
test = "threshold"
min = 0.9
window = "1s"
breach_after = "1s"
[[phases]]
name = "five"
"""
WITH_GOLDEN = PLAN.replace('[[phases]]\nname = "five"\n', GOLDEN)
WITH_TRIGGER = PLAN.replace("[[phases]]", '[[triggers]]\nalert = "BudgetBurn"\n[[phases]]', 1).replace('"ask"', '"auto"')


@dataclass
class Scripted:
    """An adapter that answers with `score`; None: it is down."""

    score: Any = 0.95
    asked: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Exchange:
        self.asked.append(request)
        if self.score is None:
            return NotSent("connection refused")
        return Answered(200, {}, {"result": {"score": self.score}}, "")

    async def close(self) -> None:
        pass


@dataclass
class Alerting(ScriptedSource):
    """Evaluates one rule; `firing` since then (Unix s)."""

    firing: float | None = None
    rule: bool = True

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        assert all(query.kind.of_source for query in queries)
        found = dict(await super().fetch(queries))
        now = datetime.now(UTC).timestamp()
        for query in queries:
            if query.kind is QueryKind.RULE:
                labels = (("__health__", "ok"), ("__name__", "RULE"), ("alertname", query.text))
                found[query] = Samples((Series(labels, (now,), (1.0,)),) if self.rule else ())
            elif query.kind is QueryKind.ANNOUNCED:
                found[query] = Samples(())
            elif query.text.startswith("ALERTS"):
                labels = (("__name__", "ALERTS"), ("alertname", "BudgetBurn"), ("alertstate", "firing"))
                found[query] = Samples((Series(labels, (self.firing,), (1.0,)),) if self.firing is not None else ())
        return found


def engine_of(world: TestWorld, adapter: Scripted, *, drives: Drives = Drives.FREE, holder: str = "one") -> Engine:
    engine = world.engine(holder=holder, drives=drives)
    engine.world.adapters = {"evals": adapter}
    return engine


async def begin(engine: Engine, text: str) -> None:
    await seal(engine.world, plan(text), text, adopt=False)
    await engine.start()
    await until(engine, "read", lambda s: s.flag.read_at is not None)
    reply = await engine.command(Command(CommandKind.ADVANCE, "checkout#1", to="five"))
    assert reply.code is ExitCode.OK, reply


async def end(*engines: Engine) -> None:
    for engine in engines:
        await engine.stop()
        await engine.close()


async def recorded(engine: Engine) -> list[SampleRecorded]:
    events = await engine.world.journal.call(lambda journal: journal.read("rollout/checkout#1"))
    return [event.body for event in events if isinstance(event.body, SampleRecorded)]


async def replayed(engine: Engine) -> int:
    """Every verdict in the journal, judged again from its evidence; how many there are."""

    def again(journal: Journal) -> int:
        events = journal.read("rollout/checkout#1")
        kept = [event.seq for event in events if isinstance(event.body, VerdictChanged | BreachLatched) and event.body.blob]
        for seq in kept:
            assert replay(journal, seq).differences == ()
        return len(kept)

    return await engine.world.journal.call(again)


async def test_what_an_adapter_says_is_journalled_judged_and_seen_by_others(tmp_path: Path) -> None:
    world, adapter, idle = TestWorld(tmp_path), Scripted(), Scripted()
    driver = engine_of(world, adapter)
    watcher = engine_of(world, idle, drives=Drives.NONE, holder="two")
    try:
        await begin(driver, WITH_GOLDEN)
        await until(driver, "ready", lambda s: s.state.step is Step.READY)
        await watcher.start()
        seen = await until(watcher, "seen", lambda s: any(v.criterion == "golden" and v.state is State.PASS for v in s.verdicts))
        assert idle.asked == [], "who does not drive does not ask"
        golden = next(v for v in seen.verdicts if v.criterion == "golden")
        assert golden.evidence.canary == 0.95
        assert adapter.asked[0] == Request("GET", "/suites/golden", (("version", "2"),))
        bodies = await recorded(driver)
        assert (bodies[0].criterion, bodies[0].canary, bodies[0].baseline, bodies[0].phase) == ("golden", "0.95", "", "five")
        assert len(bodies) < len(driver.snapshot().rollouts[0].verdicts) * 20
    finally:
        await end(watcher, driver)


async def test_a_bad_number_is_a_breach_and_a_silent_endpoint_records_nothing(tmp_path: Path) -> None:
    world, adapter = TestWorld(tmp_path), Scripted(score=None)
    engine = engine_of(world, adapter)
    try:
        await begin(engine, WITH_GOLDEN.replace('"ask"', '"auto"'))
        found = await until(engine, "no data", lambda s: any(v.state is State.NO_DATA for v in s.verdicts))
        assert [v.criterion for v in found.verdicts if v.state is State.NO_DATA] == ["golden"]
        assert await recorded(engine) == []
        adapter.score = 0.5
        await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK, within_s=30)
        assert (await recorded(engine))[0].canary == "0.5"
        assert await replayed(engine) >= 3
    finally:
        await end(engine)


async def test_a_driver_that_takes_over_goes_on_with_what_was_recorded(tmp_path: Path) -> None:
    world, first, second = TestWorld(tmp_path), Scripted(), Scripted(score=None)
    one = engine_of(world, first)
    await begin(one, WITH_GOLDEN)
    await until(one, "ready", lambda s: s.state.step is Step.READY)
    await end(one)
    two = engine_of(world, second, holder="two")
    try:
        await two.start()
        seen = await until(two, "judged", lambda s: any(v.criterion == "golden" for v in s.verdicts))
        assert next(v for v in seen.verdicts if v.criterion == "golden").state is State.PASS
    finally:
        await end(two)


async def test_an_alert_that_fires_rolls_back_from_a_phase_that_was_ready(tmp_path: Path) -> None:
    source = Alerting()
    world = TestWorld(tmp_path, source=source)
    engine = engine_of(world, Scripted())
    try:
        await begin(engine, WITH_TRIGGER)
        ready = await until(engine, "ready", lambda s: s.state.step is Step.READY)
        assert {v.criterion for v in ready.verdicts} == {"queue", "BudgetBurn"}
        source.firing = datetime.now(UTC).timestamp()
        ended = await until(engine, "rolled back", lambda s: s.state.status is Status.ROLLED_BACK)
        assert "BudgetBurn" in ended.state.rollback_why
        assert await replayed(engine) >= 3
    finally:
        await end(engine)


async def test_a_rule_that_nobody_evaluates_holds_after_the_grace(tmp_path: Path) -> None:
    world = TestWorld(tmp_path, source=Alerting(rule=False))
    engine = engine_of(world, Scripted())
    try:
        await begin(engine, WITH_TRIGGER.replace('min_time = "0s"', 'min_time = "0s"\ngrace = 2'))
        held = await until(engine, "held", lambda s: bool(s.state.holds))
        assert "BudgetBurn" in held.state.holds[0].reason
        assert held.state.step is not Step.READY
        assert await replayed(engine) >= 1
    finally:
        await end(engine)
