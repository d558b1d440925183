"""The HTTP edge of everything but Prometheus: what was sent, what came back, and nothing else.

Invariants: redirects are not followed; no more than `max_body` bytes are read; nothing takes longer than the total time
allowed; no exception of httpx, ssl or json leaves this module; no secret is in any sentence, value or repr; NotSent is said
only of a request of which no byte was sent.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from rolloutctl.model.exchange import NOT_JSON, Answered, Exchange, NoAnswer, NotSent, Trouble, decode
from rolloutctl.wire.clients import Timeouts
from rolloutctl.wire.text import clean, scrub

MAX_BODY = 1 << 20
"""Bytes of an answer that are read unless a caller asks for more."""
_ENDED_EARLY = ("Server disconnected", "peer closed connection")
"""How httpcore's and h11's words begin for a connection that ended; their other complaints are about what was said on it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `secrets` must not appear in anything said about it."""

    method: str
    path: str = field(repr=False)
    """Below the client's base URL, or a whole URL."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] | tuple[tuple[str, str], ...] = field(default_factory=dict)
    body: str = field(default="", repr=False)
    max_body: int = MAX_BODY
    secrets: tuple[str, ...] = field(default=(), repr=False)
    name: str = ""
    """What to call it in sentences; empty: method and path."""

    @property
    def where(self) -> str:
        return clean(self.name or f"{self.method} {self.path}", self.secrets)


async def exchange(client: httpx.AsyncClient, call: Call, timeouts: Timeouts) -> Exchange:
    """Send once, and say what happened; never raises but for cancellation."""
    where = call.where
    sent = _Progress()
    try:
        async with asyncio.timeout(timeouts.total_s):
            return await _send(client, call, timeouts, sent)
    except TimeoutError:
        if sent.certainly_not:
            return NotSent(f"{where}: no connection within {timeouts.total_s:g} s", Trouble.CONNECT)
        return NoAnswer(f"{where}: no whole answer within {timeouts.total_s:g} s", Trouble.TIMEOUT)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        trouble, why = _why_not_connected(error, timeouts, call.secrets)
        return NotSent(f"{where}: {why}", trouble)
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
        # Their texts may quote headers. A request that this side refuses is not on the wire, though its sending had been
        # announced; all but LocalProtocolError are also raised for where an answer redirects to.
        if sent.answer_began or (sent.sending and not isinstance(error, httpx.LocalProtocolError)):
            return NoAnswer(f"{where}: the answer makes no sense ({type(error).__name__})", Trouble.GARBLED)
        return NotSent(f"{where}: the request cannot be sent ({type(error).__name__})", Trouble.REQUEST)
    except httpx.TimeoutException:
        if sent.certainly_not:
            return NotSent(f"{where}: no connection within {timeouts.read_s:g} s", Trouble.CONNECT)
        return NoAnswer(f"{where}: no answer within {timeouts.read_s:g} s", Trouble.TIMEOUT)
    except (httpx.HTTPError, httpx.StreamError, ssl.SSLError, OSError) as error:
        why = f"{where}: the connection broke ({clean(str(error), call.secrets) or type(error).__name__})"
        if sent.certainly_not:
            return NotSent(why, Trouble.CONNECT)
        garbled = isinstance(error, httpx.RemoteProtocolError) and not str(error).startswith(_ENDED_EARLY)
        return NoAnswer(why, Trouble.GARBLED if garbled else Trouble.RESET)


@dataclass(slots=True)
class _Progress:
    """How far a request got, as the transport tells it; one that tells nothing leaves it open."""

    heard: bool = False
    sending: bool = False
    answer_began: bool = False

    @property
    def certainly_not(self) -> bool:
        return self.heard and not self.sending

    async def hear(self, event: str, _info: object) -> None:
        self.heard = True
        self.sending = self.sending or ".send_request_" in event


async def _send(client: httpx.AsyncClient, call: Call, timeouts: Timeouts, sent: _Progress) -> Exchange:
    headers = dict(call.headers)
    if call.body and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    # Spelled out here: a space as `+`, httpx's own spelling, is not understood by every server.
    query = f"?{urlencode(call.params, quote_via=quote)}" if call.params else ""
    request = client.stream(
        call.method,
        call.path + query,
        headers=headers,
        content=call.body.encode() or None,
        timeout=timeouts.of_httpx,
        extensions={"trace": sent.hear},
    )
    async with request as response:
        sent.answer_began = True
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > call.max_body:
                longer = f"the answer (HTTP {response.status_code}) is longer than {call.max_body} bytes"
                return NoAnswer(f"{call.where}: {longer}", Trouble.TOO_LARGE)
        return _answered(response, bytes(body), call.secrets)


def _answered(response: httpx.Response, body: bytes, secrets: tuple[str, ...]) -> Answered:
    headers = {name.lower(): scrub(value, secrets) for name, value in response.headers.items()}
    if headers.get("content-encoding", "identity") != "identity":
        return Answered(response.status_code, headers, NOT_JSON, "a compressed body that was not asked for")
    # A server that echoes a token would put it into titles and names, and so into journals.
    plain = scrub(body.decode("utf-8", "surrogateescape"), secrets)
    document = decode(plain)
    words = _words(document, plain, headers, secrets)
    return Answered(response.status_code, headers, document, words, plain.encode("utf-8", "surrogateescape"))


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


def _why_not_connected(error: httpx.TransportError, timeouts: Timeouts, secrets: tuple[str, ...]) -> tuple[Trouble, str]:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return Trouble.CONNECT, f"no connection within {timeouts.connect_s:g} s"
    if isinstance(error, httpx.ProxyError):
        return Trouble.PROXY, f"the proxy refuses ({clean(str(error), secrets)})"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            told = f"{cause.reason or cause} {getattr(cause, 'verify_message', '')}"
            return Trouble.TLS, f"TLS failed ({clean(told, secrets)})"
        cause = cause.__cause__ or cause.__context__
    return Trouble.CONNECT, f"cannot connect ({clean(str(error), secrets) or type(error).__name__})"
