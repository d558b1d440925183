"""Queries that share requests get what each would have got alone."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.model_server import Asker, Model, same
from rolloutctl.model.samples import FailureKind, Query, QueryKind, Samples

NAMES = ["x", "y_total"]
VALUES = {
    "svc": ["", "a", "b", "c.d", "a|b"],
    "arm": ["canary", "base"],
    "code": ["200", "500", "503", "a\nb", ""],
}
REGEXES = ["5..", "5.*", "a|b", "(2|5)00", "[a-c].*", ".+", "", "(?i)A", "c\\.d", "canary|base", "a{1,2}", ".*?"]

labels = st.fixed_dictionaries({"__name__": st.sampled_from(NAMES)}, optional={k: st.sampled_from(v) for k, v in VALUES.items()})
matchers = st.sampled_from(sorted(VALUES)).flatmap(
    lambda label: st.one_of(
        st.tuples(st.just(label), st.sampled_from(["=", "="]), st.sampled_from(VALUES[label])),
        st.tuples(st.just(label), st.just("!="), st.sampled_from(VALUES[label])),
        st.tuples(st.just(label), st.sampled_from(["=~", "!~"]), st.sampled_from(REGEXES)),
    )
)


def selector(name, parts) -> str:
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace("\n", "\\n") + '"'

    return name + "{" + ",".join(f"{label}{operator}{quoted(value)}" for label, operator, value in parts) + "}"


selectors = st.builds(selector, st.sampled_from(NAMES), st.lists(matchers, max_size=3))
expressions = st.one_of(
    selectors,
    selectors.map(lambda text: f"sum({text})"),
    selectors.map(lambda text: f"count by (arm) ({text})"),
    selectors.map(lambda text: f"sum by (svc, code) ({text})"),
)


@st.composite
def models(draw):
    found = {}
    for one in draw(st.lists(labels, max_size=14)):
        kept = {name: value for name, value in one.items() if value}
        offset = draw(st.floats(0, 14))
        first = draw(st.integers(0, 30))
        samples = [(round(offset + 15.0 * i, 3), float(i)) for i in range(first, 40)]
        found[tuple(sorted(kept.items()))] = (kept, samples)
    return Model(list(found.values()))


@settings(deadline=None, max_examples=60)
@given(models(), st.lists(selectors, min_size=1, max_size=12), st.lists(st.integers(60, 590), min_size=1, max_size=3))
def test_raw_samples_are_handed_out_as_if_each_were_asked_alone(model, texts, looks):
    asker = Asker(model)
    for look in sorted(looks):
        queries = [Query(QueryKind.RAW, text, 30.0 + 60 * (i % 2), float(look)) for i, text in enumerate(texts) if look > 90]
        answers = asyncio.run(asker.fetch(queries))
        for query in queries:
            assert same(answers[query].series, model.whole(query)), query


@settings(deadline=None, max_examples=60)
@given(
    models(),
    st.lists(st.tuples(expressions, st.sampled_from([0.0, 3.25, 7.123, 41.0])), min_size=1, max_size=10),
    st.lists(selectors, max_size=5),
    st.lists(st.integers(120, 560), min_size=1, max_size=3),
)
def test_grids_of_several_phases_are_handed_out_as_if_each_were_asked_alone(model, wanted, dated, looks):
    asker = Asker(model)
    for look in sorted(looks):
        queries = [grid(QueryKind.GRID, text, start, look) for text, start in wanted]
        queries += [grid(QueryKind.TIMESTAMP, text, 7.123 * i, look) for i, text in enumerate(dated)]
        answers = asyncio.run(asker.fetch(queries))
        for query in queries:
            assert same(answers[query].series, model.whole(query)), query


def grid(kind, text, start, now, step=15.0) -> Query:
    return Query(kind, text, start, start + math.floor((now - start) / step) * step, step)


def fleet(rollouts=100, samples=8) -> Model:
    """Two arms and two codes of every service."""
    found = []
    for number in range(rollouts):
        for arm in ("canary", "base"):
            for code in ("200", "500"):
                for name in ("x", "y_total"):
                    one = {"__name__": name, "svc": f"s{number}", "arm": arm, "code": code}
                    found.append((one, [(15.0 * i, float(i)) for i in range(samples)]))
    return Model(found)


def fleet_queries(rollouts, now):
    queries = []
    for number in range(rollouts):
        for arm in ("canary", "base"):
            who = f'svc="s{number}",arm="{arm}"'
            start = 0.137 * number
            queries += [
                Query(QueryKind.RAW, f"x{{{who}}}", 0.0, now),
                Query(QueryKind.RAW, f'x{{{who},code=~"5.."}}', 0.0, now),
                grid(QueryKind.GRID, f"sum(y_total{{{who}}})", start, now),
                grid(QueryKind.TIMESTAMP, f"y_total{{{who}}}", start, now),
            ]
    return queries


async def test_a_hundred_rollouts_are_a_handful_of_requests():
    model = fleet()
    asker = Asker(model)
    for now in (100.0, 115.0):
        model.asked.clear()
        queries = fleet_queries(100, now)
        answers = await asker.fetch(queries)
        assert len(model.asked) <= 8
        for query in queries:
            assert same(answers[query].series, model.whole(query)), query


async def test_what_a_server_finds_too_long_is_asked_in_parts_and_nobody_sees_that():
    model = fleet(40)
    model.longest = 900
    asker = Asker(model)
    counts = []
    for look in range(8):
        model.asked.clear()
        queries = fleet_queries(40, 100.0 + 15 * look)
        answers = await asker.fetch(queries)
        counts.append(len(model.asked))
        for query in queries:
            assert same(answers[query].series, model.whole(query)), query
    assert all(len(question.text) <= 900 for question in model.asked), "it has learned what is too long"
    assert counts[-1] < counts[0]


async def test_a_refused_expression_spoils_nothing_and_is_asked_alone_from_then_on():
    model = fleet(20)
    model.refuses = ('svc="s7"', "s7|")
    asker = Asker(model)
    queries = fleet_queries(20, 100.0)
    counts = []
    for _ in range(3):
        model.asked.clear()
        answers = await asker.fetch(queries)
        counts.append(len(model.asked))
        for query in queries:
            if '"s7"' in query.text:
                assert answers[query].kind is FailureKind.INVALID
            else:
                assert same(answers[query].series, model.whole(query))
    assert counts[2] <= 16
    assert counts[2] < counts[0]


async def test_a_query_with_too_many_series_fails_alone():
    model = fleet(10)
    wide = Query(QueryKind.RAW, 'x{arm="canary"}', 0.0, 100.0)
    narrow = [Query(QueryKind.RAW, f'x{{svc="s{i}",arm="canary"}}', 0.0, 100.0) for i in range(10)]
    answers = await Asker(model, max_series=5).fetch([wide, *narrow])
    assert answers[wide].kind is FailureKind.INVALID
    assert "more than the 5" in answers[wide].why or "too many" in answers[wide].why
    assert all(same(answers[query].series, model.whole(query)) for query in narrow)


async def test_combinations_that_bring_much_nobody_wants_are_given_up():
    # Every service in every zone, but each is asked for in one: merged, a hundred times too much comes along.
    model = Model(
        [
            ({"__name__": "x", "svc": f"s{i}", "zone": f"z{j}"}, [(15.0 * k, 1.0) for k in range(8)])
            for i in range(30)
            for j in range(30)
        ]
    )
    asker = Asker(model)
    sizes = []
    for look in range(4):
        queries = [Query(QueryKind.RAW, f'x{{svc="s{i}",zone="z{i}"}}', 0.0, 60.0 + 15 * look) for i in range(30)]
        model.asked.clear()
        answers = await asker.fetch(queries)
        sizes.append(sum(len(model.raw(question)) for question in model.asked))
        assert all(same(answers[query].series, model.whole(query)) for query in queries)
    assert sizes[0] == 900
    assert sizes[-1] < 300


async def test_partial_data_is_told_to_everyone_and_kept_by_nobody():
    model = fleet(3)
    asker = Asker(model)
    queries = fleet_queries(3, 100.0)
    model.warns = ("store gone",)
    partial = await asker.fetch(queries)
    assert {answer.warnings for answer in partial.values()} == {("store gone",)}
    model.warns = ()
    model.asked.clear()
    whole = await asker.fetch(queries)
    assert all(
        whole[query] == Samples(whole[query].series) and same(whole[query].series, model.whole(query)) for query in queries
    )
    assert any("[100001ms]" in question.text for question in model.asked), "everything is asked again"


async def test_a_remark_about_one_expression_is_not_partial_data_for_others():
    model = fleet(3)
    warn = "PromQL warning: metric might not be a counter"

    async def ask(question, most):
        found = await Model.ask(model, question, most)
        return Samples(found.series, (warn,)) if "s1" in question.text else found

    model.ask = ask
    queries = fleet_queries(3, 100.0)
    answers = await Asker(model).fetch(queries)
    assert {query: answer.warnings for query, answer in answers.items()} == {
        query: (warn,) if 's1"' in query.text else () for query in queries
    }


@pytest.mark.parametrize("kind", [QueryKind.RAW, QueryKind.GRID])
async def test_four_weeks_are_read_in_chunks_and_a_fetch_that_was_broken_off_goes_on(kind):
    day = 86_400.0
    model = Model([({"__name__": "x", "host": str(i)}, [(60.0 * k, float(k)) for k in range(28 * 1440)]) for i in range(2)])
    end = 28 * day - 60.0
    query = Query(kind, "x", 0.0, end, 60.0 if kind is QueryKind.GRID else 0.0)
    if kind is QueryKind.GRID:
        model.grid = lambda question: tuple(one for one in (model.cut(_X, question.start, question.end)) if len(one))
    asker = Asker(model)
    asker.give_up_at = -1.0
    looks = 0
    answer = (await asker.fetch([query]))[query]
    while not isinstance(answer, Samples):
        assert answer.kind is FailureKind.DOWN
        assert "the next look goes on" in answer.why
        looks += 1
        assert looks < 60
        answer = (await asker.fetch([query]))[query]
    assert looks > 1
    assert [len(one) for one in answer.series] == [28 * 1440] * 2
    assert len(model.asked) == looks + 1, "nothing was read twice"
    if kind is QueryKind.GRID:
        assert all((question.end - question.start) / 60 < 11_000 for question in model.asked)


class _X:
    name = "x"

    class matchers:  # noqa: N801
        matchers = ()
