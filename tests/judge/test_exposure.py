"""The canary's share of requests against the cohort."""

import pytest

from judge.worlds import START, World, plan_of, ratio
from rolloutctl.judge.exposure import read_exposure
from rolloutctl.model.samples import FailureKind, SourceFailure

METRICS = {"requests": "req{$arm}", "exposure": "25%"}


def reading(canary, baseline, at=600.0, phase=None, metrics=METRICS, world=None):
    world = world or World()
    for version, per_step in (("2", canary), ("1", baseline)):
        if per_step is not None:
            world.counter("req", per_step, at, version=version, instance=version)
    plan = plan_of([ratio(max=0.01)], metrics=metrics, phase=phase)
    return read_exposure(plan, 0, START, START + at, world.answers(plan, at))


def test_a_share_as_declared():
    found = reading(20, 80)
    assert found.share == pytest.approx(0.2)
    assert found.requests_per_s == pytest.approx(100 / 15, rel=0.06)
    assert (found.expected, found.off_by_more, found.grace_over) == (0.2, False, False)
    assert "as declared" in found.why


@pytest.mark.parametrize(
    ("canary", "says"), [(14, "the flag step is not seen in traffic"), (30, "more traffic than declared"), (0, "not seen")]
)
def test_a_share_that_is_off_by_more_than_the_plan_allows(canary, says):
    found = reading(canary, 80 if canary else 100)
    assert (found.off_by_more, found.grace_over) == (True, True)
    assert says in found.why


def test_a_share_is_off_for_a_few_cells_before_it_counts():
    found = reading(lambda at: 20 if at < 500 else 200, 80)
    assert found.off_by_more
    assert reading(lambda at: 20 if at < 590 else 20_000, 80, at=615).grace_over is False


@pytest.mark.parametrize("cohort", [{"shadow": True}, {"audiences": ["staff"]}])
def test_shadow_and_audiences_declare_no_share(cohort):
    found = reading(1, 99, phase={"cohort": cohort})
    assert (found.expected, found.off_by_more) == (None, False)
    assert found.share == pytest.approx(0.01)


def test_audiences_on_top_of_a_percentage_may_only_add():
    cohort = {"audiences": ["staff"], "percent": 20}
    assert not reading(60, 40, phase={"cohort": cohort}).off_by_more
    assert reading(5, 95, phase={"cohort": cohort}).off_by_more


def test_everyone_means_no_baseline_at_all():
    found = reading(100, None, phase={"cohort": {"percent": 100}})
    assert (found.share, found.off_by_more) == (1.0, False)


def test_too_little_traffic_is_not_compared():
    found = reading(1, 1)
    assert not found.off_by_more
    assert "too few" in found.why


def test_what_cannot_be_told_says_why():
    assert "does not say how requests are counted" in reading(1, 1, metrics={}).why
    assert "neither arm" in reading(None, None).why
    down = World(failures={"req": SourceFailure(FailureKind.DOWN, "no answer.")})
    assert "no answer" in reading(1, 1, world=down).why
    assert reading(0, 0).share is None


@pytest.mark.parametrize("late", [0, 3])
def test_what_is_hours_old_decides_nothing(late):
    def canary(at):
        return 20.0 if at < 7200.0 - 15 * late else 60.0

    old = reading(canary, 80, at=7200.0, phase={"deadline": "8h"})
    world = World()
    for version, per_step in (("2", canary), ("1", 80)):
        world.counter("req", per_step, 7200.0, since=3600.0, version=version, instance=version)
    young = reading(None, None, at=7200.0, phase={"deadline": "8h"}, world=world)
    assert (old.share, old.why, old.off_by_more, old.grace_over, old.at) == (
        pytest.approx(young.share),
        young.why,
        young.off_by_more,
        young.grace_over,
        young.at,
    )
