"""A whole engine on real files and a real loop, with a flag server and a metrics source that tests script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

from rolloutctl.config import Config, Environment
from rolloutctl.engine.engine import Drives, Engine, EngineOptions
from rolloutctl.engine.view.snapshot import FleetSnapshot, RolloutSnapshot
from rolloutctl.engine.world.clock import SystemClock
from rolloutctl.engine.world.journal_thread import JournalThread
from rolloutctl.engine.world.world import SourceTimes, World
from rolloutctl.errors import ProviderUnreachable, SourceUnreachable
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.cohort import OFF, Cohort, CohortState, Target
from rolloutctl.model.outcome import (
    Applied,
    Capabilities,
    Change,
    Concurrency,
    ForeignEdit,
    Health,
    NativeRequest,
    Outcome,
    Unavailable,
    Unchanged,
    Unknown,
    Verification,
)
from rolloutctl.model.samples import Answer, Query, QueryKind, Samples, Series
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Author

PLAN = """
format = 1
name = "checkout"
owner = "ana"
[flag]
provider = "flags"
key = "checkout"
environment = "production"
[metrics]
source = "metrics"
canary = 'version="2"'
baseline = 'version="1"'
step = "1s"
max_sample_age = "10s"
[judge]
min_time = "0s"
[rollback]
on_breach = "ask"
countdown = "1s"
watch_after = "3s"
[[criteria]]
id = "queue"
type = "value"
expr = 'queue_length{$arm}'
test = "threshold"
max = 10
window = "1s"
breach_after = "1s"
[[phases]]
name = "five"
owner = "ana"
cohort = { percent = 5 }
bake = "1s"
deadline = "1h"
[[phases]]
name = "everyone"
owner = "ana"
cohort = { percent = 100 }
bake = "1s"
deadline = "1h"
"""


def state_of(cohort: Cohort, revision: int) -> CohortState:
    document = {"percent": str(cohort.percent), "audiences": list(cohort.audiences)}
    return CohortState(enabled=not cohort.off, cohort=cohort, native=json.dumps(document, sort_keys=True), token=str(revision))


CAPABILITIES = Capabilities(
    percent_step=Fraction(1),
    audiences=True,
    monotone=True,
    concurrency=Concurrency.DETECT,
    reason=False,
    event_log=True,
    verify="looks at what clients get",
    settle_time_s=0.0,
)


@dataclass
class ScriptedProvider:
    """A flag server in memory. `lose` decides for the next writes: request, answer; `down` refuses everything."""

    cohort: Cohort = OFF
    revision: int = 0
    writes: list[str] = field(default_factory=list)
    lose: list[str] = field(default_factory=list)
    down: bool = False
    clients_follow: bool = True
    slow_s: float = 0.0
    strangers: Sequence[ForeignEdit] = ()
    capabilities: Capabilities = CAPABILITIES

    def _up(self) -> None:
        if self.down:
            raise ProviderUnreachable("the flag server refuses the connection.")

    async def probe(self) -> Health:
        return Health(ok=not self.down, latency_s=0.0, text="scripted")

    async def read(self, target: Target) -> CohortState:
        self._up()
        return state_of(self.cohort, self.revision)

    async def plan(self, state: CohortState, want: Cohort, target: Target) -> Change:
        same = state.effective == want
        requests = () if same else (NativeRequest("PUT", f"/{target.key}", str(want)),)
        return Change(state=state, want=want, requests=requests, expected=state_of(want, 0).native)

    async def apply(self, change: Change, target: Target, key: str, reason: str) -> Outcome:
        if not change.requests:
            return Unchanged(change.state)
        return await self._write(change.want, key)

    async def _write(self, want: Cohort, key: str) -> Outcome:
        await SystemClock().sleep(self.slow_s)
        if self.down:
            return Unavailable("the flag server refuses the connection.")
        lost = self.lose.pop(0) if self.lose else ""
        if lost == "request":
            return Unknown("the connection was reset")
        if self.cohort != want:
            self.revision += 1
            self.writes.append(f"{want} {key}")
        self.cohort = want
        return Unknown("the connection was reset") if lost == "answer" else Applied(state_of(want, self.revision))

    async def off(self, target: Target, key: str, reason: str) -> Outcome:
        if not self.down and self.cohort == OFF and not self.lose:
            return Unchanged(state_of(OFF, self.revision))
        slow, self.slow_s = self.slow_s, 0.0
        try:
            return await self._write(OFF, key)
        finally:
            self.slow_s = slow

    async def restore(self, snapshot: CohortState, target: Target, key: str, reason: str) -> Outcome:
        return await self._write(snapshot.effective or OFF, key)

    async def verify(self, target: Target, want: Cohort) -> Verification:
        self._up()
        return Verification(seen=self.clients_follow and self.cohort == want, how=f"clients get {self.cohort}")

    async def history(self, target: Target, since: str) -> Sequence[ForeignEdit]:
        return self.strangers

    async def close(self) -> None:
        pass


@dataclass
class ScriptedSource:
    """Answers every grid query with `value` for every host; None: no series. `down` refuses, `hang_s` is how slow it is."""

    value: float | None = 1.0
    down: bool = False
    hang_s: float = 0.0
    fetches: int = 0

    async def probe(self) -> Health:
        return Health(ok=not self.down, latency_s=0.0, text="scripted")

    async def now(self) -> datetime:
        await SystemClock().sleep(self.hang_s)
        if self.down:
            raise SourceUnreachable("the metrics source refuses the connection.")
        return datetime.now(UTC)

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        self.fetches += 1
        await SystemClock().sleep(self.hang_s)
        return {query: self._answer(query) for query in queries}

    def _answer(self, query: Query) -> Answer:
        if self.value is None:
            return Samples(())
        step = query.step or 1.0
        times = tuple(query.start + i * step for i in range(max(0, int((query.end - query.start) / step + 1e-6)) + 1))
        values = times if query.kind is QueryKind.TIMESTAMP else tuple(self.value for _ in times)
        return Samples((Series((("instance", "a"),), times, values),))

    async def close(self) -> None:
        pass


@dataclass
class TestWorld:
    __test__ = False
    folder: Path
    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    source: ScriptedSource = field(default_factory=ScriptedSource)
    config: Config = field(
        default_factory=lambda: Config.model_validate(
            {"ui": {"interval": "200ms"}, "environments": {"production": Environment()}, "journal": {"lease": "2s"}}
        )
    )
    recorded: list[str] = field(default_factory=list)

    def world(self, actor: str = "ana") -> World:
        clock = SystemClock()

        def fallback(body: object) -> Path:
            self.recorded.append(type(body).__name__)
            return self.folder / "without-journal.jsonl"

        return World(
            config=self.config,
            journal=JournalThread(lambda: open_sqlite(self.folder / "journal.db", 0o600, clock.now)),
            sources={"metrics": self.source},
            providers={"flags": self.provider},
            clock=clock,
            time=SourceTimes(clock),
            author=Author(actor, "here"),
            fallback=fallback,
            scrub=lambda text: text,
        )

    def engine(self, *, drives: Drives = Drives.FREE, holder: str = "one", actor: str = "ana") -> Engine:
        self.snapshots: list[FleetSnapshot] = []
        return Engine(self.world(actor), EngineOptions(drives=drives, holder=holder), self.snapshots.append)


def plan(text: str = PLAN) -> Plan:
    return read_plan(text, "plan.toml")


async def until(engine: Engine, what: str, condition: object, within_s: float = 10.0) -> RolloutSnapshot:
    """Wait until the only rollout's snapshot meets `condition`; fails with what it last saw."""
    clock, deadline = SystemClock(), SystemClock().monotonic() + within_s
    snapshot = None
    while clock.monotonic() < deadline:
        await engine.sync()
        rollouts = engine.snapshot().rollouts
        if rollouts:
            snapshot = rollouts[0]
            if condition(snapshot):  # type: ignore[operator]
                return snapshot
        await clock.sleep(0.05)
    seen = (
        "nothing"
        if snapshot is None
        else f"{snapshot.state.status} {snapshot.state.step} {snapshot.next} {snapshot.errors} {snapshot.phase_verdict}"
    )
    msg = f"not within {within_s} s: {what}; last: {seen}"
    raise AssertionError(msg)


__all__ = ["PLAN", "ScriptedProvider", "ScriptedSource", "TestWorld", "plan", "timedelta", "until"]
