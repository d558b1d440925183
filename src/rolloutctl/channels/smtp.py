"""One conversation with a mail server (RFC 5321), and how it ended; for a thread of its own.

The standard library's client is used: it is synchronous, so that whoever waits for it must be able to cut it off. Invariants:
nothing but EHLO and STARTTLS is said in the clear where TLS is asked for; UNKNOWN is said only once the text of the mail may
have been handed over, and never REFUSED or NOT_SENT after that without the server's word; `converse` never raises.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from threading import Lock

from rolloutctl.channels.attempt import Attempt
from rolloutctl.config import MailSecurity
from rolloutctl.model.message import Ending
from rolloutctl.wire.text import clean

PORTS = {MailSecurity.STARTTLS: 587, MailSecurity.TLS: 465, MailSecurity.NONE: 25}
WHO = "the mail server"
_READY, _DONE, _FORWARDED, _GO_ON = 220, 250, 251, 354
_PERIOD = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where and how to hand a mail over."""

    host: str
    port: int
    security: MailSecurity
    context: ssl.SSLContext | None
    """None: no TLS."""
    login: tuple[str, str] | None = field(repr=False)
    """User name and password."""
    secrets: tuple[str, ...] = field(repr=False)
    timeout_s: float
    """For every single step."""


@dataclass(slots=True)
class Line:
    """The connection of a conversation, which another thread may cut."""

    handed_over: bool = False
    """The server may have the text of the mail."""
    _socket: socket.socket | None = None
    _cut: bool = False
    _lock: Lock = field(default_factory=Lock)

    def use(self, connection: socket.socket | None) -> None:
        with self._lock:
            self._socket = connection
            self._end()

    def cut(self) -> None:
        """Whatever has not been sent by now never is."""
        with self._lock:
            self._cut = True
            self._end()

    def _end(self) -> None:
        if self._cut and self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _NoSuch(Exception):
    """The server has no way to do what the config asks for."""


def converse(box: Mailbox, mail: EmailMessage, line: Line) -> Attempt:
    server: smtplib.SMTP | None = None
    try:
        server = _connected(box, line)
        if box.security is MailSecurity.STARTTLS:
            _start_tls(server, box, line)
        server.ehlo_or_helo_if_needed()
        if box.login is not None:
            server.login(*box.login)
        return _hand_over(server, box, mail, line)
    except (_NoSuch, smtplib.SMTPNotSupportedError) as error:
        return Attempt(Ending.REFUSED, f"{WHO} cannot do what the config asks for ({_said(str(error), box)})")
    except (smtplib.SMTPException, OSError, UnicodeError, ValueError) as error:
        return _broken(error, box, line)
    finally:
        line.use(None)
        if server is not None:
            _leave(server)


def _connected(box: Mailbox, line: Line) -> smtplib.SMTP:
    # By its own account a machine's name; asking the resolver for it may take longer than everything else.
    name = socket.gethostname()
    server = smtplib.SMTP(local_hostname=name if "." in name and name.isascii() else "[127.0.0.1]", timeout=box.timeout_s)
    connection = socket.create_connection((box.host, box.port), box.timeout_s)
    try:
        line.use(connection)
        if box.security is MailSecurity.TLS and box.context is not None:
            connection = box.context.wrap_socket(connection, server_hostname=box.host)
            line.use(connection)
        server.sock, server.file = connection, None
        code, said = server.getreply()
        if code != _READY:
            raise smtplib.SMTPConnectError(code, said)
    except BaseException:
        connection.close()
        raise
    return server


def _start_tls(server: smtplib.SMTP, box: Mailbox, line: Line) -> None:
    server.ehlo_or_helo_if_needed()
    if not server.has_extn("starttls"):
        raise _NoSuch("it has no STARTTLS")
    code, said = server.docmd("STARTTLS")
    if code != _READY:
        raise smtplib.SMTPResponseException(code, said)
    if box.context is None or server.sock is None:
        raise _NoSuch("there is no TLS")
    server.sock = box.context.wrap_socket(server.sock, server_hostname=box.host)
    line.use(server.sock)
    # RFC 3207, 4.2: what was said in the clear counts for nothing.
    server.file, server.helo_resp, server.ehlo_resp, server.esmtp_features, server.does_esmtp = None, None, None, {}, False


