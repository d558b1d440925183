"""What keeps a job from its end is said for as long as it lasts, and keeps no other job from being done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rolloutctl.engine.world.going_on import GoingOn
from rolloutctl.errors import JournalUnreachable


class Rounds:
    """A job whose rounds end as the test says; each waits to be let go."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._ends: asyncio.Queue[BaseException | None] = asyncio.Queue()

    async def __call__(self) -> None:
        self._begun.set()
        error = await self._ends.get()
        if error is not None:
            raise error

    async def end(self, error: BaseException | None = None) -> None:
        """Let the present round end, and wait for the next one to begin."""
        self._begun.clear()
        self._ends.put_nowait(error)
        async with asyncio.timeout(10):
            await self._begun.wait()


@pytest.fixture
async def going(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rolloutctl.engine.world.going_on._AGAIN_S", 0.0)
    changes: list[str] = []
    jobs = GoingOn(lambda: changes.append(jobs.trouble))
    tasks: list[asyncio.Task[None]] = []

    async def begin(name: str, job: Callable[[], Awaitable[object]]) -> None:
        tasks.append(asyncio.create_task(jobs.forever(name, job, 0.0)))
        await asyncio.sleep(0)

    yield jobs, changes, begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_trouble_is_said_until_the_same_job_is_well_again(going) -> None:
    jobs, changes, begin = going
    follow, leases = Rounds(), Rounds()
    await begin("follow", follow)
    await begin("leases", leases)
    await follow.end()
    assert jobs.trouble == ""
    await leases.end(JournalUnreachable("the journal is locked."))
    assert jobs.trouble == "the journal is locked."
    await follow.end()
    assert jobs.trouble == "the journal is locked.", "another job that is well says nothing about this one"
    await leases.end()
    assert jobs.trouble == ""
    assert changes == ["the journal is locked.", ""], "told when it begins and when it is over, and not in between"


async def test_what_nobody_expected_is_a_sentence_and_the_job_goes_on(going, caplog: pytest.LogCaptureFixture) -> None:
    jobs, _, begin = going
    follow = Rounds()
    await begin("follow", follow)
    await follow.end(LookupError("nobody expected this"))
    assert jobs.trouble == "Following the journal failed unexpectedly (LookupError); it is tried again."
    assert "a loop of the engine failed" in caplog.text
    await follow.end()
    assert jobs.trouble == ""
