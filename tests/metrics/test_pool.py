"""The pool of threads."""

import asyncio
import threading
import time

import pytest

from rolloutctl.metrics.failure import down
from rolloutctl.metrics.pool import Pool
from rolloutctl.model.samples import SourceFailure


class Client:
    def __init__(self):
        self.stop = threading.Event()
        self.closed = False

    def abort(self):
        self.stop.set()

    def close(self):
        self.closed = True


class Deaf(Client):
    """Does not notice that its request was ended."""

    release = threading.Event()

    def hang(self):
        self.release.wait(20)
        return down("too late.")


def hang(client):
    client.stop.wait(20)
    client.stop.clear()
    return down("ended.")


def pool_of(make, timeout_s=0.2):
    return Pool(make, size=2, timeout_s=timeout_s, monotonic=time.monotonic)


async def test_a_job_that_takes_too_long_is_ended_and_its_thread_is_used_again():
    pool = pool_of(Client)
    assert await pool.run(hang) == down("ended.")
    assert await pool.run(lambda _: 7) == 7
    pool.close()


async def test_a_job_that_cannot_be_ended_costs_its_thread_and_nobody_waits_for_it():
    Deaf.release.clear()
    pool = pool_of(Deaf)
    begun = time.monotonic()
    found = await asyncio.gather(*(pool.run(Deaf.hang) for _ in range(8)))
    assert all(isinstance(one, SourceFailure) for one in found)
    assert time.monotonic() - begun < 8
    assert isinstance(await pool.run(lambda _: 7), SourceFailure)
    Deaf.release.set()
    for _ in range(200):
        if await pool.run(lambda _: 7) == 7:
            break
        await asyncio.sleep(0.01)
    assert await pool.run(lambda _: 7) == 7
    pool.close()


async def test_many_slow_answers_are_waited_for_as_long_as_there_is_progress():
    pool = pool_of(Client)
    begun = time.monotonic()
    found = await asyncio.gather(*(pool.run(lambda _, i=i: time.sleep(0.05) or i) for i in range(20)))
    assert found == list(range(20))
    assert time.monotonic() - begun > 0.4
    pool.close()


async def test_who_waits_is_told_at_once_when_the_source_refuses():
    pool = pool_of(Client, timeout_s=5)
    begun = time.monotonic()
    found = await asyncio.gather(*(pool.run(lambda _: time.sleep(0.05) or down("refused.")) for _ in range(30)))
    assert set(found) == {down("refused.")}
    assert time.monotonic() - begun < 3
    pool.close()


async def test_a_cancelled_caller_frees_its_thread():
    pool = pool_of(Client, timeout_s=10)
    tasks = [asyncio.create_task(pool.run(hang)) for _ in range(5)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await asyncio.gather(pool.run(lambda _: 1), pool.run(lambda _: 2)) == [1, 2]
    pool.close()


async def test_an_error_of_the_job_reaches_the_caller_and_the_thread_lives_on():
    pool = pool_of(Client)
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda _: 1 // 0)
    assert await pool.run(lambda _: 1) == 1
    pool.close()
    assert isinstance(await pool.run(lambda _: 1), SourceFailure)
