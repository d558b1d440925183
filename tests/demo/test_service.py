"""Effects come from the canary alone, and end when the flag is off. Time is an argument here."""

import pytest

from rolloutctl.demo.evaluation import normalised_hash
from rolloutctl.demo.scenarios import SERVICES, Scenario
from rolloutctl.demo.service import SimulatedService, identities
from rolloutctl.demo.users import Population

POPULATION = Population()
Totals = dict[tuple[str, str, str], float]


def start(scenario: Scenario, speed: float = 1.0) -> SimulatedService:
    return SimulatedService(SERVICES[scenario], POPULATION, speed, seed=3, now=0.0)


def cohort(service: SimulatedService, percent: int, now: float) -> None:
    service.set_cohort(lambda user: normalised_hash("demo", user) <= percent, now)


def requests(service: SimulatedService, now: float) -> Totals:
    """(instance, channel, code) -> requests so far."""
    found: Totals = {}
    for identity in identities(service.spec):
        for labels, value in service.samples(identity.instance, now):
            pairs = dict(labels)
            if pairs["__name__"] == "http_requests_total":
                found[pairs["instance"], pairs["channel"], pairs["code"]] = value
    return found


def over(service: SimulatedService, start_s: float, end_s: float) -> Totals:
    before = requests(service, start_s)
    for second in range(int(start_s) + 1, int(end_s)):
        service.advance(float(second))
    after = requests(service, end_s)
    return {key: after[key] - before[key] for key in after}


def error_ratio(totals: Totals, *, instance: str, channel: str = "") -> float:
    chosen = {key: value for key, value in totals.items() if instance in key[0] and channel in key[1]}
    return sum(value for key, value in chosen.items() if key[2] == "500") / sum(chosen.values())


def sent(totals: Totals, instance: str) -> float:
    return sum(value for key, value in totals.items() if instance in key[0])


def test_requests_follow_the_flag():
    service = start(Scenario.GOOD)
    totals = requests(service, 60.0)
    assert sent(totals, "canary") == 0
    assert sent(totals, "baseline") == pytest.approx(60 * 600, rel=0.05)
    cohort(service, 30, 60.0)
    later = over(service, 60.0, 120.0)
    share = sent(later, "canary") / sum(later.values())
    assert share == pytest.approx(service.share.overall, rel=0.05)
    assert share == pytest.approx(0.3, rel=0.07)
    cohort(service, 0, 120.0)
    assert sent(over(service, 120.0, 180.0), "canary") == 0


def test_speed_multiplies_the_traffic():
    assert sum(requests(start(Scenario.GOOD, speed=20), 3.0).values()) == pytest.approx(3 * 600 * 20, rel=0.05)


def test_a_good_canary_is_as_good():
    service = start(Scenario.GOOD)
    cohort(service, 30, 0.0)
    totals = over(service, 0.0, 300.0)
    assert error_ratio(totals, instance="canary") == pytest.approx(error_ratio(totals, instance="baseline"), abs=0.001)


@pytest.mark.parametrize("speed", [1, 20])
def test_a_late_regression_is_late_in_one_channel_and_ends_with_the_flag(speed):
    service = start(Scenario.LATE_REGRESSION, speed)
    onset = 150 / speed
    cohort(service, 1, 0.0)
    early = over(service, 0.0, 10 + onset)
    assert error_ratio(early, instance="canary") < 0.01, "1 % of the users is not yet 5 %"
    begin = 10 + onset
    cohort(service, 5, begin)
    assert service.share.overall >= 0.05
    assert error_ratio(over(service, begin, begin + int(onset) - 1), instance="canary", channel="voice") < 0.015
    late = over(service, begin + onset + 1, begin + onset + 120 / speed + 1)
    assert error_ratio(late, instance="canary", channel="voice") == pytest.approx(0.14, abs=0.03)
    assert error_ratio(late, instance="canary", channel="web") < 0.01
    assert error_ratio(late, instance="baseline") < 0.005
    end = begin + onset + 120 / speed + 1
    cohort(service, 0, end)
    off = over(service, end, end + 30)
    assert sent(off, "canary") == 0
    assert error_ratio(off, instance="baseline", channel="voice") < 0.005


def test_no_data_takes_the_canary_off_the_page():
    service = start(Scenario.NO_DATA)
    cohort(service, 5, 0.0)
    assert any("canary" in key[0] for key in requests(service, 119.0))
    gone = requests(service, 120.0)
    assert gone
    assert not any("canary" in key[0] for key in gone)
    assert service.text("search-canary-1", 121.0) == ""
    assert "eval_score" in (service.text("search-baseline-1", 121.0) or "")


def test_low_traffic_is_a_few_requests_a_minute():
    assert 60 < sum(requests(start(Scenario.LOW_TRAFFIC), 1200.0).values()) < 180


def test_one_bad_host():
    service = start(Scenario.BAD_HOST)
    cohort(service, 30, 0.0)
    totals = over(service, 0.0, 200.0)
    assert error_ratio(totals, instance="billing-canary-1") == pytest.approx(0.1, abs=0.01)
    assert error_ratio(totals, instance="billing-canary-2") == pytest.approx(0.01, abs=0.003)
    assert error_ratio(totals, instance="baseline") == pytest.approx(0.01, abs=0.003)


@pytest.mark.parametrize("scenario", list(Scenario))
def test_counters_never_fall_and_histograms_hang_together(scenario):
    service = start(scenario)
    cohort(service, 30, 0.0)
    instance = f"{service.spec.job}-baseline-1"
    before: dict = {}
    for moment in (0.5, 3.0, 3.0, 10.0, 61.25):
        now = dict(service.samples(instance, moment))
        for labels, value in before.items():
            if dict(labels)["__name__"] != "eval_score":
                assert now[labels] >= value
        before = now
    by_name: dict[str, dict] = {}
    for labels, value in before.items():
        pairs = dict(labels)
        by_name.setdefault(pairs.pop("__name__"), {})[pairs.get("channel"), pairs.get("le"), pairs.get("code")] = value
    buckets, counts = by_name["http_request_duration_seconds_bucket"], by_name["http_request_duration_seconds_count"]
    for channel in ("web", "voice", "chat"):
        ladder = [value for (where, _, _), value in buckets.items() if where == channel]
        assert ladder == sorted(ladder)
        assert ladder[-1] == counts[channel, None, None]
        answered = sum(value for (where, _, _), value in by_name["http_requests_total"].items() if where == channel)
        assert answered == counts[channel, None, None]


def test_the_same_seed_tells_the_same_story():
    one, two = start(Scenario.GOOD), start(Scenario.GOOD)
    for service in (one, two):
        cohort(service, 5, 1.0)
    assert requests(one, 30.0) == requests(two, 30.0)
