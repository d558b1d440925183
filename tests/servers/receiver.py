"""An HTTP server on loopback that keeps what it gets and answers as it is told.

with Receiver() as server:
    server.then(answer(202), times=1)      # the next request; afterwards what `usually` says
    ... = call(server.url)
    assert server.received[0].method == "POST"
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    """Path and query as they were sent."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Reply = Callable[["Handler"], None]


def answer(status: int = 200, body: bytes | str = b"", **headers: str) -> Reply:
    """Underscores in names of headers stand for dashes."""
    content = body.encode() if isinstance(body, str) else body

    def reply(handler: Handler) -> None:
        handler.send_response_only(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)

    return reply


def echo(handler: Handler) -> None:
    """The request's headers and body, as a careless server puts them into an error page, with 400."""
    said = {"message": " ".join([*(f"{n}: {v}" for n, v in handler.headers.items()), handler.path, handler.body.decode()])}
    answer(400, json.dumps(said), X_Echo=handler.headers.get("Authorization", ""), Content_Type="application/json")(handler)


def reset(handler: Handler) -> None:
    """Read the request, then end the connection by RST: nobody knows what became of it."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def hang_up(handler: Handler) -> None:
    """Read the request, then close the connection without an answer."""
    handler.close_connection = True


def stall(handler: Handler) -> None:
    """Never answer, until the server is closed."""
    handler.close_connection = True
    handler.server_of.closing.wait(30)


def nonsense(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"SSH-2.0-what\r\n\r\n")


def drip(handler: Handler) -> None:
    """An answer whose body comes byte by byte, for ever."""
    handler.close_connection = True
    handler.send_response_only(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server_of.closing.wait(0.05):
        handler.wfile.write(b" ")


def huge(handler: Handler) -> None:
    handler.close_connection = True
    handler.send_response_only(200)
    handler.send_header("Content-Length", str(50 << 20))
    handler.end_headers()
    for _ in range(50 << 4):
        handler.wfile.write(b"x" * (1 << 16))


class Receiver:
    """Running from `with` on; every method may be called from any thread."""

    def __init__(self, usually: Reply | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.usually = usually or answer(200, "{}")
        self._script: deque[Reply] = deque()
        self._received: list[Received] = []
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), partial(Handler, self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._server.server_address[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def received(self) -> tuple[Received, ...]:
        with self._lock:
            return tuple(self._received)

    def then(self, *replies: Reply) -> None:
        """One reply for each of the next requests."""
        with self._lock:
            self._script.extend(replies)

    def take(self, request: Received) -> Reply:
        with self._lock:
            self._received.append(request)
            return self._script.popleft() if self._script else self.usually

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def nobody() -> str:
    """The URL of a port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = b""

    def __init__(self, server_of: Receiver, *connection: Any) -> None:
        self.server_of = server_of
        super().__init__(*connection)

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server_of.take(Received(self.command, self.path, headers, self.body))
        with contextlib.suppress(OSError):
            reply(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Tests read the records, not stderr."""
