"""Ratio criteria with `test = "threshold"`."""

import pytest

from judge.worlds import START, World, plan_of, ratio
from rolloutctl.judge.ratio_rule import fewest_events
from rolloutctl.model.samples import FailureKind, Samples, SourceFailure
from rolloutctl.model.verdict import State

CANARY = {"version": "2", "instance": "c0"}
BASELINE = {"version": "1", "instance": "b0"}


def arms(canary, baseline=None, until=1200.0, **more):
    """(requests, bad) per scrape of each arm."""
    world = World()
    for labels, counts in ((CANARY, canary), (BASELINE, baseline)):
        if counts is not None:
            world.counter("req", counts[0], until, **labels, **more).counter("bad", counts[1], until, **labels, **more)
    return world


def verdict(world, at=1200.0, metrics=None, phase=None, judge=None, **criterion):
    found = world.judge(plan_of([ratio(**criterion)], metrics=metrics, phase=phase, judge=judge), at)
    return found["errors"]


def test_inside_the_bound_passes_after_min_time_and_says_the_numbers():
    world = arms((100, 0.5))
    assert verdict(world, 285, max=0.01).state is State.PENDING
    early = verdict(world, 290, max=0.01)
    assert "nothing passes before 5m00s" in early.why
    found = verdict(world, 400, max=0.01)
    assert found.state is State.PASS
    assert found.why == "0.5 %, inside the bound of 1 % for 6m15s."
    assert found.since == START + 300
    assert found.breach_at is None


def test_a_breach_is_reported_on_the_grid_and_stays():
    world = arms((100, lambda at: 5 if 600 < at < 900 else 0), until=4000.0)
    at_once = verdict(world, 700, max=0.01)
    assert (at_once.state, at_once.breach_at) == (State.PENDING, None)
    assert "a breach after" in at_once.why
    found = verdict(world, 760, max=0.01)
    assert found.state is State.BREACH
    later = verdict(world, 4000, max=0.01)
    assert (later.state, later.breach_at, later.since) == (State.BREACH, found.breach_at, found.breach_at)
    assert (found.breach_at - START) % 15 == 0
    assert "now 0 %" in later.why
    assert later.evidence.canary == 0


