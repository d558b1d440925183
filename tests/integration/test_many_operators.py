"""Two drivers and three screens in processes of their own, on one PostgreSQL, while people ask for this and that and things break.

Drivers are killed, stopped past their lease and cut off from the database; the screens are cut off, too. In the end every effect
has happened exactly once, there is one chain, and every screen shows what the fold of the journal says.

The course is drawn from a seed, and is as long as SOAK_STEPS and SOAK_ROLLOUTS say: `SOAK_STEPS=2000 SOAK_ROLLOUTS=50` is a soak.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.opening import open_journal
from rolloutctl.engine.wiring import open_world
from rolloutctl.model import events as ev
from rolloutctl.model.events import Event, Kind
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import rollout_stream
from rolloutctl.model.state import Status
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Author, Journal
from servers import screen
from servers.cutproxy import CutProxy, cut_proxy
from servers.postgres import Database
from servers.site import FLAG, PLAN, DrivingSite, driving_site, end

STEPS = int(os.environ.get("SOAK_STEPS", "25"))
ROLLOUTS = int(os.environ.get("SOAK_ROLLOUTS", "5"))
WITHIN_S = 120.0
STEP = ["feature-strategy-add", "feature-strategy-update", "feature-environment-enabled"]
OFF = "feature-environment-disabled"
REQUESTS: list[Callable[[], ev.Body]] = [
    lambda: ev.AdvanceRequested(to="five"),
    lambda: ev.AdvanceRequested(to="five"),
    lambda: ev.HoldRequested(why="lunch"),
    lambda: ev.ResumeRequested(why="back"),
    lambda: ev.BackRequested(to="five"),
    lambda: ev.NoteAdded(text="looks fine"),
    lambda: ev.RollbackRequested(why="errors"),
]


@dataclass
class Machine:
    """One that drives or looks; its way to the database can be cut."""

    site: DrivingSite
    name: str
    proxy: CutProxy
    database: Database
    process: subprocess.Popen[bytes] | None = None
    stopped: bool = False

    @property
    def config(self) -> Path:
        path = self.site.folder / f"{self.name}.toml"
        path.write_text(self.site.config.read_text().replace(f":{self.database.server.port}/", f":{self.proxy.port}/"))
        return path

    @property
    def out(self) -> Path:
        return self.site.folder / f"{self.name}.json"

    def drive(self) -> None:
        self.process = self.site.drive(self.config, f"{self.name}.log")

    def look(self) -> None:
        with (self.site.folder / f"{self.name}.log").open("ab") as log:
            command = [sys.executable, screen.__file__, str(self.config), str(self.out)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.site.environ)

    def wake(self) -> None:
        if self.process is not None and self.stopped:
            self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def leave(self) -> None:
        self.wake()
        if self.process is not None and self.process.poll() is None:
            end(self.process)


@dataclass
class Course:
    site: DrivingSite
    drivers: list[Machine]
    screens: list[Machine]
    draw: random.Random
    journal: Journal
    done: list[str] = field(default_factory=list)

    def supervise(self) -> None:
        """As a service manager does: one that could not even begin, because the database was away, is started again."""
        for driver in self.drivers:
            assert driver.process is not None
            if driver.process.poll() is not None:
                driver.drive()

    def step(self) -> None:
        self.supervise()
        match self.draw.choices(["ask", "kill", "stop", "cut", "mend"], [10, 1, 1, 2, 4])[0]:
            case "ask":
                body, rollout = self.draw.choice(REQUESTS)(), self.draw.randrange(ROLLOUTS)
                self.say(f"{body.__class__.__name__} {rollout}")
                self.journal.append(stream(rollout), body, Author("ana", "here"))
            case "kill":
                machine = self.draw.choice(self.drivers)
                self.say(f"kill {machine.name}")
                assert machine.process is not None
                machine.process.kill()
                machine.process.wait()
                machine.stopped = False
                machine.drive()
            case "stop":
                machine = self.draw.choice(self.drivers)
                self.say(f"stop {machine.name}")
                assert machine.process is not None
                machine.process.send_signal(signal.SIGSTOP)
                machine.stopped = True
                # One that holds the writers' lock keeps everybody waiting: the database lets go of a connection that is cut.
                machine.proxy.cut_all()
            case "cut":
                machine = self.draw.choice([*self.drivers, *self.screens])
                self.say(f"cut {machine.name}")
                machine.proxy.refuse = True
                machine.proxy.cut_all()
            case _:
                self.mend()
        time.sleep(self.draw.random() * 0.5)

    def mend(self) -> None:
        self.say("mend")
        for machine in [*self.drivers, *self.screens]:
            machine.proxy.refuse = False
            machine.wake()

    def say(self, what: str) -> None:
        self.done.append(what)

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            self.supervise()
            logs = {each.name: (self.site.folder / f"{each.name}.log").read_text()[-600:] for each in self.drivers}
            assert time.monotonic() < deadline, (what, self.done, logs)
            time.sleep(0.2)

    def events(self, rollout: int) -> list[Event]:
        return list(self.journal.read(stream(rollout)))

    def statuses(self) -> list[Status]:
        states = [fold(self.events(rollout)) for rollout in range(ROLLOUTS)]
        return [state.status for state in states if state is not None]


def name(rollout: int) -> str:
    return f"{FLAG}-{rollout}"


def stream(rollout: int) -> str:
    return rollout_stream(name(rollout), 1)


async def seal_all(site: DrivingSite) -> None:
    world = open_world(site.settings)
    for rollout in range(ROLLOUTS):
        text = PLAN.replace(f'"{FLAG}"', f'"{name(rollout)}"')
        site.store.create_flag("default", name(rollout), "release", None, "ana")
        await seal(world, read_plan(text, "plan.toml"), text, adopt=False)
    for each in [*world.providers.values(), *world.sources.values()]:
        await each.close()
    await asyncio.to_thread(world.journal.close)


@pytest.fixture
def course(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> Iterator[Course]:
    with driving_site(tmp_path, monkeypatch, database.url) as site, ExitStack() as stack:
        asyncio.run(seal_all(site))
        names = ["driver-1", "driver-2", "screen-1", "screen-2", "screen-3"]
        machines = [Machine(site, each, stack.enter_context(cut_proxy(database.server.port)), database) for each in names]
        drivers, screens = machines[:2], machines[2:]
        journal = open_journal(site.settings)
        stack.callback(journal.close)
        for machine in machines:
            stack.callback(machine.leave)
        for driver in drivers:
            driver.drive()
        for each in screens:
            each.look()
        yield Course(site, drivers, screens, random.Random(request.param), journal)


@pytest.mark.timeout(int(300 + STEPS * 2))
@pytest.mark.parametrize("course", [int(os.environ.get("SOAK_SEED", "7"))], indirect=True)
def test_whatever_happens_every_effect_happens_once_and_all_see_the_same(course: Course) -> None:
    course.until("everybody drives and looks", lambda: all(_says(course, each, "looking") for each in course.screens))
    for _ in range(STEPS):
        course.step()
    course.mend()
    for rollout in range(ROLLOUTS):
        course.journal.append(stream(rollout), ev.RollbackRequested(why="the end"), Author("ana", "here"))
    course.until("all rolled back", lambda: set(course.statuses()) == {Status.ROLLED_BACK})
    for driver in course.drivers:
        driver.leave()
    for each in course.screens:
        each.leave()

    assert course.journal.verify().findings == ()
    head = course.journal.head()[0]
    folded = {f"{name(rollout)}#1": repr(fold(course.events(rollout))) for rollout in range(ROLLOUTS)}
    for each in course.screens:
        assert each.out.exists(), (each.name, course.done, (course.site.folder / f"{each.name}.log").read_text()[-2000:])
        shown = json.loads(each.out.read_text())
        assert shown["seq"] == head, (each.name, course.done)
        assert {key: shown["states"][key] for key in folded} == folded, each.name
    for rollout in range(ROLLOUTS):
        _happened_once(course, rollout)


def _happened_once(course: Course, rollout: int) -> None:
    events = course.events(rollout)
    log = course.site.store.events(flag=name(rollout))
    changes = [event.type.value for event in reversed(log) if event.type.value != "feature-created"]
    entered = [e for e in events if isinstance(e.body, ev.FlagIntent) and e.body.purpose is ev.Purpose.ADVANCE]
    assert len(entered) <= 1, (events, course.done)
    # A rollback may come between the requests of a step, before the last of them turns the flag on.
    assert changes in ([*STEP, OFF], *(STEP[:sent] for sent in range(len(STEP)))), (changes, course.done)
    fenced = [event.epoch for event in events if event.epoch]
    assert fenced == sorted(fenced), "no driver writes after another has taken over"
    taken = [event.epoch for event in events if event.kind is Kind.LEASE_TAKEN]
    assert taken == list(range(1, len(taken) + 1))


def _says(course: Course, machine: Machine, what: str) -> bool:
    return what in (course.site.folder / f"{machine.name}.log").read_text()
