"""The HTTP session that prometheus-api-client is given, and the failures of requests in words.

Imports requests and urllib3: load it when the first query is sent (they cost a tenth of a second at start-up).

What the library would do otherwise: retry behind our back, put the parameters of a POST into the URL, follow redirects
(with our credentials), read without any limit, drop `warnings` and `errorType`, and let ~/.netrc add credentials. A total
deadline cannot be had from requests at all, whose timeouts are per read: whoever waits ends the request with
`Watch.abort()` from another thread.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.retry import Retry

from rolloutctl.metrics.failure import Kept, clean
from rolloutctl.metrics.uncollected import uncollected
from rolloutctl.units import show_clock

MAX_BODY = 64 * 1024 * 1024
"""Bytes after decompression."""
_CHUNK = 256 * 1024
_LONG_QUERY = 1500
"""Bytes of parameters that a URL may hold; longer ones go into a body, which every proxy lets through."""


class BodyTooLarge(Exception):
    pass


class Watch:
    """The socket in use, so that another thread can end the request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self.aborted = False

    def begin(self) -> None:
        with self._lock:
            self.aborted, self._connection, self._socket = False, None, None

    def hold(self, connection: HTTPConnection) -> None:
        """Called before and after connecting; the socket is kept too, since a connection lets go of it early."""
        with self._lock:
            if self.aborted:
                raise requests.Timeout
            self._connection, self._socket = connection, connection.sock

    def abort(self) -> None:
        with self._lock:
            self.aborted = True
            newer = self._connection.sock if self._connection is not None else None
            sock = newer or self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _watched_pools(watch: Watch) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            watch.hold(self)
            super().connect()
            watch.hold(self)

        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            watch.hold(self)
            super().putrequest(*args, **kwargs)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            watch.hold(self)
            super().connect()
            watch.hold(self)

        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            watch.hold(self)
            super().putrequest(*args, **kwargs)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Adapter(HTTPAdapter):
    """No retries; every connection is under the watch."""

    def __init__(self, watch: Watch) -> None:
        self._pools = _watched_pools(watch)
        super().__init__(max_retries=Retry(total=0, read=False), pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


class Wire(requests.Session):
    """A session for one thread and one source; `kept` is what is known of the newest response."""

    def __init__(self, url: str, *, connect_s: float, read_s: float) -> None:
        super().__init__()
        self._timeouts = connect_s, read_s
        self.trust_env = False
        self.proxies.update(get_environ_proxies(url))
        self.watch = Watch()
        self.kept: Kept | None = None
        self.hooks["response"].append(self._keep)

    def guard(self, url: str) -> None:
        """Put our adapter in front; prometheus-api-client mounts one with retries of its own when it is built."""
        adapter = _Adapter(self.watch)
        for prefix in (url, "http://", "https://"):
            self.mount(prefix, adapter)

    def request(self, method: Any, url: Any, params: Any = None, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        self.kept = None
        kwargs["timeout"] = self._timeouts
        if params and len(urlencode(params)) > _LONG_QUERY:
            method, params, kwargs["data"] = "POST", None, params
        return super().request(method, url, params=params, stream=True, allow_redirects=False, **kwargs)

    def _keep(self, response: requests.Response, **_: Any) -> requests.Response:
        body = bytearray()
        with contextlib.closing(response):
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > MAX_BODY:
                    raise BodyTooLarge
        document = _document(bytes(body))
        self.kept = Kept(
            status=response.status_code,
            content_type=response.headers.get("Content-Type", "").lower(),
            location=response.headers.get("Location", ""),
            document=document,
        )
        # The library reads the body again: it gets what was read and parsed here.
        response._content = b""  # noqa: SLF001
        response.json = lambda **_: document  # type: ignore[method-assign]
        return response


def _document(body: bytes) -> Any:
    try:
        with uncollected():
            return json.loads(body)
    except (ValueError, RecursionError):
        return None


def in_words(error: Exception, url: str, *, timeout_s: float, connect_timeout_s: float) -> str:
    """What went wrong before there was a complete answer; never the error's own text, which may hold headers or URLs."""
    host = clean(urlsplit(url).netloc)
    match error:
        case requests.exceptions.ConnectTimeout():
            return f"no connection to {host} within {show_clock(connect_timeout_s)}."
        case requests.exceptions.Timeout():
            return f"{host} did not answer within {show_clock(timeout_s)}."
        case requests.exceptions.ProxyError():
            return f"no connection to {host}: the proxy refuses."
        case requests.exceptions.SSLError():
            return f"no trusted TLS connection to {host}: {_tls_reason(error)}."
        case requests.exceptions.ConnectionError():
            return _connection(error, host, timeout_s)
        case _:
            return _rarely(error, host)


def _rarely(error: Exception, host: str) -> str:
    match error:
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return f"the answer of {host} was cut off or garbled."
        case requests.exceptions.InvalidHeader() | UnicodeError():
            return "a header for the source holds a line break or another forbidden character; check `headers` and `auth`."
        case OSError() if not isinstance(error, requests.RequestException):
            return f"a TLS file of the source cannot be read; check `tls` ({clean(error.strerror or type(error).__name__)})."
        case _:
            return f"{host} cannot be asked ({type(error).__name__})."


def _connection(error: requests.exceptions.ConnectionError, host: str, timeout_s: float) -> str:
    causes = _causes(error)
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return f"the name {host} is not known to DNS."
    if any(isinstance(cause, TimeoutError) or type(cause).__name__ == "ReadTimeoutError" for cause in causes):
        return f"{host} did not answer within {show_clock(timeout_s)}."
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{host} refuses connections; is it running?"
    if any(isinstance(cause, NewConnectionError) for cause in causes):
        return f"no connection to {host}."
    return f"{host} closed the connection without a complete answer."


def _tls_reason(error: Exception) -> str:
    for cause in _causes(error):
        message = getattr(cause, "verify_message", "") or getattr(cause, "reason", "")
        if isinstance(message, str) and message:
            return clean(message)
    return "the handshake failed"


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything it was raised from or wraps."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
