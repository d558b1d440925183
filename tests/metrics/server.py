"""A server on loopback that answers as a test wants, and the usual answers of a Prometheus."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from rolloutctl import config
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.samples import Query, QueryKind

NOW = 1_700_000_000.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    """Of the URL and of the body."""
    url_bytes: int
    headers: dict[str, str]


Answer = Callable[["Handler", Request], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        found = parse_qs(split.query) | parse_qs(body)
        query = {key: values[-1] for key, values in found.items()}
        request = Request(self.command, split.path, query, len(split.query), dict(self.headers.items()))
        lying: Lying = self.server.lying  # type: ignore[attr-defined]
        with lying.lock:
            lying.requests.append(request)
        with contextlib.suppress(OSError):
            lying.answer(self, request)

    do_POST = do_GET  # noqa: N815  named by http.server

    def log_message(self, *_: object) -> None:
        pass

    def send(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, document: object, status: int = 200) -> None:
        self.send(status, json.dumps(document).encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what these tests are about."""


@dataclass
class Lying:
    url: str
    answer: Answer
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: whoever hangs may stop."""
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Lying]:
    server = _Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    lying = Lying(f"{scheme}://127.0.0.1:{server.server_port}", answer)
    server.lying = lying  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield lying
    finally:
        lying.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def success(result: object, result_type: str = "matrix", **more: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": result_type, "result": result}, **more}


def matrix(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> dict[str, object]:
    return success([{"metric": labels, "values": [list(pair) for pair in values]} for labels, values in series])


def error(kind: str, message: str) -> dict[str, str]:
    return {"status": "error", "errorType": kind, "error": message}


def json_answer(document: object, status: int = 200) -> Answer:
    return lambda handler, _: handler.send_json(document, status)


def source(url: str, *, secret: str = "s3cr3t/+=", ingest_delay: float = 15.0, **settings: object) -> PrometheusSource:
    found = config.PrometheusSource.model_validate({"type": "prometheus", "url": url, "timeout": "1s", **settings})
    return PrometheusSource(found, lambda _: secret, ingest_delay=ingest_delay)


def raw(text: str = "up", start: float = NOW - 300, end: float = NOW) -> Query:
    return Query(QueryKind.RAW, text, start, end)


def grid(text: str = "sum(up)", start: float = NOW - 300, end: float = NOW, step: float = 15.0) -> Query:
    return Query(QueryKind.GRID, text, start, end, step)
