"""The judge over history: what happened first, every hold from beginning to end, and looks that know nothing of later ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from judge.evidence import Traffic, errors, gauge, plan_with
from judge.worlds import START, STEP, value
from rolloutctl.engine.config.files import Surroundings
from rolloutctl.engine.config.settings import read_settings
from rolloutctl.engine.once.backtesting import Backtest, backtest
from rolloutctl.errors import ConfigInvalid
from rolloutctl.judge.needs import needs
from rolloutctl.model.verdict import PhaseState, State
from rolloutctl.plan.model import Plan

BAKE = {"bake": "5m", "deadline": "20m"}


def over(traffic: Traffic, plan: Plan, cells: int | None = None) -> Backtest:
    begun = datetime.fromtimestamp(START, UTC)
    end = begun + timedelta(seconds=STEP * (traffic.cells if cells is None else cells))
    answers = {query: traffic.world.answer(query) for query in needs(plan, 0, START, end.timestamp())}
    return backtest(plan, 0, begun, end, answers)


def test_a_good_canary_is_ready_after_its_bake_time() -> None:
    found = over(Traffic().both((40_000, 400), (160_000, 1_600)), plan_with(errors(), phase=BAKE))
    assert found.first_breach is None
    assert found.first_ready_after_s == 300
    assert (found.final, found.looks, found.holds) == (PhaseState.READY, 40, ())


def test_a_breach_ends_the_looks_and_comes_before_any_pass() -> None:
    found = over(Traffic().both((4_000, 400), (16_000, 160)), plan_with(errors(), phase=BAKE))
    assert found.first_breach is not None
    assert found.first_breach.criterion == "errors"
    assert found.looks == found.first_breach.after_s / STEP < 40
    assert found.first_ready_after_s is None
    assert found.final is PhaseState.BREACH


def test_one_host_is_a_hold_with_its_name_and_its_times() -> None:
    traffic = Traffic().hosts("canary", [(1_000, 100), (1_000, 10), (1_000, 10)]).hosts("baseline", [(4_000, 40)] * 3)
    found = over(traffic, plan_with(errors(), phase=BAKE))
    assert found.first_hold is not None
    assert found.first_hold.host == "c-h0"
    assert found.first_breach is None
    (held,) = (hold for hold in found.holds if hold.state is State.ONE_HOST)
    assert (held.after_s, held.until_s) == (found.first_hold.after_s, None)


def test_missing_evidence_holds_after_its_grace_and_until_it_is_back() -> None:
    times = [START + STEP * cell for cell in (*range(1, 11), *range(24, 41))]
    traffic = Traffic()
    traffic.world.add("cost", times, [1.0] * len(times), version="2", instance="c-h0")
    found = over(traffic, plan_with(gauge(max=2.0), phase=BAKE))
    (held,) = found.holds
    assert held.state in {State.STALE, State.NO_DATA}
    assert STEP * 10 < held.after_s < STEP * 24
    assert held.until_s == STEP * 24


def test_a_criterion_by_threshold_is_looked_at_as_it_was_then() -> None:
    traffic = Traffic().gauge("canary", [1.0] * 20 + [9.0] * 20)
    found = over(
        traffic, plan_with(value(max=2.0, window="15s"), phase={"bake": "2m", "deadline": "20m"}, judge={"min_time": "1m"})
    )
    assert found.first_ready_after_s == 120
    assert found.first_breach is not None
    assert STEP * 20 < found.first_breach.after_s <= STEP * 25


def test_looks_of_a_shorter_stretch_are_the_same() -> None:
    traffic = Traffic().both((4_000, 70), (16_000, 160))
    plan = plan_with(errors(), phase=BAKE)
    long, short = over(traffic, plan), over(traffic, plan, 30)
    if long.first_breach is not None and long.first_breach.after_s <= 30 * STEP:
        assert short.first_breach == long.first_breach
    assert (short.first_ready_after_s or 0) <= 30 * STEP


def test_tables_that_are_not_needed_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[sources.s]\ntype = "prometheus"\nurl = "http://127.0.0.1:9"\n[providers.x]\ntype = "fake"\n')
    around = Surroundings(tmp_path, {}, tmp_path / "config", tmp_path / "state")
    with pytest.raises(ConfigInvalid):
        read_settings(file, around)
    assert set(read_settings(file, around, frozenset({"providers"})).config.sources) == {"s"}
