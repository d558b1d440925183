"""Native histograms from a target through a real Prometheus to cumulative counts at edges."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from rolloutctl import config
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.histogram import edges_of
from rolloutctl.model.samples import Query, QueryKind
from servers.places import work_folder
from servers.prometheus import PrometheusServer, running_prometheus

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def zigzag(number: int) -> bytes:
    return varint(number * 2 if number >= 0 else -number * 2 - 1)


def chunk(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def plain(field: int, content: bytes) -> bytes:
    return varint(field << 3) + content


def double(field: int, number: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", number)


def exposed(name: str, schema: int, counts: list[int]) -> bytes:
    """One histogram whose buckets 1, 2, … hold `counts`; https://github.com/prometheus/client_model, metrics.proto."""
    deltas = [after - before for before, after in zip([0, *counts], counts, strict=False)]
    histogram = plain(1, varint(sum(counts))) + double(2, float(sum(counts))) + plain(5, zigzag(schema)) + double(6, 1e-6)
    histogram += chunk(12, plain(1, zigzag(1)) + plain(2, varint(len(counts))))
    histogram += b"".join(plain(13, zigzag(delta)) for delta in deltas)
    metric = chunk(1, chunk(1, b"version") + chunk(2, b"2")) + chunk(7, histogram)
    family = chunk(1, name.encode()) + plain(3, varint(4)) + chunk(4, metric)
    return varint(len(family)) + family


class Target:
    def __init__(self) -> None:
        self.schema = 1
        self.counts = [1, 2, 3, 4]
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exposed("latency_seconds", target.schema, target.counts)
                self.send_response(200)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def scraped(prometheus_binary: Path) -> Iterator[tuple[Target, PrometheusServer]]:
    target = Target()
    try:
        with (
            work_folder("native") as work,
            running_prometheus([target.address], work=work, flags=["--enable-feature=native-histograms"]) as server,
        ):
            yield target, server
    finally:
        target.close()


async def test_native_histograms_of_two_schemas_are_counts_at_the_coarser_ones_edges(scraped):
    target, server = scraped
    settings = config.PrometheusSource.model_validate({"type": "prometheus", "url": server.url})
    source = PrometheusSource(settings, lambda _: "", ingest_delay=2.0)
    start = (await source.now()).timestamp() - 5

    async def until(ready):
        give_up = time.monotonic() + 40
        while True:
            query = Query(QueryKind.RAW, 'latency_seconds{version="2"}', start, (await source.now()).timestamp())
            found = (await source.fetch([query]))[query].series
            if found and ready(found[0].histograms):
                return found[0]
            assert time.monotonic() < give_up, found
            await asyncio.sleep(0.3)

    fine = await until(lambda histograms: len(histograms) >= 3)
    assert fine.times == ()
    assert fine.label("version") == "2"
    assert all(0.9 < b.time - a.time < 1.1 for a, b in zip(fine.histograms, fine.histograms[1:], strict=False))
    edges = edges_of(fine.histograms)
    assert edges.edges == pytest.approx(2.0 ** (np.arange(1, 5) / 2))
    assert (edges.below == [1, 3, 6, 10]).all()
    assert (edges.count == 10).all()

    # Twice as coarse: two buckets became one, and it has seen ten more.
    target.schema, target.counts = 0, [8, 12]
    both = await until(lambda histograms: histograms[-1].count == 20)
    await source.close()
    edges = edges_of(both.histograms)
    assert edges.edges == pytest.approx([2.0, 4.0])
    assert edges.below[0].tolist() == [3, 10]
    assert edges.below[-1].tolist() == [8, 20]
    # The other arm is read at the same edges.
    assert edges_of(fine.histograms, edges.edges).below[0].tolist() == [3, 10]
