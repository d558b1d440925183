"""Backtests at many times: each as it would be alone, and no part of history asked for twice."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.evidence import errors, gauge, latency, plan_with
from judge.worlds import START, STEP, World
from rolloutctl.engine.once.backtesting import backtest
from rolloutctl.engine.once.history import History
from rolloutctl.engine.once.sliding import MOST, Slid, Stretch, incident, quiet_stretches, slide, summary
from rolloutctl.errors import InvalidInput, SourceUnreachable
from rolloutctl.judge.needs import needs
from rolloutctl.model.samples import Answer, FailureKind, Query, QueryKind, Samples, Series, SourceFailure
from rolloutctl.plan.model import Plan

HOURS = 8


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def busy(worse_from: float = math.inf) -> World:
    """Eight hours; from some time on the canary fails five times as often."""
    world = World()
    for version, host in (("1", "a"), ("1", "b"), ("1", "c"), ("2", "d"), ("2", "e")):
        marks = {"version": version, "instance": host}
        bad = [5.0 * (5 if version == "2" and t >= worse_from else 1) + t // 15 % 3 for t in range(-3600, HOURS * 3600, 15)]
        steps = range(-3600, HOURS * 3600, 15)
        for name, increments in (("req", [400.0 + n % 7 for n in range(len(bad))]), ("bad", bad)):
            shown, values = 100.0, []
            for increment in increments:
                shown += increment
                values.append(shown)
            world.add(name, [START + t + 2.5 for t in steps], values, **marks)
        world.add("cost", [START + t + 2.5 for t in steps], [2.0 + (t // 15 % 11) / 100 for t in steps], **marks)
        for le, share in (("0.1", 0.7), ("0.5", 0.95), ("+Inf", 1.0)):
            counts = [round(400 * share) * float(n) for n in range(len(bad))]
            world.add("dur_bucket", [START + t + 2.5 for t in steps], counts, le=le, **marks)
    return world


@dataclass
class Counting:
    """A source that notes what it is asked."""

    world: World
    asked: list[Query] = field(default_factory=list)
    down_from: int = 10**9
    approximate: str = ""
    now_s: float = HOURS * 3600.0

    async def now(self) -> datetime:
        return at(self.now_s)

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        self.asked += queries
        if len(self.asked) > self.down_from:
            return dict.fromkeys(queries, SourceFailure(FailureKind.DOWN, "gone."))
        return {query: self._answer(query) for query in queries}

    def _answer(self, query: Query) -> Answer:
        answer = self.world.answer(query)
        if self.approximate and self.approximate in query.text and isinstance(answer, Samples):
            # A source that sums by itself counts from the beginning of what was asked.
            return replace(answer, series=tuple(_from_zero(one) for one in answer.series), approximate=True)
        return answer


def _from_zero(one: Series) -> Series:
    return Series(one.labels, one.times, [value - one.values[0] for value in one.values])


def plan(step: str = "15s") -> Plan:
    more: dict[str, Any] = {"metrics": {"history": "30m", "step": step}}
    phase = {"bake": "20m", "deadline": "1h"}
    return plan_with(errors(), latency(), gauge(versus="baseline", tolerate="5%"), phase=phase, **more)


def slid(source: Counting, plan: Plan, stretches: Sequence[Stretch], done: list[Slid] | None = None) -> list[Slid]:
    found = [] if done is None else done
    world = cast("Any", SimpleNamespace(source=lambda _: source))
    asyncio.run(slide(world, plan, 0, stretches, found, lambda: None))
    return found


@pytest.mark.parametrize("step", ["15s", "1m"])
def test_each_is_as_it_would_be_alone(step: str) -> None:
    source, made = Counting(busy(worse_from=5 * 3600)), plan(step)
    stretches = [*quiet_stretches(made, 0, at(HOURS * 3600), timedelta(hours=HOURS - 1), timedelta(minutes=20))]
    stretches.append(incident(made, at(5 * 3600 + 7), at(6 * 3600), at(HOURS * 3600)))
    found = slid(source, made, stretches)
    assert len(found) == len(stretches) > 15
    for each in found:
        start, end = each.stretch.start, each.stretch.end
        answers = {q: source.world.answer(q) for q in needs(made, 0, start.timestamp(), end.timestamp())}
        assert repr(each.found) == repr(backtest(made, 0, start, end, answers))  # a NaN is not even itself
    assert {each.caught for each in found} == {True, False}


def test_no_part_of_history_is_asked_for_twice() -> None:
    source, made = Counting(busy()), plan()
    stretches = quiet_stretches(made, 0, at(HOURS * 3600), timedelta(hours=HOURS - 1), timedelta(minutes=20))
    found = slid(source, made, stretches)
    covered: dict[tuple[QueryKind, str, float, bool], list[tuple[float, float]]] = {}
    for query in source.asked:
        before = query.step == 60.0
        covered.setdefault((query.kind, query.text, query.step, before), []).append((query.start, query.end))
    for spans in covered.values():
        spans.sort()
        assert all(end < start for (_, end), (start, _) in pairwise(spans))
    alone = sum(
        q.end - q.start for each in found for q in needs(made, 0, each.stretch.start.timestamp(), each.stretch.end.timestamp())
    )
    assert sum(query.end - query.start for query in source.asked) < alone / 2.5


def test_a_long_phase_is_asked_for_in_pieces_and_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rolloutctl.engine.once.history.PIECE_S", 1000.0)
    source, made = Counting(busy()), plan()
    (found,) = slid(source, made, [Stretch(at(3600), at(7200))])
    assert max(query.end - query.start for query in source.asked) <= 1000
    answers = {q: source.world.answer(q) for q in needs(made, 0, START + 3600, START + 7200)}
    assert repr(found.found) == repr(backtest(made, 0, at(3600), at(7200), answers))


def test_stretches_that_do_not_share_a_grid_are_asked_for_apart() -> None:
    source, made = Counting(busy()), plan()
    stretches = [Stretch(at(3600), at(7200)), Stretch(at(3607), at(7207)), Stretch(at(20_000), at(23_600))]
    for each in slid(source, made, stretches):
        start, end = each.stretch.start, each.stretch.end
        answers = {q: source.world.answer(q) for q in needs(made, 0, start.timestamp(), end.timestamp())}
        assert repr(each.found) == repr(backtest(made, 0, start, end, answers))  # a NaN is not even itself


def test_what_the_source_has_summed_is_never_pieced_together() -> None:
    source = Counting(busy(), approximate="req")
    history, made = History(source), plan()
    for start in (3600.0, 4800.0, 6000.0):
        queries = needs(made, 0, START + start, START + start + 3600)
        found = asyncio.run(history.answers(queries, START + start))
        assert set(found) == set(queries)
        assert all(found[query] == source._answer(query) for query in queries if "req" in query.text)


def test_what_was_judged_before_the_source_went_away_is_kept() -> None:
    source, made = Counting(busy()), plan()
    stretches = quiet_stretches(made, 0, at(HOURS * 3600), timedelta(hours=HOURS - 1), timedelta(minutes=20))
    done: list[Slid] = []
    source.down_from = 40
    with pytest.raises(SourceUnreachable):
        slid(source, made, stretches, done)
    assert 0 < len(done) < len(stretches)


def test_a_query_that_is_refused_is_invalid_at_all_times() -> None:
    source = Counting(busy())
    source.world.failures["bad"] = SourceFailure(FailureKind.INVALID, "parse error.")
    found = slid(source, plan(), [Stretch(at(3600), at(7200)), Stretch(at(4800), at(8400))])
    assert [[v.state.value for v in each.found.verdicts if v.criterion == "errors"] for each in found] == [["INVALID"]] * 2


@given(st.integers(1, 30), st.integers(1, 96), st.integers(0, 100_000))
def test_quiet_stretches_are_whole_and_over(days: int, quarters: int, second: int) -> None:
    made, now, every = plan(), at(second), timedelta(minutes=15 * quarters)
    try:
        found = quiet_stretches(made, 0, now, timedelta(days=days), every)
    except InvalidInput:
        assert every > timedelta(days=days) - timedelta(hours=1)
        return
    assert len(found) <= MOST
    assert all(each.end - each.start == timedelta(hours=1) and not each.incident for each in found)
    assert found[0].start >= now - timedelta(days=days) > found[0].start - every
    assert found[-1].end <= now < found[-1].end + every
    assert all(b.start - a.start == every for a, b in pairwise(found))
    assert all(each.start.timestamp() % every.total_seconds() == 0 for each in found)


@pytest.mark.parametrize(
    ("since", "every", "says"),
    [("14d", "20s", "no multiple"), ("14d", "0s", "no multiple"), ("30m", "15m", "no room"), ("3000d", "15s", "are the most")],
)
def test_what_cannot_be_slid_over_is_refused(since: str, every: str, says: str) -> None:
    from rolloutctl.units import parse_duration

    with pytest.raises(InvalidInput, match=says):
        quiet_stretches(plan(), 0, at(0), parse_duration(since), parse_duration(every))


def test_an_incident_has_to_be_looked_at_once() -> None:
    assert incident(plan(), at(0), at(600), at(300)).end == at(300)
    with pytest.raises(InvalidInput, match="shorter"):
        incident(plan(), at(0), at(STEP - 1), at(600))
    with pytest.raises(InvalidInput, match="not over"):
        incident(plan(), at(700), at(900), at(600))


def test_the_summary_counts_false_alarms_and_catches() -> None:
    source, made = Counting(busy(worse_from=5 * 3600)), plan()
    stretches = [Stretch(at(h * 3600), at((h + 1) * 3600)) for h in (1, 2, 6)]
    stretches += [Stretch(at(6 * 3600), at(7 * 3600), incident=True), Stretch(at(3600), at(7200), incident=True)]
    found = summary(slid(source, made, stretches))
    assert (found.quiet, found.breaches, found.ready) == (3, 1, 2)
    assert (found.incidents, found.caught) == (2, 1)
    assert found.ready_after_s is not None
    assert found.ready_after_s >= 20 * 60
    assert found.caught_after_s is not None
    assert found.caught_after_s < 20 * 60
    assert summary([]) == type(found)(0, 0, 0, 0, None, 0, 0, None)