def _hand_over(server: smtplib.SMTP, box: Mailbox, mail: EmailMessage, line: Line) -> Attempt:
    code, said = server.mail(_addresses(mail, "From")[0])
    if code != _DONE:
        return _refusal(code, said, box)
    wanted = _addresses(mail, "To")
    answers = {address: server.rcpt(address) for address in wanted}
    refused = {address: answer for address, answer in answers.items() if answer[0] not in {_DONE, _FORWARDED}}
    if len(refused) == len(wanted):
        return _refusal(*next(iter(refused.values())), box)
    code, said = server.docmd("DATA")
    if code != _GO_ON:
        return _refusal(code, said, box)
    # RFC 5321, 4.5.2: a line that begins with a period gets another one.
    text = _PERIOD.sub(b"..", mail.as_bytes()) + b".\r\n"
    line.handed_over = True
    server.send(text)
    code, said = server.getreply()
    if code == _DONE:
        return Attempt(Ending.TAKEN, _taken(said, len(wanted), refused, box))
    if 400 <= code < 600:
        return _refusal(code, said, box)
    return Attempt(Ending.UNKNOWN, f"{WHO}: the mail was handed over, and the answer makes no sense ({_said(said, box)})")


def _addresses(mail: EmailMessage, header: str) -> list[str]:
    return [address.addr_spec for address in mail[header].addresses]


def _taken(said: bytes, wanted: int, refused: dict[str, tuple[int, bytes]], box: Mailbox) -> str:
    words = f"{WHO} has taken the mail for {wanted - len(refused)} of {wanted} ({_said(said, box)})"
    return words + "".join(f"; not for {address}: {code} {_said(why, box)}" for address, (code, why) in refused.items())


def _refusal(code: int, said: bytes | str, box: Mailbox) -> Attempt:
    """RFC 5321, 4.2.1: 4xx may be tried again, 5xx not."""
    if not 200 <= code < 600:
        return Attempt(Ending.NOT_SENT, f"{WHO}: what answers does not speak SMTP ({_said(said, box)})")
    return Attempt(Ending.REFUSED, f"{WHO} refuses: {code} {_said(said, box)}", 0.0 if 400 <= code < 500 else None)


def _broken(error: Exception, box: Mailbox, line: Line) -> Attempt:
    if line.handed_over:
        return Attempt(Ending.UNKNOWN, f"{WHO}: the mail was handed over, and then {_trouble(error, box)}")
    if isinstance(error, smtplib.SMTPResponseException):
        return _refusal(error.smtp_code, error.smtp_error, box)
    return Attempt(Ending.NOT_SENT, f"{WHO}: {_trouble(error, box)}", 0.0)


def _trouble(error: Exception, box: Mailbox) -> str:
    match error:
        case ssl.SSLError():
            told = f"{error.reason or error} {getattr(error, 'verify_message', '')}"
            return f"TLS failed ({_said(told, box)})"
        case _ if isinstance(error, TimeoutError) or str(error).endswith("timed out"):
            return f"nothing came within {box.timeout_s:g} s"
        case smtplib.SMTPServerDisconnected() | ConnectionResetError() | BrokenPipeError():
            return "the connection broke"
        case socket.gaierror():
            return f"there is no such host as {box.host}"
        case OSError():
            return f"cannot connect ({_said(error.strerror or type(error).__name__, box)})"
        case _:
            return f"the mail cannot be sent ({type(error).__name__})"


def _said(text: bytes | str, box: Mailbox) -> str:
    return clean(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, box.secrets)


def _leave(server: smtplib.SMTP) -> None:
    """Politely, but nobody waits for the answer."""
    with suppress(OSError, smtplib.SMTPException):
        server.putcmd("QUIT")
    server.close()
