"""HTTP/1.1 on the loopback interface for the demo's servers: values in, values out.

A server is a function from `Request` to `Response`. Invariants: it never listens on anything but 127.0.0.1,
never reads a body above `MAX_BODY` bytes, and a handler that fails answers 500 with a JSON sentence.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, IPPROTO_TCP, TCP_NODELAY
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

LOOPBACK: Final = "127.0.0.1"
MAX_BODY: Final = 1_000_000
IDLE_TIMEOUT_S: Final = 30.0

_JSON: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case, `path` still percent-encoded, `query` decoded, first value wins."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Sequence[tuple[str, str]] = field(default_factory=tuple)


Handler = Callable[[Request], Response]


def json_response(status: int, document: object, headers: Sequence[tuple[str, str]] = ()) -> Response:
    return Response(status, json.dumps(document, separators=(",", ":")).encode(), _JSON, tuple(headers))


def parse_pairs(text: str) -> dict[str, str]:
    """Decode a query string or a form; the first value of a repeated name wins."""
    pairs: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        pairs.setdefault(name, value)
    return pairs


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template such as `/a/{name}/b`, and what answers it."""

    method: str
    template: str
    answer: Callable[[Request, Mapping[str, str]], Response]


def match(template: str, path: str) -> dict[str, str] | None:
    """Return the decoded path parameters when `path` has the shape of `template`, else None."""
    expected, actual = template.split("/"), path.rstrip("/").split("/")
    if len(expected) != len(actual):
        return None
    found: dict[str, str] = {}
    for want, got in zip(expected, actual, strict=True):
        if want.startswith("{"):
            found[want[1:-1]] = unquote(got)
        elif want != got:
            return None
    return found


def find(routes: Sequence[Route], request: Request) -> tuple[Route, dict[str, str]] | None:
    for route in routes:
        if route.method == request.method and (params := match(route.template, request.path)) is not None:
            return route, params
    return None


class LoopbackServer:
    """A threaded server bound to 127.0.0.1; bound when made, serving from `start` to `close`."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self._server = _Server((LOOPBACK, port), _handler_class(handler))
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    address_family = AF_INET
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: a client that went away is not news, and the demo's screen owns the terminal."""


def _handler_class(handler: Handler) -> type[BaseHTTPRequestHandler]:
    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_TIMEOUT_S

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)

        def _serve(self) -> None:
            self._send(_answer(handler, self))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def _send(self, response: Response) -> None:
            phrase = HTTPStatus(response.status).phrase
            lines = [f"HTTP/1.1 {response.status} {phrase}", f"Date: {self.date_time_string()}"]
            lines += [f"{name}: {value}" for name, value in response.headers]
            if response.content_type is not None:
                lines.append(f"Content-Type: {response.content_type}")
            if response.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
                lines.append(f"Content-Length: {len(response.body)}")
            if self.close_connection:
                lines.append("Connection: close")
            self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Stay silent: the process that starts the world owns the terminal."""

    return _Handler


def _answer(handler: Handler, incoming: BaseHTTPRequestHandler) -> Response:
    length = incoming.headers.get("Content-Length", "0")
    if not length.isdigit() or int(length) > MAX_BODY or "Transfer-Encoding" in incoming.headers:
        incoming.close_connection = True
        return json_response(413, {"message": f"send a body of known length, at most {MAX_BODY} bytes"})
    parts = urlsplit(incoming.path)
    request = Request(
        method=incoming.command,
        path=parts.path,
        query=parse_pairs(parts.query),
        headers={name.lower(): value for name, value in incoming.headers.items()},
        body=incoming.rfile.read(int(length)),
    )
    try:
        return handler(request)
    except Exception as error:  # noqa: BLE001 - a fault of one answer must not end the world
        return json_response(500, {"name": "UnknownError", "message": f"{type(error).__name__}: {error}"})
