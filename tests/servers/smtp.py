"""A mail server on loopback that keeps what it gets and misbehaves as it is told (RFC 5321, 3207, 4954).

with MailServer() as server:
    server.say["RCPT"] = "550 5.1.1 no such user"
    ... = deliver(server.port)
    assert server.mails[0].to == ("ops@example.com",)
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import BinaryIO, Self


@dataclass(frozen=True)
class Mail:
    sender: str
    to: tuple[str, ...]
    raw: bytes
    safe: bool
    """It came over TLS."""
    user: str
    """Who had logged in; empty: nobody."""

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=default)

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """Running from `with` on. What is said in answer to a verb, and what is done instead, may be set at any time."""

    tls: ssl.SSLContext | None = None
    at_once: bool = False
    """TLS from the first byte on."""
    starttls: bool = True
    logins: dict[str, str] = field(default_factory=dict)
    say: dict[str, str] = field(default_factory=dict)
    """Verb -> line. CONNECT is the greeting, `.` the end of a mail; `RCPT ADDRESS` is for one of them."""
    do: dict[str, str] = field(default_factory=dict)
    """Verb -> `reset`, `close` or `stall` instead of an answer."""
    mails: list[Mail] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """Every line that a client said, but for the mails themselves."""
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.closing = threading.Event()
        self.spoken_to = threading.Event()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _serve(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, _Ended):
            if self.tls is not None and self.at_once:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            _Conversation(self, connection).run()
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


class _Ended(Exception):
    """The conversation ends here."""


class _Conversation:
    def __init__(self, server: MailServer, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.lines: BinaryIO = connection.makefile("rb")
        self.safe = server.tls is not None and server.at_once
        self.user = ""
        self.sender = ""
        self.to: list[str] = []

    def run(self) -> None:
        self.reply("CONNECT", "220 mail.test ready")
        while line := self.lines.readline():
            said = line.decode("utf-8", "replace").rstrip("\r\n")
            self.server.heard.append(said)
            self.server.spoken_to.set()
            self.handle(said)

    def handle(self, said: str) -> None:
        verb, _, rest = said.partition(" ")
        verb = verb.upper()
        match verb:
            case "EHLO":
                offers = [
                    "mail.test",
                    *(["STARTTLS"] if self.offers_tls else []),
                    *(["AUTH PLAIN"] if self.server.logins else []),
                ]
                self.reply(verb, "\r\n".join([*(f"250-{offer}" for offer in offers), "250 8BITMIME"]))
            case "STARTTLS":
                self.start_tls()
            case "AUTH":
                self.log_in(rest)
            case "MAIL":
                self.sender, self.to = _address(rest), []
                self.reply(verb, "250 ok")
            case "RCPT":
                self.recipient(_address(rest))
            case "DATA":
                self.take()
            case "QUIT":
                self.reply(verb, "221 bye")
                raise _Ended
            case _:
                self.reply(verb, "502 not known here")

    @property
    def offers_tls(self) -> bool:
        return self.server.tls is not None and self.server.starttls and not self.safe

    def start_tls(self) -> None:
        self.reply("STARTTLS", "220 go ahead")
        if self.server.tls is None or "STARTTLS" in self.server.say:
            return
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.server._open.append(self.connection)
        self.lines, self.safe = self.connection.makefile("rb"), True

    def log_in(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")
        if self.server.logins.get(user) == password:
            self.user = user
            self.reply("AUTH", "235 welcome")
        else:
            self.reply("AUTH", f"535 5.7.8 not {user} with {password} ({rest})")

    def recipient(self, address: str) -> None:
        verb = f"RCPT {address}" if f"RCPT {address}" in self.server.say else "RCPT"
        line = self.server.say.get(verb, "250 ok")
        if line.startswith("25"):
            self.to.append(address)
        self.reply(verb, line)

    def take(self) -> None:
        self.reply("DATA", "354 go on")
        if not self.server.say.get("DATA", "354").startswith("354"):
            return
        raw = bytearray()
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise _Ended
            raw += line.removeprefix(b".") if line.startswith(b"..") else line
        if self.server.say.get(".", "250").startswith("250"):
            self.server.mails.append(Mail(self.sender, tuple(self.to), bytes(raw), self.safe, self.user))
        self.reply(".", "250 queued as 7")

    def reply(self, verb: str, usual: str) -> None:
        match self.server.do.get(verb):
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.lines.close()
                self.connection.close()
                raise _Ended
            case "close":
                raise _Ended
            case "stall":
                self.server.closing.wait(30)
                raise _Ended
            case _:
                self.connection.sendall(self.server.say.get(verb, usual).encode() + b"\r\n")


def _address(rest: str) -> str:
    return rest[rest.index("<") + 1 : rest.index(">")]
