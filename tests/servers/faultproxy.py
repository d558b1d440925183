"""A loopback proxy that does to an HTTP server's callers what a bad day does, request by request as scripted.

    with running_fault_proxy("http://127.0.0.1:4242") as proxy:
        proxy.script(LoseAnswer(), method="PATCH")     # the next PATCH
        proxy.script(Status(503), times=None)          # everything else, until `clear`
        ... = call(proxy.url)
        assert [request.method for request in proxy.reached] == ["PATCH"]

`arrived` holds what callers sent to the proxy, `reached` what was handed to the server behind. Each connection carries
one request, so that a fault never hits a later one.
"""

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, assert_never
from urllib.parse import urlsplit

from servers.faults import (
    Delay,
    DelayAnswer,
    Fault,
    Html,
    HugeBody,
    LoseAnswer,
    LoseRequest,
    Pass,
    ResetBefore,
    SlowDrip,
    Status,
    TruncatedJson,
    WrongState,
)

PAGE = b"<!doctype html><title>Sign in</title><p>Please sign in to continue.</p>"
CHUNK = 1 << 16
UPSTREAM_TIMEOUT_S = 120.0
CONNECTION_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the proxy read it; `path` includes the query."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(slots=True)
class _Rule:
    fault: Fault
    method: str | None
    path: str
    left: int | None

    def fits(self, request: Request) -> bool:
        return self.left != 0 and self.method in {None, request.method} and self.path in request.path


class FaultProxy:
    """A running proxy at `url`. All methods may be called from any thread."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or parts.hostname is None or parts.port is None:
            raise ValueError(f"The server behind must be http://HOST:PORT, not {upstream!r}")
        self._upstream = (parts.hostname, parts.port)
        self._rules: list[_Rule] = []
        self._arrived: list[Request] = []
        self._reached: list[Request] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._listener = _Listener(self, 0)
        self.port = self._listener.port
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def arrived(self) -> tuple[Request, ...]:
        with self._changed:
            return tuple(self._arrived)

    @property
    def reached(self) -> tuple[Request, ...]:
        with self._changed:
            return tuple(self._reached)

    def script(self, fault: Fault, *, method: str | None = None, path: str = "", times: int | None = 1) -> None:
        """Apply `fault` to the next `times` requests of `method` whose path contains `path`; None means for good.

        The oldest rule that fits and is not used up counts; without one a request passes.
        """
        with self._changed:
            self._rules.append(_Rule(fault, method, path, times))

    def clear(self) -> None:
        """Forget the script and the records."""
        with self._changed:
            self._rules.clear()
            self._arrived.clear()
            self._reached.clear()

    def wait_for(self, *, arrived: int = 0, reached: int = 0, timeout_s: float = 10.0) -> None:
        """Wait until that many requests arrived and reached the server; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._arrived) >= arrived and len(self._reached) >= reached, timeout_s):
                seen = f"{len(self._arrived)} arrived, {len(self._reached)} reached the server"
                raise TimeoutError(f"Waited {timeout_s:g} s for {arrived} and {reached} requests: {seen}.")

    @contextlib.contextmanager
    def refuse(self) -> Iterator[None]:
        """Refuse connections. The port stays ours: it is bound all the while, and just does not listen."""
        self._listener.close()
        with socket.socket() as placeholder:
            placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            placeholder.bind(("127.0.0.1", self.port))
            try:
                yield
            finally:
                placeholder.close()
                self._listener = _Listener(self, self.port)

    def close(self) -> None:
        self._closing.set()
        self._listener.close()

    def pause(self, seconds: float) -> None:
        """Sleep, but no longer than the proxy lives."""
        self._closing.wait(seconds)

    def is_closing(self) -> bool:
        return self._closing.is_set()

    def take(self, request: Request) -> Fault:
        """Record that `request` arrived; answers what to do with it."""
        with self._changed:
            self._arrived.append(request)
            self._changed.notify_all()
            for rule in self._rules:
                if rule.fits(request):
                    rule.left = None if rule.left is None else rule.left - 1
                    return rule.fault
        return Pass()

    def forward(self, request: Request, headers: dict[str, str]) -> Answer:
        """Hand `request` to the server behind; raises OSError or HTTPException where that fails."""
        connection = http.client.HTTPConnection(*self._upstream, timeout=UPSTREAM_TIMEOUT_S)
        try:
            connection.request(request.method, request.path, body=request.body or None, headers=headers)
            with self._changed:
                self._reached.append(request)
                self._changed.notify_all()
            answer = connection.getresponse()
            kept = tuple((k, v) for k, v in answer.getheaders() if k.lower() not in CONNECTION_HEADERS)
            return Answer(answer.status, kept, answer.read())
        finally:
            connection.close()


