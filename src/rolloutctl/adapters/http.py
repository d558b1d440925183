"""An adapter over HTTP: one client for all its requests, credentials that never leave its origin.

Invariants: `send` never raises but for cancellation; a request is sent once, and once more only after a 401 that another
secret may mend; NotSent is said only of what did not leave; no secret is in anything that comes out.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import urlencode

import httpx

from rolloutctl import config
from rolloutctl.adapters.redirect import Dead, Found, next_place, origin
from rolloutctl.adapters.request import fault
from rolloutctl.errors import InvalidInput, RolloutctlError
from rolloutctl.model.exchange import IDEMPOTENCY_KEY, Answered, Exchange, NoAnswer, NotSent, Request, Trouble
from rolloutctl.ports import Clock
from rolloutctl.wire.clients import Timeouts, client_factory
from rolloutctl.wire.credentials import Secrets, Signed, sign
from rolloutctl.wire.http import Call, exchange
from rolloutctl.wire.limits import told_s

_READS = frozenset({"GET", "HEAD"})


class HttpAdapter:
    """`ports.Adapter` over one base URL. Nothing is read or loaded before the first request."""

    def __init__(
        self, settings: config.Adapter, secrets: Secrets, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._url = settings.url.rstrip("/")
        self._timeouts = Timeouts(settings.connect_timeout.total_seconds(), settings.timeout.total_seconds())
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._stranger: httpx.AsyncClient | None = None
        self._slots = asyncio.Semaphore(settings.connections)
        self._signed: Signed | None = None

    def __repr__(self) -> str:
        return f"HttpAdapter({self._url!r})"

    async def close(self) -> None:
        for client in (self._client, self._stranger):
            if client is not None:
                await client.aclose()

    async def send(self, request: Request) -> Exchange:
        wrong = fault(request)
        if wrong is not None:
            return NotSent(wrong, Trouble.REQUEST)
        async with self._slots:
            began = self._clock.monotonic()
            ended = await self._opened(request)
            elapsed_s = self._clock.monotonic() - began
        return replace(self._with_hint(ended), elapsed_s=elapsed_s)

    async def _opened(self, request: Request) -> Exchange:
        try:
            if self._client is None:
                self._client = self._own_client()
        except InvalidInput as error:
            return NotSent(f"{request}: {error}", Trouble.TLS)
        try:
            return await self._send(self._client, request)
        except RolloutctlError as error:
            return NotSent(f"{request}: the credentials cannot be read: {error}", Trouble.CREDENTIALS)

    async def _send(self, client: httpx.AsyncClient, request: Request) -> Exchange:
        """Raises RolloutctlError where a secret cannot be read."""
        signed = self._signed or await sign(self._settings.auth, self._secrets)
        self._signed = signed
        ended = await self._follow(client, request, signed, signed.secrets)
        if not (isinstance(ended, Answered) and ended.status == httpx.codes.UNAUTHORIZED):
            return ended
        fresh = await sign(self._settings.auth, self._secrets)
        if fresh == signed:
            return ended
        self._signed = fresh
        return await self._follow(client, request, fresh, (*signed.secrets, *fresh.secrets))

    async def _follow(self, client: httpx.AsyncClient, request: Request, signed: Signed, secrets: tuple[str, ...]) -> Exchange:
        call = self._call(request, signed, secrets)
        timeouts = self._timeouts_of(request)
        ended = await exchange(client, call, timeouts)
        place = self._url + call.path + (f"?{urlencode(request.query)}" if request.query else "")
        home, onward = origin(place), replace(call, params={}, name=call.where)
        for _ in range(request.redirects if request.method in _READS else 0):
            match next_place(place, ended):
                case None:
                    return ended
                case Dead(why):
                    return NoAnswer(f"{call.where}: {why}", Trouble.REDIRECTED)
                case Found(place):
                    if origin(place) != home:
                        # Told nothing but what to show, from there on: no credentials, no headers, no client certificate.
                        client, onward = self._another_client(), replace(onward, headers={})
                    ended = _after_an_answer(await exchange(client, replace(onward, path=place), timeouts))
        return ended

    def _own_client(self) -> httpx.AsyncClient:
        most = self._settings.connections
        return client_factory(self._url, self._settings.tls, self._transport, connections=most)(self._timeouts, most)

    def _another_client(self) -> httpx.AsyncClient:
        if self._stranger is None:
            tls = config.Tls(ca=self._settings.tls.ca) if self._settings.tls is not None else None
            self._stranger = client_factory("", tls, self._transport)(self._timeouts, 0)
        return self._stranger

    def _call(self, request: Request, signed: Signed, secrets: tuple[str, ...]) -> Call:
        headers = dict(self._settings.headers)
        own = {name.lower() for name in signed.headers}
        for name, value in request.headers.items():
            headers = {other: kept for other, kept in headers.items() if other.lower() != name.lower()} | {name: value}
        if request.key:
            headers[IDEMPOTENCY_KEY] = request.key
        headers = {name: value for name, value in headers.items() if name.lower() not in own} | dict(signed.headers)
        most = self._settings.max_body
        return Call(
            request.method,
            request.path,
            headers,
            request.query,
            request.body,
            max_body=most if request.max_body is None else min(request.max_body, most),
            secrets=secrets,
        )

    def _timeouts_of(self, request: Request) -> Timeouts:
        if request.timeout_s is None or request.timeout_s >= self._timeouts.read_s:
            return self._timeouts
        return Timeouts(min(self._timeouts.connect_s, request.timeout_s), request.timeout_s)

    def _with_hint(self, ended: Exchange) -> Exchange:
        if isinstance(ended, Answered) and (ended.status == httpx.codes.TOO_MANY_REQUESTS or ended.status >= 500):
            return replace(ended, retry_after_s=told_s(ended.headers, self._clock.now()))
        return ended


def _after_an_answer(ended: Exchange) -> Exchange:
    """The server that was asked has got the request, whatever became of the redirect."""
    return NoAnswer(ended.why, ended.trouble) if isinstance(ended, NotSent) else ended
