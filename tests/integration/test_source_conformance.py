"""The same questions to every server that answers the Prometheus API: the source has to be the same behind all of them."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from rolloutctl import config
from rolloutctl.metrics import fetching
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.metrics.regex import escaped, same_everywhere
from rolloutctl.model.samples import FailureKind, Query, QueryKind, Samples
from servers.places import work_folder
from servers.prometheus import PrometheusServer, running_prometheus
from servers.victoria import VictoriaServer, find_victoria, running_victoria

SERVICES = ("a", "b", "c.d", "e|f")
ARMS = ("canary", "base")
CODES = ("200", "500", "503")
HOSTS = ("h1", "h2")
HOURS = 2
WIDE = 10_000
VALUES = ("", "a", "b", "ab", "a.b", "a-b", "A", "5", "500", "x y", "ü", "a+b", "v1.2.3", "(", "web-1", "web-12")
EDGE_OF_CODES = 'code=~"5.."'


@dataclass
class Filled:
    """A server that holds samples up to `end`, Unix s."""

    server: PrometheusServer | VictoriaServer
    end: float
    kind: str

    def source(self, **settings: object) -> PrometheusSource:
        found = {"type": "prometheus", "url": self.server.url, "timeout": "20s", **settings}
        return PrometheusSource(config.PrometheusSource.model_validate(found), lambda _: "")

    async def answers(self, queries, **settings):
        asked = self.source(**settings)
        try:
            return await asked.fetch(queries)
        finally:
            await asked.close()


def samples(end: int) -> Iterator[tuple[str, str, float, int]]:
    """(name, labels, value, milliseconds), each series in order of time; host h2 restarts, h1 of "b" begins late."""
    for service in SERVICES:
        for arm in ARMS:
            for host in HOSTS:
                offset = 137 * (1 + HOSTS.index(host))
                who = f'svc="{service}",arm="{arm}",host="{host}"'
                times = range((end - HOURS * 3600) * 1000 + offset, end * 1000, 15_000)
                late = len(times) // 3 if (service, host) == ("b", "h1") else 0
                for code in CODES:
                    for place, at in enumerate(times):
                        count = place % 150 if host == "h2" else place
                        if place >= late:
                            yield "http_requests_total", f'{who},code="{code}"', float(count * (3 + CODES.index(code))), at
                for place, at in enumerate(times):
                    yield "queue_length", who, round(5 + math.sin(place / 9 + len(service)), 3), at
    for number in range(WIDE):
        for place in range(20):
            yield "wide_total", f'svc="{number % 2}",n="{number}"', float(place * 2), (end - 600 + 30 * place) * 1000 + number % 9
    for value in VALUES:
        yield "words", f'word="{value}",kept="1"', 1.0, (end - 30) * 1000


@pytest.fixture(scope="module", params=["prometheus", "victoria-metrics"])
def filled(request: pytest.FixtureRequest) -> Iterator[Filled]:
    end = int(time.time()) // 60 * 60 - 600
    with work_folder(f"source-{request.param}") as work:
        if request.param == "prometheus":
            request.getfixturevalue("prometheus_binary")
            promtool = shutil.which("promtool")
            if promtool is None:
                pytest.skip("There is no `promtool` on PATH: apt-get install prometheus")
            _fill_blocks(promtool, work, end)
            with running_prometheus([], work=work) as server:
                yield Filled(server, float(end), request.param)
        else:
            if find_victoria() is None:
                pytest.skip("There is no `victoria-metrics` on PATH: apt-get install victoria-metrics")
            with running_victoria(work=work) as victoria:
                victoria.fill("".join(f"{name}{{{labels}}} {value} {at}\n" for name, labels, value, at in samples(end)))
                yield Filled(victoria, float(end), request.param)


def _fill_blocks(promtool: str, work: Path, end: int) -> None:
    families: dict[str, list[str]] = {}
    for name, labels, value, at in samples(end):
        families.setdefault(name, []).append(f"{name}{{{labels}}} {value} {at / 1000:.3f}\n")
    text = work / "samples.om"
    text.write_text("".join(line for lines in families.values() for line in lines) + "# EOF\n")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", str(text), str(work / "data")]
    subprocess.run(command, check=True, capture_output=True)
    text.unlink()


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def questions(filled: Filled, seed: int, count: int) -> list[Query]:
    """Of several rollouts, whose phases began at times of their own."""
    random = Random(seed)
    found = []
    for _ in range(count):
        service, arm = random.choice(SERVICES), random.choice(ARMS)
        who = f'svc="{service}",arm="{arm}"'
        start = filled.end - random.choice([1800.0, 1803.25, 3000.123, 3601.5])
        now = filled.end - random.choice([0.0, 0.0, 300.0])
        text = random.choice(
            [
                f"sum(rate(http_requests_total{{{who}}}[5m]))",
                f"sum(rate(http_requests_total{{{who},{EDGE_OF_CODES}}}[5m])) / sum(rate(http_requests_total{{{who}}}[5m]))",
                f"100 * (sum(increase(http_requests_total{{{who}}}[3m])) + 1)",
                f"avg by (host) (queue_length{{{who}}})",
                f"1 - queue_length{{{who}}}",
                f"max(queue_length{{{who}}}) > 5.5",
                f"max_over_time(queue_length{{{who}}}[2m])",
                f"sum(queue_length{{{who}}}) or vector(7)",
                f"no_such_metric{{{who}}}",
            ]
        )
        counter = random.choice(
            [
                f"http_requests_total{{{who}}}",
                f"http_requests_total{{{who},{EDGE_OF_CODES}}}",
                f'http_requests_total{{{who},code!="200",host=~"h1|h9"}}',
                'http_requests_total{code="500",svc=~"[a-c].*"}',
            ]
        )
        points = math.floor((now - start) / 15)
        kind = random.choice([QueryKind.RAW, QueryKind.GRID, QueryKind.GRID, QueryKind.TIMESTAMP])
        match kind:
            case QueryKind.RAW:
                found.append(Query(kind, counter, start - 300, now))
            case QueryKind.GRID:
                found.append(Query(kind, text, start, start + 15 * points, 15.0))
            case QueryKind.TIMESTAMP:
                found.append(Query(kind, f"queue_length{{{who}}}", start, start + 15 * points, 15.0))
    return list(dict.fromkeys(found))


def assert_same(found, wanted, query) -> None:
    assert isinstance(found, Samples), found
    one, other = ({series.labels: series for series in answer.series} for answer in (found, wanted))
    assert one.keys() == other.keys(), query
    for labels, series in one.items():
        assert series.times == pytest.approx(other[labels].times, abs=0.002), query
        assert series.values == pytest.approx(other[labels].values, rel=1e-9, nan_ok=True), query


async def test_the_sources_time_is_the_time(filled):
    asked = filled.source()
    now = (await asked.now()).timestamp()
    health = await asked.probe()
    await asked.close()
    assert abs(now - time.time()) < 5
    assert health.ok


async def test_shared_requests_answer_as_single_ones_do(filled):
    queries = questions(filled, 1, 60)
    shared = await filled.answers(queries)
    for query in queries:
        alone = (await filled.answers([query]))[query]
        assert_same(shared[query], alone, query)
    assert any(answer.series for answer in shared.values())


async def test_short_grids_beside_each_other_share_requests_too(filled):
    # Less than a union's most points: this is what every poll after the first one asks.
    queries = []
    for query in questions(filled, 2, 80):
        if query.kind is QueryKind.RAW:
            continue
        queries.append(Query(query.kind, query.text, query.end - 5 * 15, query.end, 15.0))
    shared = await filled.answers(queries)
    for query in queries:
        alone = (await filled.answers([query]))[query]
        assert_same(shared[query], alone, query)


async def test_looking_every_minute_equals_looking_once(filled):
    asked = filled.source()
    queries = questions(filled, 3, 25)
    for back in (400, 340, 333, 180, 60, 0):
        wanted = {}
        for query in queries:
            end = query.end - (back // 15 * 15 if query.step else back)
            wanted[query] = Query(query.kind, query.text, query.start, end, query.step)
        answers = await asked.fetch(list(wanted.values()))
    await asked.close()
    whole = await filled.answers(queries)
    for query in queries:
        assert_same(answers[wanted[query]], whole[query], query)


async def test_small_chunks_make_no_difference(filled, monkeypatch):
    queries = questions(filled, 4, 12)
    whole = await filled.answers(queries)
    monkeypatch.setattr(fetching, "_CHUNK_SAMPLES", 400)
    pieces = await filled.answers(queries)
    for query in queries:
        assert_same(pieces[query], whole[query], query)


async def test_raw_samples_have_their_own_times(filled):
    query = Query(QueryKind.RAW, 'queue_length{svc="a",arm="base",host="h1"}', filled.end - 60, filled.end)
    (series,) = (await filled.answers([query]))[query].series
    assert [round(t % 15, 3) for t in series.times] == [0.137] * 4
    assert series.label("__name__") == "queue_length"


async def test_patterns_mean_the_same_here_and_there(filled):
    alphabet = ["a", "b", ".", "5", "web-", "x y", "[a-c]", "[0-9]", "(a|b)", "(?:ab)?", "\\.", "v1"]
    quantifiers = ["", "", "", "*", "+", "?", "{1,2}"]
    random = Random(7)
    patterns = {"|".join("".join(random.choice(alphabet) + random.choice(quantifiers) for _ in range(k)) for k in (1, 2))}
    while len(patterns) < 60:
        length = random.randint(1, 3)
        patterns.add("".join(random.choice(alphabet) + random.choice(quantifiers) for _ in range(length)))
    patterns |= {"", ".*", ".+", "a|", *map(escaped, VALUES)}
    tried = 0
    for pattern in sorted(patterns):
        ours = same_everywhere(pattern)
        if ours is None:
            continue
        text = f'words{{kept="1",word=~"{escape(pattern)}"}}'
        query = Query(QueryKind.RAW, text, filled.end - 60, filled.end)
        answer = (await filled.answers([query]))[query]
        assert isinstance(answer, Samples), (pattern, answer)
        assert {series.label("word") for series in answer.series} == {v for v in VALUES if ours.fullmatch(v)}, pattern
        tried += 1
    assert tried > 40


async def test_ten_thousand_series_are_refused_or_summed_by_the_source(filled):
    start = filled.end - 600
    refused = Query(QueryKind.RAW, "wide_total", start, filled.end)
    summed = Query(QueryKind.RAW, "wide_total", start, filled.end, by=("svc",))
    narrow = Query(QueryKind.RAW, 'wide_total{n="17"}', start, filled.end)
    asked = filled.source()
    for _ in range(2):
        answers = await asked.fetch([refused, summed, narrow])
        assert answers[refused].kind is FailureKind.INVALID
        assert "more than the 2,000 that `max_series` allows" in answers[refused].why
        assert answers[summed].approximate
        assert len(answers[narrow].series) == 1
        assert not answers[narrow].approximate
        found = {series.label("svc"): series for series in answers[summed].series}
        assert found.keys() == {"0", "1"}
        for series in found.values():
            assert series.values[0] == 0
            assert list(series.values) == sorted(series.values)
            # 5,000 series, each 4 a minute: the first cell's window holds only a part of it.
            assert series.values[-1] - series.values[1] == pytest.approx(5_000 * 4 * (len(series) - 2), rel=0.1)
    await asked.close()


async def test_a_refused_query_is_invalid_with_the_servers_words(filled):
    bad = Query(QueryKind.GRID, "sum(rate(queue_length))", filled.end - 60, filled.end, 15.0)
    good = Query(QueryKind.GRID, "sum(queue_length)", filled.end - 60, filled.end, 15.0)
    answers = await filled.answers([bad, good])
    assert answers[good].series
    if filled.kind == "prometheus":  # VictoriaMetrics reads it as a range of one step.
        assert answers[bad].kind is FailureKind.INVALID
        assert "range vector" in answers[bad].why


async def test_a_server_that_is_stopped_frozen_and_back_again(filled):
    asked = filled.source(timeout="2s", connect_timeout="1s")
    query = Query(QueryKind.RAW, 'queue_length{svc="a"}', filled.end - 600, filled.end)
    before = (await asked.fetch([query]))[query]
    later = Query(QueryKind.RAW, query.text, query.start, filled.end + 1)
    filled.server.pause()
    try:
        _until_stopped(filled.server.pid)
        frozen = (await asked.fetch([later]))[later]
    finally:
        filled.server.resume()
    filled.server.stop()
    try:
        stopped = (await asked.fetch([later]))[later]
    finally:
        filled.server.start()
    after = (await asked.fetch([later]))[later]
    await asked.close()
    assert (frozen.kind, stopped.kind) == (FailureKind.DOWN, FailureKind.DOWN)
    assert "did not answer within 2s" in frozen.why
    assert_same(after, before, later)


def _until_stopped(pid: int) -> None:
    """A signal is on its way for a moment."""
    give_up = time.monotonic() + 10
    while ") T " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < give_up
        time.sleep(0.01)
