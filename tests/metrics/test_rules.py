"""The list of rules and an Alertmanager's alerts: what is asked, what is made of the answer, and every way it fails."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.server import NOW, Answer, Handler, Request, error, json_answer, matrix, raw, serving, source
from rolloutctl.metrics.decode import NotTheApi
from rolloutctl.metrics.rules import announced, rules
from rolloutctl.model.alerts import ERROR, HEALTH
from rolloutctl.model.samples import FailureKind, Query, QueryKind, Samples, Series, SourceFailure


def rule_query(name: str = "Burn") -> Query:
    return Query(QueryKind.RULE, name, NOW - 300, NOW)


def announced_query(name: str = "Burn") -> Query:
    return Query(QueryKind.ANNOUNCED, name, NOW - 300, NOW)


def rule(name: str = "Burn", **more: Any) -> dict[str, Any]:
    known = {"type": "alerting", "health": "ok", "labels": {"severity": "page"}, "lastEvaluation": "2023-11-14T22:13:19.5Z"}
    return {"name": name, **known, **more}


def listed(*found: dict[str, Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"groups": [{"name": "g", "file": "f", "interval": 30, "rules": list(found)}]}}


async def test_rules_of_several_names_are_one_request_and_series_by_name() -> None:
    document = listed(rule(), rule("Other"), rule("More"), {"type": "recording", "name": "Burn"})
    queries = [rule_query(), rule_query("Other"), rule_query("None")]
    with serving(json_answer(document)) as lying:
        metrics = source(lying.url + "/prom")
        found = await metrics.fetch(queries)
        await metrics.close()
    (request,) = lying.requests
    assert (request.method, request.path, request.query["type"]) == ("GET", "/prom/api/v1/rules", "alert")
    labels = (("__health__", "ok"), ("__name__", "RULE"), ("alertname", "Burn"), ("severity", "page"))
    assert found[queries[0]] == Samples((Series(labels, (NOW - 0.5,), (30.0,)),))
    assert [len(found[query].series) for query in queries] == [1, 1, 0]  # type: ignore[union-attr]


async def test_very_many_names_are_not_sent_and_are_found_all_the_same() -> None:
    queries = [rule_query(f"Alert{number:04d}") for number in range(300)]
    with serving(json_answer(listed(*(rule(query.text) for query in queries)))) as lying:
        metrics = source(lying.url)
        found = await metrics.fetch(queries)
        await metrics.close()
    assert all(len(answer.series) == 1 for answer in found.values() if isinstance(answer, Samples))
    assert [request.method for request in lying.requests] == ["GET"]


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (json_answer({}, 404), FailureKind.INVALID, "no list of alerting rules"),
        (json_answer({}, 501), FailureKind.INVALID, "no list of alerting rules"),
        (json_answer(error("internal", "broken"), 500), FailureKind.DOWN, "failed (500): broken"),
        (json_answer({}, 401), FailureKind.DOWN, "refused our credentials"),
        (json_answer({"status": "success", "data": []}), FailureKind.DOWN, "other than groups of rules"),
        (json_answer({"status": "success", "data": {"groups": [{"rules": 3}]}}), FailureKind.DOWN, "cannot be read"),
        (json_answer(listed(rule(lastEvaluation="yesterday"))), FailureKind.DOWN, "cannot be read"),
        (json_answer([1]), FailureKind.DOWN, "not the Prometheus API's"),
    ],
)
async def test_a_list_of_rules_that_fails_is_an_answer(answer: Answer, kind: FailureKind, said: str) -> None:
    with serving(answer) as lying:
        metrics = source(lying.url)
        (found,) = (await metrics.fetch([rule_query()])).values()
        await metrics.close()
    assert isinstance(found, SourceFailure)
    assert found.kind is kind
    assert said in found.why


async def test_queries_are_answered_whatever_becomes_of_the_rules() -> None:
    def answer(handler: Handler, request: Request) -> None:
        found = ({}, 500) if request.path.endswith("/rules") else (matrix(({"job": "x"}, [(NOW - 1, "1")])), 200)
        handler.send_json(*found)

    with serving(answer) as lying:
        metrics = source(lying.url)
        found = await metrics.fetch([raw(), rule_query()])
        await metrics.close()
    assert isinstance(found[raw()], Samples)
    assert isinstance(found[rule_query()], SourceFailure)


async def test_without_an_alertmanager_nobody_is_asked_and_nothing_fires() -> None:
    with serving(json_answer({})) as lying:
        metrics = source(lying.url)
        found = await metrics.fetch([announced_query()])
        await metrics.close()
    assert found == {announced_query(): Samples(())}
    assert lying.requests == []


async def test_an_alertmanager_is_asked_with_what_the_source_is_asked_with() -> None:
    alert = {"labels": {"alertname": "Burn", "zone": "b"}, "startsAt": "2023-11-14T22:13:00.000+00:00"}
    with serving(json_answer([alert, {**alert, "labels": {"alertname": "Another"}}])) as lying:
        auth = {"type": "bearer", "token": {"env": "X"}}
        metrics = source("http://127.0.0.1:9", alertmanager=lying.url + "/am/", headers={"X-Tenant": "t"}, auth=auth)
        found = await metrics.fetch([announced_query()])
        await metrics.close()
    labels = (("__name__", "ANNOUNCED"), ("alertname", "Burn"), ("zone", "b"))
    assert found[announced_query()] == Samples((Series(labels, (NOW - 20,), (1.0,)),))
    (request,) = lying.requests
    assert (request.path, request.query["filter"]) == ("/am/api/v2/alerts", 'alertname="Burn"')
    assert (request.headers["X-Tenant"], request.headers["Authorization"]) == ("t", "Bearer s3cr3t/+=")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (json_answer({"status": "success"}), "not as an Alertmanager"),
        (json_answer({}, 403), "refused the source's credentials (403)"),
        (json_answer({}, 404), "no Alertmanager at"),
        (json_answer({}, 503), "failed (503)"),
        (json_answer([{"labels": {}}]), "the Alertmanager answered alerts that cannot be read"),
    ],
)
async def test_an_alertmanager_that_fails_is_no_silence(answer: Answer, said: str) -> None:
    with serving(answer) as lying:
        metrics = source("http://127.0.0.1:9", alertmanager=lying.url)
        (found,) = (await metrics.fetch([announced_query()])).values()
        await metrics.close()
    assert isinstance(found, SourceFailure)
    assert found.kind is FailureKind.DOWN
    assert said in found.why
    assert "s3cr3t" not in found.why


def test_a_rule_that_was_never_evaluated_has_no_sample_and_one_that_fails_says_why() -> None:
    never = rule(health="unknown", lastEvaluation="0001-01-01T00:00:00Z")
    failing = rule(health="err", lastError="found duplicate\x1b[31m series")
    (_, first), (_, second) = rules(listed(never, failing)["data"])
    assert (first.times, first.label(HEALTH)) == ((), "unknown")
    assert (second.times, second.label(HEALTH), second.label(ERROR)) == ((NOW - 0.5,), "err", "found duplicate [31m series")


ANY = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.just("2023-11-14T22:13:19.5Z"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["groups", "rules", "name", "type", "labels", "startsAt", "lastEvaluation"]), inner)
    ),
    max_leaves=12,
)


@given(ANY)
def test_any_document_is_read_or_refused(document: Any) -> None:
    for read in (rules, announced):
        try:
            found = read(document)
        except NotTheApi:
            continue
        assert all(isinstance(name, str) and isinstance(series, Series) for name, series in found)