def test_a_breach_needs_every_cell_of_breach_after():
    # Beyond for three cells, inside for one, again and again.
    world = arms((100, lambda at: 20 if (at // 15) % 4 else 0), until=1200)
    assert verdict(world, max=0.1, window="15s", breach_after="1m").state is not State.BREACH
    assert verdict(world, max=0.1, window="15s", breach_after="45s").state is State.BREACH
    assert verdict(world, max=0.1, window="15s", breach_after="0s").state is State.BREACH


def test_hold_counts_only_unbroken_time_inside_and_says_how_much_is_left():
    world = arms((100, lambda at: 50 if 480 < at < 520 else 0.1), until=3000)
    found = verdict(world, 900, max=0.01, hold="10m", breach_after="10m")
    assert found.state is State.PENDING
    assert "more inside the bound" in found.why
    assert verdict(world, 2400, max=0.01, hold="10m", breach_after="10m").state is State.PASS


def test_the_window_does_not_look_before_the_phase():
    world = arms((100, lambda at: 50 if at < 0 else 0))
    assert verdict(world, 60, max=0.01).evidence.canary == 0
    assert verdict(world, 400, max=0.01).state is State.PASS


def test_a_cold_start_within_the_warm_up_is_no_breach():
    world = arms((100, lambda at: 50 if at < 60 else 0))
    assert verdict(world, 120, max=0.01, metrics={"warmup": "3m"}).why == "warming up: judged in 1m00s."
    assert verdict(world, 600, max=0.01, metrics={"warmup": "3m"}).state is State.PASS
    assert verdict(world, 600, max=0.01).state is State.BREACH


def test_no_request_in_either_arm_never_passes_and_never_divides():
    for criterion in ({"max": 0.01}, {"tolerate": "10%"}):
        found = verdict(arms((0, 0), (0, 0)), **criterion)
        assert found.state is State.LOW_TRAFFIC
        assert "no traffic" in found.why


def test_a_busy_baseline_beside_an_idle_canary_hints_at_routing():
    found = verdict(arms((0, 0), (500, 0.5)), tolerate="10%")
    assert found.state is State.LOW_TRAFFIC
    assert "the other arm has 33.3 per second" in found.why
    assert "routing" in found.would_change


def test_an_idle_baseline_stops_the_comparison_but_not_the_bound():
    world = arms((100, 10), (0, 0))
    assert verdict(world, tolerate="10%").state is State.LOW_TRAFFIC
    assert verdict(world, tolerate="10%", max=0.05).state is State.BREACH
    good = arms((100, 0), (0, 0))
    assert verdict(good, tolerate="10%", max=0.05).state is State.LOW_TRAFFIC


def test_little_traffic_says_what_would_decide():
    world = arms((0.5, 0), until=7200)
    found = verdict(world, 1200, max=0.01)
    assert found.state is State.LOW_TRAFFIC
    assert "2 per minute" in found.why
    assert "100 are needed" in found.why
    assert "At this rate 100 take 50m" in found.would_change
    assert found.grace_over
    assert found.missing_since is not None


def test_a_window_that_will_fill_in_time_is_pending():
    world = arms((10, 0), until=7200)
    found = verdict(world, 60, max=0.01)
    assert found.state is State.PENDING
    assert "needs about" in found.why
    assert "40 per minute" in found.why
    assert verdict(world, 1200, max=0.01).state is State.PASS


def test_a_window_that_fills_only_after_the_deadline_is_low_traffic():
    world = arms((10, 0), until=7200)
    short = {"bake": "30s", "deadline": "100s"}
    assert verdict(world, 60, max=0.01, phase=short).state is State.LOW_TRAFFIC


@pytest.mark.parametrize(
    ("criterion", "fewest"),
    [
        ({"max": 0.01}, 100),
        ({"max": 0.05}, 20),
        ({"max": 0.03}, 34),
        ({"max": 0}, 100),
        ({"max": 1}, 100),
        ({"tolerate": "10%"}, 100),
        ({"max": 0.01, "min_total": 7}, 7),
        ({"min": 0.9}, 10),
        ({"min": 0.1}, 10),
    ],
)
def test_how_many_events_a_window_needs(criterion, fewest):
    assert fewest_events(plan_of([ratio(**criterion)]).criteria[0]) == fewest


def test_exactly_enough_events_with_one_bad_are_inside():
    world = World()
    world.add("req", [START + 3, START + 18, START + 33], [0, 100, 100], **CANARY)
    world.add("bad", [START + 3, START + 18, START + 33], [0, 1, 1], **CANARY)
    found = verdict(world, 45, max=0.01)
    assert found.evidence.events_canary == 100
    assert found.why.startswith("1 %, inside the bound of 1 %")


def test_all_bad_from_the_first_scrape_is_found_within_breach_after():
    found = verdict(arms((50, 50), (200, 2)), 150, tolerate="10%")
    assert found.state is State.BREACH
    assert found.breach_at <= START + 105


def test_twelve_bad_events_against_none_are_a_breach_and_two_decide_nothing():
    def rare(times):
        return lambda at: 1 if round((at - 3) / 15) in times else 0

    twelve = arms((10, rare(range(60, 72))), (40, 0), until=1300)
    assert verdict(twelve, 1200, tolerate="10%", window="20m").state is State.BREACH
    two = arms((10, rare((60, 70))), (40, 0), until=1300)
    found = verdict(two, 1200, tolerate="10%", window="20m")
    assert found.state is State.PENDING
    assert "fewer than 3 bad events" in found.why


def test_no_bad_event_in_either_arm_cannot_pass_a_relative_bound_alone():
    world = arms((500, 0), (2000, 0))
    found = verdict(world, tolerate="10%")
    assert found.state is State.PENDING
    assert "`max`" in found.would_change
    assert verdict(world, tolerate="10%", max=0.001).state is State.PASS


def test_an_outage_of_both_arms_neither_passes_nor_breaches():
    world = arms((100, 100), (400, 400))
    for criterion in ({"tolerate": "10%"}, {"tolerate": "10%", "max": 0.05}):
        found = verdict(world, **criterion)
        assert found.state is State.PENDING
        assert "shared incident" in found.why
    assert verdict(world, max=0.05).state is State.BREACH


def test_a_canary_that_is_worse_than_a_broken_baseline_is_a_breach():
    assert verdict(arms((100, 90), (400, 40)), tolerate="10%", max=0.05).state is State.BREACH


@pytest.mark.parametrize(("canary", "state"), [(0.5, State.PASS), (1.03, State.PASS), (1.2, State.BREACH)])
def test_a_tolerated_difference_passes_however_large_the_traffic(canary, state):
    world = arms((100_000, 1000 * canary), (400_000, 4000))
    assert verdict(world, tolerate="10%").state is state


def test_an_absolute_margin_is_added_to_the_baseline():
    assert verdict(arms((1000, 15), (1000, 10)), tolerate=0.01).state is State.PASS
    assert verdict(arms((1000, 25), (1000, 10)), tolerate=0.01).state is State.BREACH


def test_restart_of_a_host_in_the_middle_is_no_breach():
    world = World().counter("req", 100, 1200, **CANARY)
    times = [START + 3 + 15 * i for i in range(-20, 80)]
    bad = [1000 + i if i < 50 else (i - 50) for i in range(100)]
    world.add("bad", times, bad, **CANARY)
    assert verdict(world, max=0.02).state is State.PASS


def test_hosts_that_come_and_go():
    world = World()
    for host, since, until in (("c0", -600, 400), ("c1", 300, 900), ("c2", 850, 1200)):
        world.counter("req", 100, until, since=since, version="2", instance=host)
        world.counter("bad", 0.5, until, since=since, version="2", instance=host)
    found = verdict(world, max=0.01)
    assert found.state is State.PASS
    assert found.evidence.series == 3
    assert all(cell.canary is None or 0.004 < cell.canary < 0.006 for cell in found.evidence.cells)


def test_series_that_differ_in_other_labels_are_summed():
    world = World().counter("req", 60, 1200, path="/a", **CANARY).counter("req", 40, 1200, path="/b", **CANARY)
    world.counter("bad", 1, 1200, path="/b", **CANARY)
    found = verdict(world, max=0.01)
    assert found.state is State.PASS
    assert found.evidence.canary == pytest.approx(0.01)


def test_staggered_slow_scrapes_make_longer_cells_and_waste_nothing():
    world = World()
    for host, offset in (("c0", 3.0), ("c1", 33.0)):
        world.counter("req", 100, 1200, every=60, offset=offset, version="2", instance=host)
        world.counter("bad", 0.5, 1200, every=60, offset=offset, version="2", instance=host)
    found = verdict(world, max=0.01, metrics={"max_sample_age": "150s"})
    assert found.state is State.PASS
    assert {b.end - a.end for a, b in zip(found.evidence.cells, found.evidence.cells[1:], strict=False)} == {60.0}
    assert found.evidence.events_canary == 1000


def test_more_bad_than_all_events_is_clipped_and_blocks_a_pass():
    world = arms((10, lambda at: 12 if at > 900 else 0))
    found = verdict(world, max=1)
    assert found.state is State.PENDING
    assert "bad events outnumber all events" in found.why
    assert found.evidence.canary <= 1


# Missing evidence


def test_no_answer_at_all_is_no_data_and_a_hold_after_the_grace():
    early = verdict(World(), 50, max=0.01)
    assert (early.state, early.missing_since, early.grace_over) == (State.NO_DATA, START + 15, False)
    late = verdict(World(), 75, max=0.01)
    assert (late.state, late.missing_since, late.grace_over) == (State.NO_DATA, START + 15, True)
    assert not verdict(World(), 75, max=0.01, judge={"grace": 6}).grace_over


def test_a_canary_that_falls_silent_is_stale_and_its_breach_stands():
    world = arms((100, 0.5), until=1200)
    found = verdict(world, 1290, max=0.01)
    assert found.state is State.STALE
    assert found.missing_since == START + 1260
    assert found.evidence.age_s == pytest.approx(102)
    assert verdict(arms((100, 5), until=1200), 1500, max=0.01).state is State.BREACH


def test_a_silent_baseline_stops_only_what_compares():
    world = arms((100, 0.5), until=2400)
    world.counter("req", 400, 1200, **BASELINE).counter("bad", 2, 1200, **BASELINE)
    assert verdict(world, 2400, tolerate="10%").state is State.STALE
    assert "baseline" in verdict(world, 2400, tolerate="10%").why
    assert verdict(world, 2400, max=0.01).state is State.PASS


def test_a_missing_baseline_is_no_data_only_where_it_is_needed():
    world = arms((100, 0.5))
    assert verdict(world, tolerate="10%").state is State.NO_DATA
    assert verdict(world, max=0.01).state is State.PASS


def test_no_bad_series_is_zero_only_where_it_can_be_told():
    without = World().counter("req", 100, 1200, code="200", **CANARY)
    found = verdict(without, max=0.01)
    assert found.state is State.NO_DATA
    assert "bad events' counter" in found.why
    same_metric = {"bad": 'req{code="500",$arm}', "total": "req{$arm}"}
    assert verdict(without, max=0.01, **same_metric).state is State.PASS
    misspelt = {"bad": 'req{status="500",$arm}', "total": "req{$arm}"}
    assert verdict(without, max=0.01, **misspelt).state is State.NO_DATA
    in_baseline = arms((100, 0), (100, 1))
    in_baseline.series = [s for s in in_baseline.series if (s.label("__name__"), s.label("version")) != ("bad", "2")]
    assert verdict(in_baseline, max=0.01).state is State.PASS


def test_counters_that_are_no_numbers():
    world = arms((100, 0))
    world.add("req", [START + 603 + 15 * i for i in range(40)], [float("nan")] * 40, version="2", instance="c9")
    assert verdict(world, max=0.01).state is State.NOT_A_NUMBER


@pytest.mark.parametrize(
    ("answer", "state", "says"),
    [
        (SourceFailure(FailureKind.DOWN, "no answer within 10s"), State.SOURCE_DOWN, "no answer within 10s."),
        (SourceFailure(FailureKind.INVALID, "parse error"), State.INVALID, "parse error"),
        (Samples((), ("store gone",)), State.PARTIAL, "store gone"),
    ],
)
def test_what_the_source_says_instead(answer, state, says):
    world = arms((100, 5), (100, 5))
    world.failures['req{version="2"}'] = answer
    found = verdict(world, max=0.01)
    assert found.state is state
    assert says in found.why
    assert (found.missing_since, found.grace_over, found.breach_at) == (None, False, None)


def test_a_failing_baseline_does_not_matter_to_a_bound():
    world = arms((100, 0.5), (100, 5))
    world.failures['version="1"'] = SourceFailure(FailureKind.DOWN, "gone")
    assert verdict(world, max=0.01).state is State.PASS
    assert verdict(world, tolerate="10%").state is State.SOURCE_DOWN


def test_a_query_that_cannot_be_read_is_invalid():
    found = verdict(World(), max=0.01, bad="rate(bad{$arm}[5m])")
    assert found.state is State.INVALID
    assert "plain selector" in found.why


# Segments

SEGMENTS = {"segment": {"label": "channel", "required": ["web", "voice"]}}


def by_channel(**bad):
    world = World()
    for channel, share in bad.items():
        for arm, labels in (("c", CANARY), ("b", BASELINE)):
            world.counter("req", 100, 1200, channel=channel, **labels)
            world.counter("bad", share if arm == "c" else 1, 1200, channel=channel, **labels)
    return world


def test_every_segment_is_judged_beside_the_whole():
    world = by_channel(web=0.5, voice=8, chat=0.5)
    found = world.judge(plan_of([ratio(max=0.05)], metrics=SEGMENTS), 1200)
    assert {key: v.state for key, v in found.items()} == {
        "errors": State.PASS,
        "errors/chat": State.PASS,
        "errors/voice": State.BREACH,
        "errors/web": State.PASS,
    }


def test_a_required_segment_that_is_missing_is_no_data():
    found = by_channel(web=0.5).judge(plan_of([ratio(max=0.05)], metrics=SEGMENTS), 1200)
    assert found["errors/voice"].state is State.NO_DATA
    assert 'channel="voice"' in found["errors/voice"].why
    assert found["errors"].state is State.PASS


def test_a_segment_of_the_canary_alone_is_left_out_of_the_comparison():
    world = by_channel(web=0.5, voice=0.5)
    world.counter("req", 100, 1200, channel="new", **CANARY).counter("bad", 90, 1200, channel="new", **CANARY)
    found = world.judge(plan_of([ratio(tolerate="10%")], metrics=SEGMENTS), 1200)
    assert found["errors/new"].state is State.NO_DATA
    assert found["errors"].state is State.PASS
    assert found["errors"].evidence.canary == pytest.approx(0.005)


def test_a_source_that_is_down_gives_a_verdict_for_every_required_segment():
    world = World(failures={"req": SourceFailure(FailureKind.DOWN, "gone")})
    found = world.judge(plan_of([ratio(max=0.05)], metrics=SEGMENTS), 1200)
    assert set(found) == {"errors", "errors/web", "errors/voice"}
    assert {v.state for v in found.values()} == {State.SOURCE_DOWN}


def test_a_phase_that_has_not_begun():
    found = arms((100, 0)).judge(plan_of([ratio(max=0.05)]), -90)
    assert found["errors"].state is State.PENDING
    assert found["errors"].why == "the phase begins in 1m30s."
