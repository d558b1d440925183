"""A channel that sends e-mail.

Invariants: the password is read for every message and forgotten with it; a conversation that takes too long is cut off;
`notify` never raises but for cancellation, and a cancelled one sends nothing more.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from rolloutctl import config
from rolloutctl.channels.attempt import Attempt, deliver
from rolloutctl.channels.letter import letter
from rolloutctl.channels.smtp import PORTS, WHO, Line, Mailbox, converse
from rolloutctl.config import MailSecurity
from rolloutctl.errors import RolloutctlError
from rolloutctl.model.message import Delivery, Ending, Message
from rolloutctl.ports import Clock
from rolloutctl.wire.clients import tls_context
from rolloutctl.wire.credentials import Secrets, read_in_time

_GRACE_S = 1.0
"""For a conversation that was cut off to say how far it had got."""


class MailChannel:
    """`ports.Channel` over SMTP."""

    def __init__(self, settings: config.EmailChannel, secrets: Secrets, clock: Clock, *, random: Callable[[], float]) -> None:
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._random = random
        self._timeout_s = settings.timeout.total_seconds()

    def __repr__(self) -> str:
        return f"MailChannel({self._settings.host!r})"

    async def close(self) -> None:
        """Every conversation has ended with its message."""

    async def notify(self, message: Message) -> Delivery:
        return await deliver(lambda: self._once(message), self._timeout_s, self._clock, self._random)

    async def _once(self, message: Message) -> Attempt:
        try:
            box = await self._mailbox()
        except RolloutctlError as error:
            return Attempt(Ending.NOT_SENT, f"e-mail: {error}")
        line = Line()
        conversation = asyncio.create_task(asyncio.to_thread(converse, box, letter(message, self._settings), line))
        try:
            done, _ = await asyncio.wait({conversation}, timeout=self._timeout_s)
            if not done:
                line.cut()
                done, _ = await asyncio.wait({conversation}, timeout=_GRACE_S)
        finally:
            # Also when this is cancelled: the thread goes on by itself, and must not send what nobody waits for.
            line.cut()
        if done:
            return conversation.result()
        ending = Ending.UNKNOWN if line.handed_over else Ending.NOT_SENT
        return Attempt(ending, f"{WHO}: nothing came within {self._timeout_s:g} s")

    async def _mailbox(self) -> Mailbox:
        """Raises RolloutctlError for a password or a certificate that cannot be used."""
        settings = self._settings
        login: tuple[str, str] | None = None
        if settings.username is not None and settings.password is not None:
            login = settings.username, await read_in_time(settings.password, self._secrets)
        context: ssl.SSLContext | None = None
        if settings.security is not MailSecurity.NONE:
            context = await asyncio.to_thread(tls_context, settings.tls)
        return Mailbox(
            host=settings.host,
            port=settings.port or PORTS[settings.security],
            security=settings.security,
            context=context,
            login=login,
            # A server may repeat what a login is made of, also the two together.
            secrets=() if login is None else (login[1], "\0".join(("", *login))),
            timeout_s=self._timeout_s,
        )
