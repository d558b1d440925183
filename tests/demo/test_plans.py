"""The demo's files are what the product reads, at any speed."""

import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from rolloutctl.config import Config
from rolloutctl.demo.plans import ADMIN_TOKEN_ENV, CLIENT_TOKEN_ENV, environment, write_files
from rolloutctl.demo.ready import WorldUrls
from rolloutctl.demo.scenarios import SERVICES, Scenario
from rolloutctl.plan.facts import Facts
from rolloutctl.plan.lint import lint
from rolloutctl.plan.read import read_plan

URLS = WorldUrls(
    pid=1,
    flags_url="http://127.0.0.1:1",
    admin_token="*:*.very-secret",
    client_token="default:production.very-secret",
    metrics_url="http://127.0.0.1:2",
    metrics="embedded",
    metrics_pid=None,
    metrics_note="",
    targets_url="http://127.0.0.1:3",
    scrape_interval_s=1.0,
    speed=1,
    scenarios=tuple(Scenario),
)


@pytest.mark.parametrize("speed", [0.5, 1, 3, 5, 20])
def test_plans_are_valid_and_their_windows_hold_enough(tmp_path: Path, speed: float):
    files = write_files(tmp_path / "demo", URLS, speed)
    config = Config.model_validate(tomllib.loads(files.config.read_text()))
    assert config.providers["demo"].settle_time >= timedelta(seconds=1)
    assert set(files.plans) == set(Scenario)
    for scenario, path in files.plans.items():
        plan = read_plan(path.read_text(), path.name)
        assert lint(plan, Facts()) == ()
        assert plan.flag.key == SERVICES[scenario].flag
        assert plan.metrics.source in config.sources
        assert plan.flag.provider in config.providers
        assert plan.flag.environment in config.environments
        assert [phase.name for phase in plan.phases] == ["internal", "five", "thirty", "everyone"]
        assert plan.phases[1].bake == timedelta(minutes=6) / speed
        shortest = min(phase.bake for phase in plan.phases)
        assert plan.judge.min_time < shortest
        assert plan.metrics.step >= timedelta(seconds=1)
        assert plan.metrics.max_sample_age >= timedelta(seconds=4)
        for criterion in plan.criteria:
            assert criterion.window >= timedelta(seconds=4)
            assert criterion.breach_after + criterion.window < plan.phases[1].bake
        regression = SERVICES[scenario].regression
        if regression is not None:
            onset = timedelta(seconds=regression.after_s / speed)
            seen = onset + plan.criteria[0].window + plan.criteria[0].breach_after
            assert seen <= plan.phases[1].bake, "the regression is found while 5 % bake"
            assert onset > plan.judge.min_time, "it is late: the criterion has passed before"


def test_no_token_is_written(tmp_path: Path):
    write_files(tmp_path, URLS, 1)
    for path in tmp_path.iterdir():
        assert "very-secret" not in path.read_text()
    assert environment(URLS) == {ADMIN_TOKEN_ENV: URLS.admin_token, CLIENT_TOKEN_ENV: URLS.client_token}
    assert ADMIN_TOKEN_ENV in (tmp_path / "config.toml").read_text()
