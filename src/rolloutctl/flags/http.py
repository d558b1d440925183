"""The HTTP edge of every provider: what was sent, what came back, and nothing else.

Invariants: redirects are not followed; no more than `max_body` bytes are read; nothing takes longer than the total time
allowed; no exception of httpx, ssl or json leaves this module; no secret is in any sentence or repr.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from rolloutctl.config import Tls
from rolloutctl.errors import InvalidInput
from rolloutctl.flags.text import clean, scrub

MAX_BODY = 1 << 20
"""Bytes of an answer that are read unless a caller asks for more."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for all of it (a slow drip ends there)."""

    connect_s: float
    read_s: float

    @property
    def total_s(self) -> float:
        return self.connect_s + self.read_s


@dataclass(frozen=True, slots=True)
class NotSent:
    """The server did not get the request."""

    why: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """It may have got the request; there is no usable answer."""

    why: str


class NotJson:
    """The body of an answer that is not JSON."""

    def __repr__(self) -> str:
        return "NOT_JSON"


NOT_JSON = NotJson()


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer. `headers` in lower case; `document` is NOT_JSON for an empty body and for anything but JSON."""

    status: int
    headers: Mapping[str, str]
    document: Any
    text: str
    """What the server says, cleaned, for sentences."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


Exchange = Answered | NotSent | NoAnswer


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `secrets` must not appear in anything said about it."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    max_body: int = MAX_BODY
    secrets: tuple[str, ...] = field(default=(), repr=False)


ClientFactory = Callable[[Timeouts, int], httpx.AsyncClient]
"""From timeouts and the number of idle connections to keep."""


def client_factory(url: str, tls: Tls | None, transport: httpx.AsyncBaseTransport | None = None) -> ClientFactory:
    """Raises InvalidInput for certificate files that cannot be used. `transport` replaces the network (tests)."""
    base = url.rstrip("/")
    # No redirect is followed, so a plain address never needs the certificates, which take a while to load.
    context = _tls_context(tls) if tls is not None or not base.lower().startswith("http://") else False

    def make(timeouts: Timeouts, idle: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=base,
            verify=context,
            follow_redirects=False,
            timeout=httpx.Timeout(timeouts.read_s, connect=timeouts.connect_s, pool=timeouts.connect_s),
            limits=httpx.Limits(max_connections=10, max_keepalive_connections=idle),
            transport=transport,
            # Compressed answers are not asked for, so that `max_body` counts what is unpacked too.
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "rolloutctl"},
        )

    return make


def _tls_context(tls: Tls | None) -> ssl.SSLContext:
    place = tls or Tls()
    try:
        context = ssl.create_default_context(cafile=place.ca)
    except (OSError, ValueError) as error:
        what = f"The certificates in {place.ca} cannot be read: {clean(str(error))}."
        raise InvalidInput(what, remedy="Give a PEM file.") from None
    if place.cert is not None:
        try:
            context.load_cert_chain(place.cert, place.key)
        except (OSError, ValueError) as error:
            what = f"The client certificate {place.cert} cannot be read: {clean(str(error))}."
            raise InvalidInput(what, remedy="Give PEM files, the key without a passphrase.") from None
    return context


async def exchange(client: httpx.AsyncClient, call: Call, timeouts: Timeouts) -> Exchange:
    """Send once, and say what happened; never raises but for cancellation."""
    where = clean(f"{call.method} {call.path}", call.secrets)
    sent = _Progress()
    try:
        async with asyncio.timeout(timeouts.total_s):
            return await _send(client, call, sent)
    except TimeoutError:
        return NoAnswer(f"{where}: no whole answer within {timeouts.total_s:g} s")
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        return NotSent(f"{where}: {_why_not_connected(error, timeouts, call.secrets)}")
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
        # Their texts may quote headers. A request refused on this side is not on the wire unless an answer had begun.
        kind = f"{where}: the request cannot be sent ({type(error).__name__})"
        return NoAnswer(kind) if sent.answer_began else NotSent(kind)
    except httpx.ReadTimeout:
        return NoAnswer(f"{where}: no answer within {timeouts.read_s:g} s")
    except (httpx.HTTPError, httpx.StreamError, ssl.SSLError, OSError) as error:
        return NoAnswer(f"{where}: the connection broke ({clean(str(error), call.secrets) or type(error).__name__})")


@dataclass(slots=True)
class _Progress:
    answer_began: bool = False


async def _send(client: httpx.AsyncClient, call: Call, sent: _Progress) -> Exchange:
    headers = dict(call.headers)
    if call.body:
        headers["Content-Type"] = "application/json"
    # Spelled out here: a space as `+`, httpx's own spelling, is not understood by every server.
    query = f"?{urlencode(call.params, quote_via=quote)}" if call.params else ""
    request = client.stream(call.method, call.path + query, headers=headers, content=call.body.encode() or None)
    async with request as response:
        sent.answer_began = True
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > call.max_body:
                where = clean(f"{call.method} {call.path}", call.secrets)
                return NoAnswer(f"{where}: the answer (HTTP {response.status_code}) is longer than {call.max_body} bytes")
        return _answered(response, bytes(body), call.secrets)


def _answered(response: httpx.Response, body: bytes, secrets: tuple[str, ...]) -> Answered:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if headers.get("content-encoding", "identity") != "identity":
        return Answered(response.status_code, headers, NOT_JSON, "a compressed body that was not asked for")
    # A server that echoes a token would put it into titles and names, and so into journals.
    plain = scrub(body.decode("utf-8", "surrogateescape"), secrets)
    document = decode(plain)
    return Answered(response.status_code, headers, document, _words(document, plain, headers, secrets))


def decode(body: str) -> Any:
    """The JSON value of a body, or NOT_JSON: also for NaN and for nesting too deep to read."""
    try:
        return json.loads(body, parse_constant=_refuse) if _is_unicode(body) else NOT_JSON
    except (ValueError, RecursionError):
        return NOT_JSON


def _is_unicode(body: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in body) if not body.isascii() else True


def _refuse(name: str) -> Any:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _words(document: Any, body: str, headers: Mapping[str, str], secrets: tuple[str, ...]) -> str:
    """What the server says in `message` and the first of its `details`; else the beginning of the body."""
    if isinstance(document, dict) and isinstance(document.get("message"), str):
        details = document.get("details")
        first = details[0] if isinstance(details, list) and details else None
        detail = first.get("message") if isinstance(first, dict) else None
        return clean(detail if isinstance(detail, str) and detail else document["message"], secrets)
    if "html" in headers.get("content-type", "") and body.lstrip()[:1] == "<":
        return "a web page, not the API"
    # Far more than is shown, so that a secret at the cut is still found whole.
    return clean(body[:20_000], secrets)


def _why_not_connected(error: httpx.TransportError, timeouts: Timeouts, secrets: tuple[str, ...]) -> str:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return f"no connection within {timeouts.connect_s:g} s"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refuses ({clean(str(error), secrets)})"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            told = f"{cause.reason or cause} {getattr(cause, 'verify_message', '')}"
            return f"TLS failed ({clean(told, secrets)})"
        cause = cause.__cause__ or cause.__context__
    return f"cannot connect ({clean(str(error), secrets) or type(error).__name__})"
