"""The embedded evaluator: results computed by hand, refusals, and equality with a real Prometheus."""

import math
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest

from rolloutctl.demo.http import LoopbackServer
from rolloutctl.demo.plans import Pace, plan_document
from rolloutctl.demo.prometheus_api import PrometheusApi
from rolloutctl.demo.promql import Evaluator, parse
from rolloutctl.demo.promql_values import Scalar, Vector
from rolloutctl.demo.scenarios import SERVICES
from rolloutctl.demo.tsdb import Tsdb
from servers.prometheus import running_prometheus

Series = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]
NOW_MS = 1_700_000_000_000


def labels(name: str, **more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"__name__": name, **more}.items()))


def filled(series: Series) -> Tsdb:
    tsdb = Tsdb(retention_ms=86_400_000)
    for each, points in series.items():
        for at_ms, value in points:
            tsdb.append(at_ms, [(each, value)])
    return tsdb


@contextmanager
def served(tsdb: Tsdb, now_ms: int = NOW_MS) -> Iterator[httpx.Client]:
    with (
        LoopbackServer(PrometheusApi(tsdb, "global: {}\n", lambda: now_ms).answer) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        yield client


def value(tsdb: Tsdb, query: str, at_ms: int = NOW_MS) -> float | list[float]:
    found = Evaluator(tsdb, at_ms).evaluate(parse(query))
    if isinstance(found, Scalar):
        return found.value
    assert isinstance(found, Vector)
    return [sample.value for sample in found.samples]


# -- by hand


def steady(slope: float, *, first: float = 1000.0, every_ms: int = 1000, count: int = 121, off_ms: int = 400) -> Series:
    begin = NOW_MS - (count - 1) * every_ms - off_ms
    return {labels("a"): [(begin + n * every_ms, first + slope * n * every_ms / 1000) for n in range(count)]}


def test_rate_of_a_steady_counter_is_its_slope():
    tsdb = filled(steady(3.0))
    assert value(tsdb, "rate(a[1m])") == pytest.approx([3.0])
    assert value(tsdb, "increase(a[1m])") == pytest.approx([180.0])


def test_rate_extrapolates_half_a_gap_at_most():
    points = [(NOW_MS - 40_000, 1010.0), (NOW_MS - 30_000, 1020.0), (NOW_MS - 20_000, 1040.0)]
    # 30 in 20 s; gap 10 s; 20 s missing on either side of the minute: half a gap each.
    assert value(filled({labels("a"): points}), "increase(a[1m])") == pytest.approx([30 * 30 / 20])


def test_a_counter_is_not_extrapolated_below_zero():
    points = [(NOW_MS - 55_000, 1.0), (NOW_MS - 45_000, 11.0), (NOW_MS - 35_000, 21.0)]
    # From 1 at 10 per 10 s it was zero 1 s before the first sample; 35 s are missing at the end: half a gap.
    assert value(filled({labels("a"): points}), "increase(a[1m])") == pytest.approx([20 * (20 + 1 + 5) / 20])


def test_a_reset_counts_what_came_after_it():
    points = [(NOW_MS - 50_000 + 10_000 * n, amount) for n, amount in enumerate((100.0, 110.0, 5.0, 15.0, 25.0, 35.0))]
    assert value(filled({labels("a"): points}), "increase(a[50s])") == pytest.approx([10 + 5 + 30])


def test_quantiles_interpolate_in_their_bucket():
    buckets = {labels("h", le=edge): [(NOW_MS, count)] for edge, count in (("0.1", 50.0), ("0.5", 90.0), ("+Inf", 100.0))}
    tsdb = filled(buckets)
    assert value(tsdb, "histogram_quantile(0.7, h)") == pytest.approx([0.1 + 0.4 * 20 / 40])
    assert value(tsdb, "histogram_quantile(0.99, h)") == pytest.approx([0.5])
    assert value(tsdb, "histogram_quantile(0.25, h)") == pytest.approx([0.05])


def test_old_and_stale_samples_are_not_seen():
    tsdb = Tsdb(86_400_000)
    tsdb.append(NOW_MS - 300_001, [(labels("old"), 1.0)])
    tsdb.append(NOW_MS - 300_000, [(labels("edge"), 2.0)])
    tsdb.append(NOW_MS - 5000, [(labels("gone"), 3.0)])
    tsdb.append(NOW_MS - 4000, [], stale=[labels("gone")])
    assert value(tsdb, "old") == []
    assert value(tsdb, "edge") == [2.0]
    assert value(tsdb, "gone") == []
    assert value(tsdb, "gone offset 5s") == [3.0]
    assert value(tsdb, "count_over_time(gone[1m])") == [1.0]
    assert value(tsdb, "absent(gone)") == [1.0]


def test_a_series_that_returns_is_seen_again():
    tsdb = Tsdb(86_400_000)
    tsdb.append(NOW_MS - 3000, [(labels("a"), 1.0)])
    tsdb.append(NOW_MS - 2000, [], stale=[labels("a")])
    tsdb.append(NOW_MS - 1000, [(labels("a"), 2.0)])
    assert value(tsdb, "a") == [2.0]


def test_retention_and_time_that_stands_still():
    tsdb = Tsdb(retention_ms=10_000)
    for n in range(2000):
        tsdb.append(NOW_MS + n * 1000, [(labels("a"), float(n))])
    tsdb.append(NOW_MS, [(labels("a"), -1.0)])
    end = NOW_MS + 1_999_000
    assert value(tsdb, "a", end) == [1999.0]
    (kept,) = value(tsdb, "count_over_time(a[1h])", end)
    assert 10 <= kept <= 11 + 256


# -- refusals


@pytest.mark.parametrize(
    "query",
    [
        "topk(1, a)",
        "quantile(0.5, a)",
        "stddev(a)",
        "count_values('x', a)",
        "max_over_time(rate(a[1m])[5m:1m])",
        "a[5m:1m]",
        "a @ 100",
        "a @ end()",
        "a / on (job) group_left () b",
        "label_replace(a, 'x', 'y', 'z', '.*')",
        "predict_linear(a[1m], 60)",
        "irate(a[1m])",
        "quantile_over_time(0.5, a[1m])",
        "sort(a)",
        "round(a)",
    ],
)
def test_what_it_does_not_know_it_refuses_in_prometheus_shape(query):
    with served(filled(steady(1.0))) as client:
        answer = client.get("/api/v1/query", params={"query": query, "time": NOW_MS / 1000})
    assert answer.status_code == 422
    document = answer.json()
    assert (document["status"], document["errorType"]) == ("error", "execution")
    assert "not supported" in document["error"]


def test_the_api_around_queries():
    with served(filled(steady(2.0))) as client:
        moment = {"time": str(NOW_MS / 1000)}
        got = client.get("/api/v1/query", params={"query": "rate(a[1m])", **moment}).json()
        posted = client.post("/api/v1/query", data={"query": "rate(a[1m])", **moment}).json()
        assert got == posted
        assert got["data"]["result"][0]["value"] == [NOW_MS // 1000, "2"]
        raw = client.get("/api/v1/query", params={"query": "a[3s]", **moment}).json()["data"]
        assert raw["resultType"] == "matrix"
        assert [point[0] for point in raw["result"][0]["values"]] == [(NOW_MS - off) / 1000 for off in (2400, 1400, 400)]
        grid = {"query": "a", "start": NOW_MS / 1000 - 10, "end": NOW_MS / 1000, "step": "5s"}
        (row,) = client.get("/api/v1/query_range", params=grid).json()["data"]["result"]
        assert [point[0] for point in row["values"]] == [NOW_MS // 1000 - 10, NOW_MS // 1000 - 5, NOW_MS // 1000]
        assert client.get("/api/v1/series", params={"match[]": "a"}).json()["data"] == [{"__name__": "a"}]
        assert client.get("/api/v1/labels").json()["data"] == ["__name__"]
        assert client.get("/api/v1/label/__name__/values").json()["data"] == ["a"]
        assert client.get("/api/v1/status/buildinfo").json()["data"]["revision"] == "embedded"
        assert client.get("/-/ready").status_code == 200
        assert client.get("/api/v1/query", params={"query": "a", "time": "2023-11-14T22:13:20Z"}).status_code == 200


# -- against a real Prometheus

SELECTOR = 'http_requests_total{job="checkout",version="7.2.0"}'
QUERIES = [
    "1 + 2 * 3 ^ 2 % 5",
    "-3.5 / 0",
    "2 > bool 1",
    "time()",
    "vector(1) / vector(0)",
    "'text'",
    SELECTOR,
    f"{SELECTOR}[30s]",
    f"{SELECTOR}[30s] offset 10s",
    "http_requests_total offset 20s",
    'http_requests_total{code=~"5..",instance!~"c.*",channel!="web"}',
    '{__name__=~"eval.*|up"}',
    'http_requests_total{absent=""}',
    "nothing",
    *(
        f"{function}(http_requests_total[{window}])"
        for function in ("rate", "increase", "delta")
        for window in ("5s", "13s", "1m", "4m")
    ),
    *(f"{function}_over_time(eval_score[47s])" for function in ("avg", "sum", "min", "max", "count", "last")),
    "rate(http_requests_total[1m] offset 30s)",
    *(f"{function}(rate(http_requests_total[30s]))" for function in ("sum", "avg", "min", "max", "count", "group")),
    "sum by (version, code) (rate(http_requests_total[1m]))",
    "sum by (nolabel) (up)",
    "sum without (instance, channel) (http_requests_total)",
    "avg by (version) (eval_score)",
    "min(eval_score)",
    "max by (instance) (eval_score)",
    'sum(rate(http_requests_total{code="500"}[1m])) / sum(rate(http_requests_total[1m]))',
    'rate(http_requests_total{code="500"}[1m]) / ignoring (code) rate(http_requests_total{code="200"}[1m])',
    'sum by (channel) (rate(http_requests_total{code="500"}[1m])) / on (channel) sum by (channel) (rate(http_requests_total[1m]))',
    "eval_score > 0.86",
    "0.86 < eval_score",
    "eval_score >= bool 0.86",
    "eval_score == eval_score",
    "up == on (instance) up",
    "up != bool on (instance) eval_score",
    "http_requests_total > ignoring (code) http_requests_total",
    "eval_score - 1",
    "2 ^ eval_score",
    "-eval_score",
    "up and on (instance) eval_score > 0.86",
    "up or vector(0)",
    "nothing or on () vector(0)",
    "eval_score unless on (instance) up == 0",
    "eval_score or up",
    *(f"histogram_quantile({q}, sum by (le) (rate(duration_bucket[1m])))" for q in (0, 0.5, 0.95, 0.99, 1, 2, -1)),
    "histogram_quantile(0.9, sum by (le, instance) (rate(duration_bucket[30s])))",
    "histogram_quantile(0.9, duration_bucket)",
    "timestamp(up)",
    "timestamp(up offset 10s)",
    "timestamp((up))",
    "timestamp(sum(up))",
    "time() - timestamp(up)",
    "scalar(sum(up))",
    "scalar(up)",
    "absent(nothing)",
    'absent(nothing{job="checkout",x=~"y",z!="1"})',
    "absent(sum(nothing))",
    "absent(up)",
    "abs(-eval_score)",
    "clamp(eval_score, 0.855, 0.865)",
    "clamp(eval_score, 2, 1)",
    "clamp_min(eval_score, 0.86)",
    "clamp_max(eval_score, 0.86)",
    "1000 * sum(rate(cost_total[30s])) / sum(rate(http_requests_total[30s]))",
]
WRONG = [
    "",
    "foo(",
    "rate(up)",
    "nosuch(up)",
    "1 > 2",
    "{}",
    "up + on () up",
    "up / on (job) up",
    '{__name__=~"up|eval_score"} + 1',
    'rate({__name__=~"up|eval_score"}[1m])',
]


def story(seed: int, end_ms: int) -> Series:
    """Five minutes of a service: staggered scrapes, some missed, resets, a late start, an early end, NaN."""
    rng = Random(seed)
    series: Series = {}
    for place, instance in enumerate(("c1", "c2", "b1", "b2", "b3")):
        version = "7.2.0" if instance.startswith("c") else "6.9.4"
        times = [end_ms - 300_000 + 1000 * n + 137 * place + 61 for n in range(300)]
        times = [at for at in times if rng.random() > 0.05 and at < end_ms]
        if instance == "c2":
            times = times[120:]
        if instance == "b3":
            times = times[:200]
        same = {"job": "checkout", "version": version, "instance": instance}
        for channel in ("web", "voice"):
            for code, step in (("200", 5.0), ("500", 0.3)):
                key = labels("http_requests_total", **same, channel=channel, code=code)
                series[key] = counter(rng, times, step, resets=instance == "b1")
        ladders = [counter(rng, times, step, resets=instance == "b1", seeded=7) for step in (2.0, 3.0, 1.0, 0.1)]
        for depth, edge in enumerate(("0.1", "0.3", "0.8", "+Inf")):
            summed = [(at, sum(ladder[n][1] for ladder in ladders[: depth + 1])) for n, at in enumerate(times)]
            series[labels("duration_bucket", **same, le=edge)] = summed
        series[labels("cost_total", **same)] = counter(rng, times, 0.012, resets=False)
        series[labels("eval_score", **same)] = [
            (at, math.nan if instance == "b2" and n % 50 == 0 else rng.gauss(0.86, 0.01)) for n, at in enumerate(times)
        ]
        series[labels("up", job="checkout", instance=instance)] = [(at, float(n % 40 != 0)) for n, at in enumerate(times)]
    return series


def counter(rng: Random, times: list[int], step: float, *, resets: bool, seeded: int | None = None) -> list[tuple[int, float]]:
    chance = rng if seeded is None else Random(seeded)
    total, points = 0.0, []
    for at in times:
        total = 0.0 if resets and chance.random() < 0.02 else total + rng.expovariate(1 / step)
        points.append((at, total))
    return points


def openmetrics(series: Series) -> str:
    lines: list[str] = []
    for each, points in sorted(series.items(), key=lambda item: dict(item[0])["__name__"]):
        pairs = dict(each)
        name = pairs.pop("__name__")
        inside = ",".join(f'{key}="{text}"' for key, text in pairs.items())
        lines += [f"{name}{{{inside}}} {number!r} {at / 1000:.3f}" for at, number in points]
    return "\n".join([*lines, "# EOF", ""])


def close(one: object, other: object) -> bool:
    return math.isclose(float(str(one)), float(str(other)), rel_tol=1e-9, abs_tol=1e-12) or (
        math.isnan(float(str(one))) and math.isnan(float(str(other)))
    )


def rows(data: dict) -> dict:
    """Labels -> list of [time, value]."""
    if data["resultType"] in {"scalar", "string"}:
        return {(): [data["result"]]}
    return {tuple(sorted(row["metric"].items())): row["values"] if "values" in row else [row["value"]] for row in data["result"]}


def assert_same(query: str, ours: httpx.Response, theirs: httpx.Response) -> None:
    assert ours.status_code == theirs.status_code, (query, ours.text, theirs.text)
    one, other = ours.json(), theirs.json()
    assert one["status"] == other["status"], query
    if one["status"] == "error":
        assert one["errorType"] == other["errorType"], (query, one, other)
        return
    assert one["data"]["resultType"] == other["data"]["resultType"], query
    left, right = rows(one["data"]), rows(other["data"])
    assert left.keys() == right.keys(), query
    for key, points in right.items():
        assert [point[0] for point in left[key]] == [point[0] for point in points], (query, key)
        if one["data"]["resultType"] == "string":
            assert left[key] == points
            continue
        for mine, real in zip(left[key], points, strict=True):
            assert close(mine[1], real[1]), (query, key, mine, real)


@pytest.mark.service
@pytest.mark.parametrize("seed", [1, 2])
def test_results_equal_a_real_prometheus(prometheus_binary, tmp_path: Path, seed: int):
    end_ms = (time.time_ns() // 1_000_000_000 - 60) * 1000
    series = story(seed, end_ms)
    source = tmp_path / "samples.om"
    source.write_text(openmetrics(series))
    promtool = prometheus_binary.parent / "promtool"
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", source, tmp_path / "data"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with (
        running_prometheus([], work=tmp_path) as server,
        httpx.Client(base_url=server.url, trust_env=False) as theirs,
        served(filled(series)) as ours,
    ):
        seen = 0
        for query in QUERIES:
            for back_s in (0, 17, 120.5, 290):
                params = {"query": query, "time": str(end_ms / 1000 - back_s)}
                real = theirs.get("/api/v1/query", params=params)
                assert_same(query, ours.get("/api/v1/query", params=params), real)
                seen += len(rows(real.json()["data"])) if real.is_success else 0
            if query.endswith(("s]", "s] offset 10s", "'text'")):
                continue
            grid = {"query": query, "start": end_ms / 1000 - 310, "end": end_ms / 1000, "step": "7"}
            assert_same(query, ours.get("/api/v1/query_range", params=grid), theirs.get("/api/v1/query_range", params=grid))
        assert seen > 1000, "the comparison had something to compare"
        for query in WRONG:
            params = {"query": query, "time": str(end_ms / 1000)}
            assert_same(query, ours.get("/api/v1/query", params=params), theirs.get("/api/v1/query", params=params))
        for grid in (
            {"query": "up", "start": "1", "end": "10"},
            {"query": "up", "start": "1", "end": "10", "step": "0"},
            {"query": "up", "start": "11", "end": "10", "step": "1"},
            {"query": "up", "start": "1", "end": "100000", "step": "1"},
            {"query": "up[1m]", "start": "1", "end": "10", "step": "1"},
            {"query": "up", "start": "x", "end": "10", "step": "1"},
        ):
            assert_same(str(grid), ours.get("/api/v1/query_range", params=grid), theirs.get("/api/v1/query_range", params=grid))
        for path in ("/api/v1/nothing", "/api/v1/series", "/api/v1/label/job/values", "/-/ready"):
            assert ours.get(path).status_code == theirs.get(path).status_code


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda each: each.scenario.value)
@pytest.mark.parametrize("speed", [1, 20])
def test_it_answers_every_expression_of_the_demo_plans(service, speed):
    document = plan_document(service, Pace(speed, 1.0))
    tsdb = filled(steady(1.0))
    for criterion in document["criteria"]:
        for key in ("expr", "bad", "total"):
            for arm in ("canary", "baseline"):
                if key in criterion:
                    query = criterion[key].replace("$arm", document["metrics"][arm])
                    assert Evaluator(tsdb, NOW_MS).evaluate(parse(query)) is not None
