import pytest

from rolloutctl.wire.retry import Policy, repeat


class FakeTime:
    def __init__(self) -> None:
        self.at = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.at += seconds


class Work:
    def __init__(self, *results: str) -> None:
        self.results = list(results)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        return self.results.pop(0)


def unless_done(result: str) -> float | None:
    return None if result == "done" else float(result)


async def test_it_stops_at_success() -> None:
    work, time = Work("0", "done", "never"), FakeTime()
    assert await repeat(work, unless_done, Policy(5, 10), time, lambda: 0.5) == "done"
    assert work.calls == 2
    assert time.pauses == pytest.approx([0.1])


async def test_pauses_double_and_are_bounded_and_the_servers_word_comes_on_top() -> None:
    work, time = Work("0", "1", "0", "0", "0"), FakeTime()
    result = await repeat(work, unless_done, Policy(5, 100, base_s=1, most_s=2), time, lambda: 1.0)
    assert result == "0"
    assert time.pauses == pytest.approx([1, 3, 2, 2])


@pytest.mark.parametrize("wait", ["11", "3600"])
async def test_a_wait_that_does_not_fit_ends_it(wait: str) -> None:
    work, time = Work(wait, "done"), FakeTime()
    assert await repeat(work, unless_done, Policy(5, 10), time, lambda: 0.0) == wait
    assert time.pauses == []
