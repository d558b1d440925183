"""What a mail server gets, and how its answers are understood."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.parts import QuickClock
from channels.parts import MESSAGE, NASTY, channel, told
from rolloutctl.model.message import Delivery, Ending, Message
from servers.certificates import Certificate, make_certificate
from servers.smtp import MailServer

PLAIN = {"type": "email", "host": "127.0.0.1", "security": "none", "sender": "rollout@example.com", "to": ["ops@example.com"]}
LOGIN = {"username": "rollout", "password": {"env": "PASSWORD"}}
PASSWORD = {"PASSWORD": "m@il-password-secret"}


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


async def mailed(server: MailServer, message: Message = MESSAGE, clock: QuickClock | None = None, **settings: Any) -> Delivery:
    return await told(channel({**PLAIN, "port": server.port, **settings}, PASSWORD, clock), message)


def verbs(server: MailServer) -> list[str]:
    """Without the farewell, for whose arrival nobody waits."""
    return [verb for said in server.heard if (verb := said.split()[0].upper()) != "QUIT"]


async def test_a_mail_arrives(server: MailServer) -> None:
    delivery = await mailed(server, to=["ops@example.com", "ana@example.com"])
    assert (delivery.ending, delivery.attempts) == (Ending.TAKEN, 1), delivery
    assert delivery.why == "the mail server has taken the mail for 2 of 2 (queued as 7)"
    (mail,) = server.mails
    assert (mail.sender, mail.to) == ("rollout@example.com", ("ops@example.com", "ana@example.com"))
    headers = mail.message
    assert headers["Subject"] == "[rolloutctl] checkout#1: rolled back"
    assert headers["From"] == "rollout@example.com"
    assert headers["To"] == "ops@example.com, ana@example.com"
    assert headers["Date"] == "Mon, 05 Jan 2026 10:00:00 +0000"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["X-Rolloutctl-Urgency"] == "critical"
    assert headers.get_content_type() == "text/plain"
    assert mail.text == "error rate 4.1 % > 2 %\nflag is off\n\njournal: 41 ab12\n"


async def test_the_same_message_has_the_same_name(server: MailServer) -> None:
    for message in (MESSAGE, MESSAGE, NASTY):
        await mailed(server, message)
    first, second, other = (mail.message["Message-ID"] for mail in server.mails)
    assert first == second != other
    assert first.endswith("@example.com>")


async def test_no_text_becomes_a_header_or_a_command(server: MailServer) -> None:
    await mailed(server, NASTY)
    (mail,) = server.mails
    assert mail.message["Bcc"] is None
    assert mail.message["Subject"].strip() == '[rolloutctl] <!channel> <b onclick="x">&amp;*bold* Bcc: all@example.com'
    assert mail.text.splitlines()[:4] == ["_a_ [link](http://evil.test) {{DATE(2026)}}", "gnihton", ".", "<at>everyone</at>"]
    assert not {"\x1b", "\u202e", "\x00"} & set(mail.text)
    assert verbs(server) == ["EHLO", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("how", ["starttls", "tls"])
async def test_tls_and_a_login(certificate: Certificate, how: str) -> None:
    with MailServer(tls=certificate.server(), at_once=how == "tls", logins={"rollout": PASSWORD["PASSWORD"]}) as server:
        delivery = await mailed(server, security=how, tls={"ca": str(certificate.cert)}, **LOGIN)
    assert delivery.ok, delivery
    (mail,) = server.mails
    assert (mail.safe, mail.user) == (True, "rollout")
    before_tls = server.heard[: server.heard.index("STARTTLS")] if how == "starttls" else []
    assert all(said.lower().startswith("ehlo") for said in before_tls)


@pytest.mark.parametrize("how", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for(certificate: Certificate, how: str) -> None:
    with MailServer(tls=certificate.server(), at_once=how == "tls", logins={"rollout": PASSWORD["PASSWORD"]}) as server:
        delivery = await mailed(server, security=how, **LOGIN)
    assert delivery.ending is Ending.NOT_SENT
    assert "CERTIFICATE_VERIFY_FAILED" in delivery.why
    assert not any(said.startswith(("AUTH", "MAIL", "mail")) for said in server.heard)


async def test_a_server_without_starttls_hears_nothing(server: MailServer) -> None:
    delivery = await mailed(server, security="starttls", **LOGIN)
    assert (delivery.ending, delivery.attempts) == (Ending.REFUSED, 1)
    assert "no STARTTLS" in delivery.why
    assert verbs(server) == ["EHLO"]


async def test_starttls_that_is_promised_and_refused(certificate: Certificate) -> None:
    with MailServer(tls=certificate.server(), say={"STARTTLS": "454 not now"}) as server:
        delivery = await mailed(server, security="starttls", tls={"ca": str(certificate.cert)}, **LOGIN)
    assert delivery.ending is Ending.REFUSED
    assert not any(said.startswith(("AUTH", "mail")) for said in server.heard)


async def test_a_wrong_password_is_not_repeated(certificate: Certificate) -> None:
    with MailServer(tls=certificate.server(), logins={"rollout": "another"}) as server:
        delivery = await mailed(server, security="starttls", tls={"ca": str(certificate.cert)}, **LOGIN)
    assert (delivery.ending, delivery.attempts) == (Ending.REFUSED, 1)
    assert "535" in delivery.why
    assert PASSWORD["PASSWORD"] not in delivery.why
    assert "[secret]" in delivery.why


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(("line", "attempts"), [("554 5.7.1 go away", 1), ("451 4.3.0 not now", 3)])
async def test_a_no_is_a_no_wherever_it_comes(server: MailServer, verb: str, line: str, attempts: int) -> None:
    server.say[verb] = line
    if verb == "EHLO":
        server.say["HELO"] = line
    delivery = await mailed(server)
    assert (delivery.ending, delivery.attempts) == (Ending.REFUSED, attempts), delivery
    assert line in delivery.why
    assert server.mails == []


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("how", ["reset", "close", "stall"])
async def test_a_connection_that_ends(server: MailServer, verb: str, how: str) -> None:
    server.do[verb] = how
    # Long enough to get as far as the end of the mail, wherever this runs.
    brief = {"timeout": "2s" if verb == "." else "300ms"} if how == "stall" else {}
    delivery = await mailed(server, **brief)
    if verb == ".":
        assert (delivery.ending, delivery.attempts) == (Ending.UNKNOWN, 1), delivery
        assert len(server.mails) == 1
    else:
        # The text is sent only after the server has asked for it; until then nothing is in doubt.
        assert delivery.ending is Ending.NOT_SENT, delivery
        assert server.mails == []


async def test_some_addresses_are_not_taken(server: MailServer) -> None:
    server.say["RCPT ana@example.com"] = "550 5.1.1 no such user"
    delivery = await mailed(server, to=["ops@example.com", "ana@example.com"])
    assert delivery.ok
    assert "for 1 of 2" in delivery.why
    assert "not for ana@example.com: 550 5.1.1 no such user" in delivery.why
    assert server.mails[0].to == ("ops@example.com",)


async def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    delivery = await told(channel({**PLAIN, "port": port}, {}))
    assert (delivery.ending, delivery.attempts) == (Ending.NOT_SENT, 3)
    assert "cannot connect (Connection refused)" in delivery.why


@pytest.mark.parametrize("greeting", ["HTTP/1.1 400 Bad Request", "SSH-2.0-what", "", "x" * 9000])
async def test_what_answers_is_no_mail_server(server: MailServer, greeting: str) -> None:
    server.say["CONNECT"] = greeting
    delivery = await mailed(server, timeout="2s")
    assert delivery.ending in {Ending.NOT_SENT, Ending.REFUSED}
    assert server.mails == []
    assert not any(said.startswith("mail") for said in server.heard)


async def test_an_answer_without_sense_to_the_mail_leaves_a_doubt(server: MailServer) -> None:
    server.say["."] = "250" + "?" * 9000
    delivery = await mailed(server)
    assert (delivery.ending, delivery.attempts) == (Ending.UNKNOWN, 1)


async def test_a_password_that_cannot_be_read_sends_nothing(server: MailServer, certificate: Certificate) -> None:
    one = channel({**PLAIN, "port": server.port, "security": "tls", **LOGIN, "tls": {"ca": str(certificate.cert)}}, {})
    delivery = await told(one)
    assert (delivery.ending, delivery.attempts) == (Ending.NOT_SENT, 1)
    assert "PASSWORD" in delivery.why
    assert server.connections == 0


async def test_a_certificate_file_that_is_none_sends_nothing(server: MailServer) -> None:
    delivery = await mailed(server, security="tls", tls={"ca": "/nonexistent/ca.pem"})
    assert delivery.ending is Ending.NOT_SENT
    assert "/nonexistent/ca.pem" in delivery.why
    assert server.connections == 0


async def test_a_cancelled_message_is_not_sent_later(server: MailServer) -> None:
    server.do["EHLO"] = "stall"
    one = channel({**PLAIN, "port": server.port, "timeout": "30s"}, {})
    waiting = asyncio.create_task(one.notify(MESSAGE))
    assert await asyncio.to_thread(server.spoken_to.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert server.mails == []
    assert server.connections == 1


async def test_any_script_arrives_in_seven_bits(server: MailServer) -> None:
    message = Message("Zurück 漢字", "äöü 漢字 😀\n.versteckt\n..", MESSAGE.at)
    await mailed(server, message)
    (mail,) = server.mails
    assert mail.raw.isascii()
    assert mail.message["Subject"].strip() == "[rolloutctl] Zurück 漢字"
    assert mail.text == "äöü 漢字 😀\n.versteckt\n..\n"
