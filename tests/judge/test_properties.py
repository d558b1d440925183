"""What must hold whatever the samples are."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from judge.worlds import START, World, plan_of, ratio, value
from rolloutctl.judge.judge import judge_phase
from rolloutctl.model.samples import Samples, Series
from rolloutctl.model.verdict import State

PLAN = plan_of(
    [
        ratio(id="abs", max=0.05, window="1m"),
        ratio(id="rel", tolerate="20%", window="2m"),
        value(id="abs-v", max=3, window="1m", hard_max=9),
        value(id="rel-v", tolerate="10%", hold="1m"),
    ],
    metrics={"segment": {"label": "channel", "required": ["web"]}},
    judge={"min_time": "2m"},
)
QUIET = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 10_000)


def random_world(seed, until=900.0):
    rng = random.Random(seed)
    world = World()
    shift = rng.choice([0.0, 0.0, 0.04, 0.2])
    for version in ("1", "2"):
        for host in range(rng.randint(1, 3)):
            since, end = rng.choice([-600, -600, 100]), rng.choice([until, until, until, 500.0])
            labels = {"version": version, "instance": f"{version}{host}", "channel": rng.choice(["web", "chat"])}
            level = rng.choice([5, 50, 200])
            worse = shift if version == "2" else 0.0
            rising = rng.uniform(100, until)

            def bad(at, level=level, worse=worse, rising=rising):
                return level * (0.02 + (worse if at > rising else 0.0))

            offset = rng.uniform(0.1, 14.9)
            world.counter("req", level, end, since=since, offset=offset, **labels)
            world.counter("bad", bad, end, since=since, offset=offset, **labels)
            world.gauge(
                "cost",
                lambda at, worse=worse, rising=rising: 2.0 + (30 * worse if at > rising else 0),
                end,
                since=since,
                offset=offset,
                **labels,
            )
    return world


def judged(world, at):
    return judge_phase(PLAN, 0, START, START + at, world.answers(PLAN, at))


@QUIET
@given(seeds, st.integers(0, 900), st.randoms())
def test_the_order_of_series_and_samples_is_irrelevant(seed, at, rng):
    world = random_world(seed)
    answers = world.answers(PLAN, at)
    shuffled = {}
    for query, answer in answers.items():
        series = []
        for one in answer.series:
            pairs = list(zip(one.times, one.values, strict=True))
            rng.shuffle(pairs)
            series.append(Series(one.labels, tuple(t for t, _ in pairs), tuple(v for _, v in pairs)))
        rng.shuffle(series)
        shuffled[query] = Samples(tuple(series))
    first = judge_phase(PLAN, 0, START, START + at, answers)
    second = judge_phase(PLAN, 0, START, START + at, shuffled)
    assert [(v.key, v.state, v.why, v.breach_at) for v in first] == [(v.key, v.state, v.why, v.breach_at) for v in second]


@QUIET
@given(seeds, st.integers(0, 800), st.integers(15, 200))
def test_more_history_never_takes_a_breach_back(seed, at, more):
    world = random_world(seed, until=1100.0)
    early = {v.key: v for v in judged(world, at)}
    late = {v.key: v for v in judged(world, at + more)}
    for key, verdict in early.items():
        if verdict.state is State.BREACH:
            assert late[key].state is State.BREACH
            assert late[key].breach_at == verdict.breach_at


@QUIET
@given(seeds, st.integers(100, 900))
def test_a_judge_that_looked_before_says_the_same_as_one_that_starts_now(seed, at):
    world = random_world(seed)
    for earlier in range(0, at, 90):
        judged(world, earlier)
    assert judged(world, at) == judged(random_world(seed), at)


@QUIET
@given(seeds, st.sampled_from([1e-9, 1e-6, 1e3, 1e6, 1e12]))
def test_the_unit_of_a_value_is_irrelevant(seed, scale):
    world = random_world(seed)
    scaled = World(
        [
            Series(s.labels, s.times, tuple(v * scale for v in s.values)) if s.label("__name__") == "cost" else s
            for s in world.series
        ]
    )
    plan = plan_of([value(id="max", max=3, hard_max=7), value(id="rel", tolerate="10%")])
    in_other_unit = plan_of([value(id="max", max=3 * scale, hard_max=7 * scale), value(id="rel", tolerate="10%")])
    first, second = world.judge(plan, 900), scaled.judge(in_other_unit, 900)
    assert {k: (v.state, v.breach_at) for k, v in first.items()} == {k: (v.state, v.breach_at) for k, v in second.items()}


@QUIET
@given(seeds, st.integers(2, 5), st.integers(100, 900))
def test_splitting_a_counter_over_more_hosts_does_not_change_the_ratio(seed, hosts, at):
    rng = random.Random(seed)
    steps = [(rng.randint(20, 60), rng.randint(0, 3)) for _ in range(120)]
    times = [START - 600 + 15 * i + 3 for i in range(len(steps))]

    def world_of(parts):
        world = World()
        for part in range(parts):
            for column, name in enumerate(("req", "bad")):
                shown, values = 0.0, []
                for step in steps:
                    shown += step[column] * hosts // parts
                    values.append(shown)
                world.add(name, times, values, version="2", instance=str(part))
        return world

    plan = plan_of([ratio(max=0.05)])
    one, many = (world_of(parts).judge(plan, at)["errors"] for parts in (1, hosts))
    assert (one.state, one.breach_at) == (many.state, many.breach_at)
    assert (one.evidence.canary is None) == (many.evidence.canary is None)
    assert one.evidence.canary is None or abs(one.evidence.canary - many.evidence.canary) < 1e-9


@QUIET
@given(seeds, st.integers(0, 900))
def test_every_verdict_says_why_and_no_state_of_missing_evidence_is_a_pass(seed, at):
    for verdict in judged(random_world(seed), at):
        assert verdict.why.endswith((".", ")"))
        assert verdict.would_change
        if verdict.state.missing_evidence:
            assert verdict.missing_since is not None
        if verdict.state is State.PASS:
            assert at >= 120
            assert not verdict.grace_over
