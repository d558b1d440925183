"""`/metrics`, `/healthz` and `/readyz` on loopback, for as long as a driver runs; only with `--listen`.

Invariants: answers GET and HEAD, reads nothing else of a request, changes nothing; a caller that says nothing is left after
`_PATIENCE_S`. Whoever may open a connection on this machine may read: there are names of rollouts in it, and no secrets.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from threading import Thread
from typing import Any

from rolloutctl.errors import Failed, InvalidInput

_ADDRESS = re.compile(r"(?:(?P<host>[0-9.]+|localhost|\[[0-9a-fA-F:]+\]):)?(?P<port>[0-9]{1,5})", re.ASCII)
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Page:
    status: HTTPStatus
    text: str
    content_type: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Page]]
"""Path -> what it answers; called on a thread of the server."""


def parse_address(text: str) -> tuple[str, int]:
    """(address, port) of `127.0.0.1:9464`, `[::1]:9464` or `9464`; port 0: any that is free. Raises InvalidInput."""
    found = _ADDRESS.fullmatch(text.strip())
    host = (found["host"] or "127.0.0.1").strip("[]") if found is not None else ""
    host = "127.0.0.1" if host == "localhost" else host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if found is None or address is None or int(found["port"]) > 65535:
        raise InvalidInput(f'--listen: "{text}" is no address and port.', remedy="Write it as 127.0.0.1:9464.")
    if not address.is_loopback:
        raise InvalidInput(
            f"--listen: {host} can be reached from other machines, and what is told here asks nobody for a password.",
            remedy="Listen on 127.0.0.1 and let a proxy with TLS and a login stand before it.",
        )
    return host, int(found["port"])


@contextmanager
def serving(address: tuple[str, int], pages: Pages) -> Iterator[int]:
    """The port it listens on. Raises Failed where it cannot."""

    class Handler(_Handler):
        answers = pages

    kind = type("Server", (_Server,), {"address_family": AF_INET6}) if ":" in address[0] else _Server
    try:
        server = kind(address, Handler)
    except OSError as error:
        raise Failed(
            f"--listen: {address[0]} port {address[1]} cannot be listened on: {error.strerror or error}.",
            remedy="Choose a port that is free.",
        ) from error
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.5}, name="watched", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has left: nobody is to be told."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    server_version = "rolloutctl"
    sys_version = ""
    timeout = _PATIENCE_S
    answers: Pages

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """A line for every scrape would drown what happens."""

    def _answer(self) -> None:
        page = self.answers.get(self.path.partition("?")[0])
        answer = page() if page is not None else Page(HTTPStatus.NOT_FOUND, f"There are {', '.join(sorted(self.answers))}.\n")
        body = answer.text.encode("utf-8", "replace")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