@contextlib.contextmanager
def running_fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy in front of `upstream` ("http://127.0.0.1:PORT")."""
    proxy = FaultProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


class _Listener:
    """The listening socket and its thread."""

    def __init__(self, proxy: FaultProxy, port: int) -> None:
        self._server = _QuietServer(("127.0.0.1", port), partial(_Handler, proxy))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are what this proxy is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, proxy: FaultProxy, *connection: Any) -> None:
        self.proxy = proxy
        super().__init__(*connection)

    def handle_any(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, body)
        self._apply(self.proxy.take(request), request)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any  # noqa: N815

    def _apply(self, fault: Fault, request: Request) -> None:  # noqa: PLR0912 - a closed set, one arm each
        match fault:
            case Pass():
                self._send(self._forward(request))
            case LoseRequest():
                pass
            case LoseAnswer():
                self._forward(request)
            case ResetBefore():
                self._reset()
            case Delay(seconds):
                self.proxy.pause(seconds)
                self._send(self._forward(request))
            case DelayAnswer(seconds):
                answer = self._forward(request)
                self.proxy.pause(seconds)
                self._send(answer)
            case Status(code, body, headers):
                self._send(Answer(code, tuple(headers.items()), body))
            case Html():
                self._send(Answer(200, (("Content-Type", "text/html; charset=utf-8"),), PAGE))
            case TruncatedJson():
                answer = self._forward(request)
                half = answer.body[: len(answer.body) // 2] or b'{"truncated": '
                self._send(Answer(answer.status, answer.headers, half))
            case SlowDrip(seconds):
                self._drip(self._forward(request), seconds)
            case HugeBody(size):
                self._send_huge(size)
            case WrongState(body):
                self._send(Answer(200, (("Content-Type", "application/json"),), body))
            case _:
                assert_never(fault)

    def _forward(self, request: Request) -> Answer:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in CONNECTION_HEADERS}
        try:
            return self.proxy.forward(request, headers)
        except (OSError, http.client.HTTPException) as problem:
            return Answer(502, (("Content-Type", "text/plain"),), f"The server behind failed: {problem!r}".encode())

    def _send(self, answer: Answer) -> None:
        self._send_head(answer.status, answer.headers, len(answer.body))
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _drip(self, answer: Answer, seconds_per_byte: float) -> None:
        self._send_head(answer.status, answer.headers, len(answer.body))
        for position in range(len(answer.body)):
            self.proxy.pause(seconds_per_byte)
            if self.proxy.is_closing():
                return
            self.wfile.write(answer.body[position : position + 1])

    def _send_huge(self, size: int) -> None:
        self._send_head(200, (("Content-Type", "application/json"),), size)
        self.wfile.write(b'"')
        for start in range(0, size - 2, CHUNK):
            self.wfile.write(b"x" * min(CHUNK, size - 2 - start))
        self.wfile.write(b'"')

    def _send_head(self, status: int, headers: tuple[tuple[str, str], ...], length: int) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def _reset(self) -> None:
        """Linger for no time: closing then sends RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Tests read the records, not stderr."""
