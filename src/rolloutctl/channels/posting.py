"""A channel whose service takes one POST per message: the service says what to post, this module posts it.

Invariants: secrets are read for every message and forgotten with it; `notify` never raises but for cancellation; no secret,
and no URL that is one, is in anything that comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from rolloutctl.channels.attempt import Attempt, attempt_of, deliver
from rolloutctl.config import Tls
from rolloutctl.errors import RolloutctlError
from rolloutctl.model.exchange import Answered
from rolloutctl.model.message import Delivery, Ending, Message
from rolloutctl.ports import Clock
from rolloutctl.wire.clients import Timeouts, client_factory
from rolloutctl.wire.credentials import Secrets
from rolloutctl.wire.http import Call, exchange

_CONNECT_S = 3.0
_MAX_BODY = 64 << 10
"""Bytes: no service says more about a message."""


@dataclass(frozen=True, slots=True)
class Post:
    """What to send: JSON text to a whole URL."""

    url: str = field(repr=False)
    body: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must not be said about it."""


class Service(Protocol):
    """One notification service's contract."""

    name: str
    """As people know it, for sentences."""
    repeatable: bool
    """It tells a message from the same one sent again."""

    async def post(self, message: Message, secrets: Secrets) -> Post:
        """Raises RolloutctlError where a secret cannot be read or used."""
        ...

    def taken(self, answer: Answered) -> str | None:
        """What it said with a status of 2xx when it took a message; None: that is not how it says so."""
        ...


class PostingChannel:
    """`ports.Channel` over a service. Nothing is read or loaded before the first message."""

    def __init__(
        self,
        service: Service,
        timeout_s: float,
        tls: Tls | None,
        secrets: Secrets,
        clock: Clock,
        *,
        random: Callable[[], float],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._service = service
        self._timeouts = Timeouts(min(_CONNECT_S, timeout_s), timeout_s)
        self._tls = tls
        self._secrets = secrets
        self._clock = clock
        self._random = random
        self._transport = transport
        self._client: tuple[str, httpx.AsyncClient] | None = None
        """With the origin that it was made for."""

    def __repr__(self) -> str:
        return f"PostingChannel({self._service.name!r})"

    async def close(self) -> None:
        if self._client is not None:
            await self._client[1].aclose()
            self._client = None

    async def notify(self, message: Message) -> Delivery:
        return await deliver(lambda: self._once(message), self._timeouts.total_s, self._clock, self._random)

    async def _once(self, message: Message) -> Attempt:
        try:
            post = await self._service.post(message, self._secrets)
            client = await self._client_for(post.url)
        except RolloutctlError as error:
            return Attempt(Ending.NOT_SENT, f"{self._service.name}: {error}")
        call = Call(
            "POST",
            post.url,
            post.headers,
            body=post.body,
            max_body=_MAX_BODY,
            secrets=post.secrets,
            name=self._service.name,
        )
        ended = await exchange(client, call, self._timeouts)
        service = self._service
        return attempt_of(service.name, ended, self._clock.now(), service.taken, repeatable=service.repeatable)

    async def _client_for(self, url: str) -> httpx.AsyncClient:
        """Raises InvalidInput for unusable TLS files."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if self._client is None or self._client[0] != origin:
            await self.close()
            self._client = origin, client_factory(origin, self._tls, self._transport)(self._timeouts, 1)
        return self._client[1]
