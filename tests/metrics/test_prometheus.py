"""What is asked of a Prometheus, and what becomes of its answers."""

import asyncio
import math
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from metrics.server import NOW, grid, json_answer, matrix, raw, serving, source, success
from rolloutctl import config
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.samples import FailureKind, Query, QueryKind, Samples, Series

UP = {"__name__": "up", "instance": "a"}


async def fetched(lying, *queries, **settings):
    asked = source(lying.url, **settings)
    try:
        answers = await asked.fetch(queries)
    finally:
        await asked.close()
    return [answers[query] for query in queries]


async def test_raw_samples_are_asked_as_a_range_selector_at_the_end():
    with serving(json_answer(matrix((UP, [(NOW - 20.5, "1"), (NOW - 5.5, "+Inf"), (NOW - 1, "NaN")])))) as lying:
        (answer,) = await fetched(lying, raw())
    assert lying.requests[0].path == "/api/v1/query"
    assert lying.requests[0].query == {"query": "up[300001ms]", "time": "1700000000.000", "nocache": "1"}
    (series,) = answer.series
    assert series.labels == (("__name__", "up"), ("instance", "a"))
    assert series.times == (NOW - 20.5, NOW - 5.5, NOW - 1)
    assert series.values[:2] == (1.0, math.inf)
    assert math.isnan(series.values[2])


async def test_samples_outside_of_what_was_asked_are_left_out():
    with serving(json_answer(matrix((UP, [(NOW - 300.001, "1"), (NOW - 300, "2"), (NOW, "3"), (NOW + 1, "4")])))) as lying:
        (answer,) = await fetched(lying, raw())
    assert answer.series[0].values == (2.0, 3.0)


async def test_grid_times_go_out_exactly_and_timestamps_ask_for_the_function():
    # Too long a grid to share a request.
    end = NOW + 0.123 + 15 * 30
    queries = (grid(start=NOW + 0.123, end=end), Query(QueryKind.TIMESTAMP, "up", NOW, NOW + 15 * 30, 15.0))
    with serving(json_answer(matrix())) as lying:
        answers = await fetched(lying, *queries)
    assert answers == [Samples(()), Samples(())]
    by_query = {request.query["query"]: request for request in lying.requests}
    assert by_query.keys() == {"sum(up)", "timestamp(up)"}
    sent = by_query["sum(up)"]
    assert sent.path == "/api/v1/query_range"
    assert sent.query == {
        "query": "sum(up)",
        "start": "1700000000.123",
        "end": "1700000450.123",
        "step": "15.000",
        "nocache": "1",
    }


async def test_a_start_between_two_milliseconds_loses_no_grid_time():
    start = NOW + 0.1234567
    values = [(round(start + 15 * i, 3), str(i)) for i in range(4)]
    with serving(json_answer(matrix((UP, values)))) as lying:
        (answer,) = await fetched(lying, grid(start=start, end=start + 45))
    assert answer.series[0].values == (0.0, 1.0, 2.0, 3.0)


async def test_equal_queries_are_sent_once():
    with serving(json_answer(matrix())) as lying:
        await fetched(lying, raw(), grid(), raw(), grid())
    assert len(lying.requests) == 2


async def test_a_long_grid_is_asked_in_pieces_and_put_together():
    def answer(handler, request):
        start, end, step = (float(request.query[key]) for key in ("start", "end", "step"))
        times = [start + i * step for i in range(round((end - start) / step) + 1)]
        handler.send_json(matrix((UP, [(time, str(time - NOW)) for time in times])))

    with serving(answer) as lying:
        (found,) = await fetched(lying, grid(start=NOW, end=NOW + 25_000, step=1.0))
    assert len(lying.requests) == 3
    assert found.series[0].values == tuple(map(float, range(25_001)))


async def test_a_long_query_goes_out_as_a_post_with_its_parameters_in_the_body():
    text = f'up{{instance=~"{"x" * 5000}"}}'
    with serving(json_answer(matrix())) as lying:
        await fetched(lying, raw(text), grid(f"sum({text})"))
    assert {(r.method, r.url_bytes) for r in lying.requests} == {("POST", 0)}
    assert {r.query["query"] for r in lying.requests} == {f"{text}[300001ms]", f"sum({text})"}
    assert all(r.headers["Content-Type"] == "application/x-www-form-urlencoded" for r in lying.requests)


async def test_warnings_are_kept():
    document = matrix((UP, [(NOW, "1")])) | {"warnings": ["store \x1b[31mgone"]}
    with serving(json_answer(document)) as lying:
        (answer,) = await fetched(lying, raw())
    assert answer.warnings == ("store [31mgone",)
    assert len(answer.series) == 1


