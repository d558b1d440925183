"""A runner on ports in memory: servers that count what they did, a journal that is a list, and death at any moment.

`Rig.die_at` kills the process at the n-th boundary: before or after a journal write, before or after a request. What had
reached a server or the journal by then stays; nothing else does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from engine.worlds import CAPABILITIES, state_of
from rolloutctl.errors import ProviderUnreachable
from rolloutctl.model import outcome as out
from rolloutctl.model.cohort import OFF, Cohort, CohortState, Target
from rolloutctl.model.events import KIND_OF, Body, Event, body_json, parse_body
from rolloutctl.model.exchange import Answered, Exchange, NoAnswer, NotSent, Request, Trouble
from rolloutctl.model.message import Delivery, Ending, Message
from rolloutctl.model.run import RunState, fold_run
from rolloutctl.model.run_events import ListedStep, RunCreated
from rolloutctl.model.run_words import RunMode
from rolloutctl.model.samples import Answer as SourceAnswer
from rolloutctl.model.samples import Query, QueryKind, Samples, Series
from rolloutctl.runbook.digest import exec_digest
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.read import read_runbook
from rolloutctl.runner.action import Answer, Said
from rolloutctl.runner.deeds import Workshop
from rolloutctl.runner.facts import Crew
from rolloutctl.runner.runner import Left, Runner
from rolloutctl.runner.tools import Asked, Stopping, Task, Tools

RUN = "kill-1"
TARGET = Target(provider="flags", key="ranker", environment="staging", project="default")
START = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


class Died(BaseException):
    """The process was killed."""


@dataclass
class FakeClock:
    at_s: float = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.at_s)

    def monotonic(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += max(seconds, 0.0)
        await asyncio.sleep(0)


Fault = Callable[[Request], Exchange | None]


@dataclass
class Server:
    """The cache, the pager and the Alertmanager behind one adapter."""

    point: Callable[[], None]
    generation: str = "canary"
    effects: list[tuple[str, str]] = field(default_factory=list)
    """Key and what was done, in order: reads leave no trace."""
    sent: list[Request] = field(default_factory=list)
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[tuple[str, Callable[[Server, Request], Exchange | None]]] = field(default_factory=list)
    """For the next request whose method and path hold the text: what comes instead of the answer, None: the answer itself."""

    async def send(self, request: Request) -> Exchange:
        self.point()
        self.sent.append(request)
        for index, (text, fault) in enumerate(self.faults):
            if text in str(request):
                del self.faults[index]
                ended = fault(self, request)
                if ended is not None:
                    self.point()
                    return ended
                break
        answered = self.act(request)
        self.point()
        return answered

    def act(self, request: Request) -> Answered:
        body = json.loads(request.body) if request.body else {}
        if request.method not in {"GET", "HEAD"}:
            self.effects.append((request.key, str(request)))
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["generation", _]:
                return answered(200, {"generation": self.generation})
            case "PUT", ["generation", _]:
                self.generation = body["generation"]
                return answered(200, {"generation": self.generation})
            case "POST", ["page"]:
                return answered(202, {})
            case "GET", ["api", "v2", "silences"]:
                return answered(200, list(self.silences.values()))
            case "POST", ["api", "v2", "silences"]:
                made = f"silence-{len(self.silences) + 1}"
                self.silences[made] = {"id": made, "comment": body["comment"], "status": {"state": "active"}}
                return answered(200, {"silenceID": made})
            case "DELETE", ["api", "v2", "silence", made]:
                self.silences[made]["status"]["state"] = "expired"
                return answered(200, {})
            case _:
                return answered(404, {"message": "nothing here"})

    async def close(self) -> None:
        pass


def answered(status: int, document: Any, *, retry_after_s: float | None = None) -> Answered:
    text = json.dumps(document)
    return Answered(status, {}, document, text, text.encode(), retry_after_s=retry_after_s)


def lost_request(_: Server, request: Request) -> Exchange:
    return NoAnswer(f"{request}: the connection broke", Trouble.RESET)


def lost_answer(server: Server, request: Request) -> Exchange:
    server.act(request)
    return NoAnswer(f"{request}: no whole answer within 2 s", Trouble.TIMEOUT)


def refused(_: Server, request: Request) -> Exchange:
    return NotSent(f"{request}: cannot connect", Trouble.CONNECT)


def status(code: int, document: Any = None, *, acts: bool = False) -> Callable[[Server, Request], Exchange]:
    def fault(server: Server, request: Request) -> Exchange:
        if acts:
            server.act(request)
        return answered(code, document if document is not None else {"message": f"says {code}"})

    return fault


@dataclass
class Flags:
    """A flag server in memory."""

    point: Callable[[], None]
    cohort: Cohort = field(default_factory=lambda: Cohort(percent=Fraction(100)))
    revision: int = 1
    effects: list[tuple[str, str]] = field(default_factory=list)
    lose: list[str] = field(default_factory=list)
    """For the next writes: "request", "answer", "down", or empty."""
    unreadable: int = 0
    """So many reads fail."""
    capabilities: out.Capabilities = CAPABILITIES

    async def probe(self) -> out.Health:
        return out.Health(ok=True, latency_s=0.0, text="scripted")

    async def read(self, target: Target) -> CohortState:
        self.point()
        if self.unreadable:
            self.unreadable -= 1
            raise ProviderUnreachable("the flag server does not answer.")
        return state_of(self.cohort, self.revision)

    async def plan(self, state: CohortState, want: Cohort, target: Target) -> out.Change:
        requests = () if state.effective == want else (out.NativeRequest("PUT", f"/{target.key}", str(want)),)
        return out.Change(state=state, want=want, requests=requests, expected=state_of(want, 0).native)

    async def apply(self, change: out.Change, target: Target, key: str, reason: str) -> out.Outcome:
        return await self._write(change.want, key) if change.requests else out.Unchanged(change.state)

    async def off(self, target: Target, key: str, reason: str) -> out.Outcome:
        return await self._write(OFF, key)

    async def restore(self, snapshot: CohortState, target: Target, key: str, reason: str) -> out.Outcome:
        return await self._write(snapshot.effective or OFF, key)

    async def _write(self, want: Cohort, key: str) -> out.Outcome:
        self.point()
        lost = self.lose.pop(0) if self.lose else ""
        if lost == "down":
            return out.Unavailable("it refuses the connection")
        if lost == "request":
            return out.Unknown("the connection was reset")
        changed = self.cohort != want
        if changed:
            self.revision += 1
            self.effects.append((key, str(want)))
            self.cohort = want
        self.point()
        if lost == "answer":
            return out.Unknown("no answer within 2 s")
        return (out.Applied if changed else out.Unchanged)(state_of(want, self.revision))

    async def verify(self, target: Target, want: Cohort) -> out.Verification:
        return out.Verification(seen=self.cohort == want, how="scripted")

    async def history(self, target: Target, since: str) -> Sequence[out.ForeignEdit]:
        return ()

    async def close(self) -> None:
        pass


@dataclass
class Metrics:
    """Every expression has `value`; an expression with "guard" has `guard`."""

    point: Callable[[], None]
    clock: FakeClock
    value: float | None = 0.0
    guard: float = 500.0
    age_s: float = 0.0
    answers: list[SourceAnswer] = field(default_factory=list)
    """For the next fetches: this to every query."""
    firing: bool = False
    rule: bool = True

    async def probe(self) -> out.Health:
        return out.Health(ok=True, latency_s=0.0, text="scripted")

    async def now(self) -> datetime:
        return self.clock.now()

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, SourceAnswer]:
        self.point()
        if self.answers:
            return dict.fromkeys(queries, self.answers.pop(0))
        return {query: self._answer(query) for query in queries}

    def _answer(self, query: Query) -> SourceAnswer:
        if query.kind is QueryKind.RULE:
            return one((query.end,), (15.0,)) if self.rule else Samples(())
        if query.kind is QueryKind.ANNOUNCED:
            return Samples(())
        if "ALERTS" in query.text:
            return one((query.end,), (1.0,)) if self.firing else Samples(())
        if self.value is None:
            return Samples(())
        value = self.guard if "guard" in query.text else self.value
        return one((query.end,), (query.end - self.age_s if query.kind is QueryKind.TIMESTAMP else value,))

    async def close(self) -> None:
        pass


def one(times: tuple[float, ...], values: tuple[float, ...]) -> Samples:
    return Samples((Series((), times, values),))


@dataclass
class Pager:
    point: Callable[[], None]
    messages: list[Message] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)

    async def notify(self, message: Message) -> Delivery:
        self.point()
        self.messages.append(message)
        self.point()
        ending = self.endings.pop(0) if self.endings else Ending.TAKEN
        return Delivery(ending, "as it was told", 1, 0.0)

    async def close(self) -> None:
        pass


@dataclass
class Script:
    """A person who says what the test says, in order; then nobody."""

    says: list[Said] = field(default_factory=list)
    heard: list[Asked | Task] = field(default_factory=list)

    async def ask(self, asked: Asked) -> Said:
        self.heard.append(asked)
        return self.says.pop(0) if self.says else Said(Answer.NOBODY)

    async def do(self, task: Task) -> Said:
        self.heard.append(task)
        return self.says.pop(0) if self.says else Said(Answer.NOBODY)


class Quiet:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def saw(self, event: Event, state: RunState) -> None:
        pass

    def note(self, step: str, text: str) -> None:
        self.notes.append(f"{step}: {text}")


class Rig:
    def __init__(self, text: str, mode: RunMode = RunMode.LIVE, *, confirmed: bool = False) -> None:
        self.runbook: Runbook = read_runbook(text, "test.toml")
        self.clock = FakeClock()
        self.points = 0
        self.die_at = 0
        self.dead = False
        self.server = Server(self.point)
        self.flags = Flags(self.point)
        self.metrics = Metrics(self.point, self.clock)
        self.pager = Pager(self.point)
        self.people = Script()
        self.watcher = Quiet()
        self.stopping = Stopping()
        self.events: list[Event] = []
        self._write(self._created(mode, confirmed=confirmed))

    def point(self) -> None:
        self.points += 1
        self.dead = self.dead or self.points == self.die_at
        if self.dead:
            raise Died

    async def commit(self, body: Body) -> Event:
        self.point()
        event = self._write(body)
        self.point()
        return event

    def _write(self, body: Body) -> Event:
        kind, text, seq = KIND_OF[type(body)], body_json(body), len(self.events) + 1
        _, parsed = parse_body(kind, text, seq)
        event = Event(seq, self.clock.now(), "ana", "here", f"run/{RUN}", kind, 1, parsed, text, "", "")
        self.events.append(event)
        return event

    def _created(self, mode: RunMode, *, confirmed: bool) -> RunCreated:
        book, now = self.runbook, self.clock.now()
        return RunCreated(
            run=RUN,
            mode=mode,
            runbook=book.id,
            exec_digest=exec_digest(book),
            adapter_digest="",
            environment="staging",
            target=TARGET,
            steps=tuple(
                ListedStep(id=s.id, section=where, type=s.type, critical=s.critical, effect=s.has_effect)
                for _, where, s in book.placed()
            ),
            objective=book.objective.time_to_rollback,
            start=book.objective.start,
            stop=book.objective.stop,
            confirmed=confirmed,
            decided_at=now,
            at=now,
        )

    @property
    def state(self) -> RunState:
        state = fold_run(self.events)
        assert state is not None
        return state

    def place(self, step: str) -> str:
        run = self.state.step(step)
        assert run is not None
        return run.forward.place.value

    def runner(self, crew: Crew = Crew.NOBODY, *, yes: bool = True, undoing: bool = False, giving_up: str = "") -> Runner:
        async def head() -> tuple[int, str]:
            return len(self.events), "f" * 64

        self.stopping = Stopping()
        tools = Tools(
            adapters={"cache": self.server},
            alertmanagers={"metrics": self.server},
            sources={"metrics": self.metrics},
            providers={"flags": self.flags},
            channels={"release": self.pager},
            pagers=("release",),
            clock=self.clock,
            commit=self.commit,
            head=head,
            scrub=lambda text: text.replace("hunter2", "«secret»"),
            random=lambda: 0.5,
            people=self.people,
            watcher=self.watcher,
            stopping=self.stopping,
        )
        values = {"flag": "ranker"}
        return Runner(Workshop(self.runbook, tools), self.state, values, crew, yes, undoing, giving_up)

    def run(self, crew: Crew = Crew.NOBODY, **how: Any) -> Left:
        """Raises Died at `die_at`."""
        return asyncio.run(self.runner(crew, **how).run())

    def revive(self) -> None:
        self.dead, self.die_at = False, 0

    def done(self, step: str, part: str = "") -> int:
        """How often a server carried out what has the step's key."""
        key = f"{RUN}:{step}{part}"
        return sum(seen == key for seen, _ in (*self.server.effects, *self.flags.effects))