async def test_only_the_newest_part_of_a_window_is_fetched_again():
    values = [(NOW - 300 + 15 * i, str(i)) for i in range(40)]

    def answer(handler, request):
        at, milliseconds = float(request.query["time"]), int(request.query["query"][3:-3])
        handler.send_json(matrix((UP, [v for v in values if at - milliseconds / 1000 <= v[0] <= at])))

    with serving(answer) as lying:
        asked = source(lying.url)
        await asked.fetch([raw()])
        later = raw(end=NOW + 60)
        found = (await asked.fetch([later]))[later]
        again = (await asked.fetch([later]))[later]
        await asked.close()
    assert [r.query["query"] for r in lying.requests] == ["up[300001ms]", "up[75001ms]", "up[15001ms]"]
    assert found == again
    assert found.series[0].times == tuple(time for time, _ in values if time <= NOW + 60)


async def test_a_failure_or_a_partial_answer_never_becomes_part_of_a_window():
    answers = [
        json_answer(matrix((UP, [(NOW - 100, "1")]))),
        json_answer(matrix((UP, [(NOW + 50, "9")])) | {"warnings": ["partial"]}),
        lambda handler, _: handler.send(500, b"oops"),
        json_answer(matrix((UP, [(NOW + 40, "2")]))),
    ]

    def answer(handler, request):
        answers[len(lying.requests) - 1](handler, request)

    later = raw(end=NOW + 60)
    with serving(answer) as lying:
        asked = source(lying.url)
        await asked.fetch([raw()])
        partial = (await asked.fetch([later]))[later]
        failed = (await asked.fetch([later]))[later]
        found = (await asked.fetch([later]))[later]
        await asked.close()
    assert partial == Samples((Series(tuple(sorted(UP.items())), (NOW - 100, NOW + 50), (1.0, 9.0)),), ("partial",))
    assert failed.kind is FailureKind.DOWN
    assert [r.query["query"] for r in lying.requests] == ["up[300001ms]", "up[75001ms]", "up[75001ms]", "up[75001ms]"]
    assert found == Samples((Series(tuple(sorted(UP.items())), (NOW - 100, NOW + 40), (1.0, 2.0)),))


async def test_now_is_the_sources_own_time():
    with serving(json_answer(success([NOW, str(NOW + 0.25)], "scalar"))) as lying:
        asked = source(lying.url)
        assert await asked.now() == datetime.fromtimestamp(NOW + 0.25, UTC)
        health = await asked.probe()
        await asked.close()
    assert lying.requests[0].query == {"query": "time()", "nocache": "1"}
    assert health.ok
    assert "2023-11-14T22:13:20" in health.text


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"type": "bearer", "token": {"env": "T"}}, "Bearer s3cr3t/+="),
        ({"type": "token", "token": {"env": "T"}}, "s3cr3t/+="),
        ({"type": "header", "name": "X-Api-Key", "token": {"env": "T"}}, None),
        ({"type": "basic", "username": "ana", "password": {"env": "T"}}, "Basic YW5hOnMzY3IzdC8rPQ=="),
        (None, None),
    ],
)
async def test_credentials_tenant_and_path_prefix(auth, header):
    with serving(json_answer(matrix())) as lying:
        asked = source(f"{lying.url}/prom/", auth=auth, headers={"X-Scope-OrgID": "checkout"})
        await asked.fetch([raw()])
        await asked.close()
    (request,) = lying.requests
    assert request.path == "/prom/api/v1/query"
    assert request.headers["X-Scope-OrgID"] == "checkout"
    assert request.headers.get("Authorization") == header
    assert request.headers.get("X-Api-Key") == ("s3cr3t/+=" if auth and auth["type"] == "header" else None)


async def test_a_secret_that_was_changed_is_read_again_after_a_401():
    def answer(handler, request):
        good = request.headers["Authorization"] == "Bearer new"
        handler.send_json(matrix() if good else {}, 200 if good else 401)

    values = iter(["old", "new", "new", "new"])
    auth = {"type": "bearer", "token": {"env": "T"}}
    with serving(answer) as lying:
        settings = config.PrometheusSource.model_validate({"type": "prometheus", "url": lying.url, "auth": auth})
        asked = PrometheusSource(settings, lambda _: next(values))
        found = await asked.fetch([raw()])
        await asked.close()
    assert found[raw()] == Samples(())
    assert len(lying.requests) == 2


async def test_many_queries_share_four_connections():
    busy, most = [0], [0]

    async def peak(count):
        def answer(handler, _):
            with lying.lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            lying.over.wait(0.02)
            with lying.lock:
                busy[0] -= 1
            handler.send_json(matrix())

        with serving(answer) as lying:
            return await fetched(lying, *(raw(f"m{i}") for i in range(count)))

    answers = await peak(30)
    assert set(answers) == {Samples(())}
    assert 2 <= most[0] <= 4


async def test_two_fetches_at_once():
    with serving(json_answer(matrix((UP, [(NOW, "1")])))) as lying:
        asked = source(lying.url)
        first, second = await asyncio.gather(asked.fetch([raw()]), asked.fetch([raw(), grid()]))
        await asked.close()
    assert first[raw()] == second[raw()]


def test_importing_the_source_loads_no_http_library():
    code = (
        "import sys, rolloutctl.metrics.prometheus;"
        "print([m for m in ('requests', 'prometheus_api_client', 'urllib3') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
