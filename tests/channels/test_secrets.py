"""Secrets in whatever place and spelling a server may show them again: nothing that comes out of an adapter or a channel has one."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from adapters.parts import QuickClock
from channels.parts import MESSAGE
from rolloutctl import config
from rolloutctl.adapters.http import HttpAdapter
from rolloutctl.channels.build import build
from rolloutctl.engine.config.secrets import read_secret
from rolloutctl.model.exchange import Request
from rolloutctl.model.message import Matter
from servers.certificates import Certificate, make_certificate
from servers.receiver import Handler, Receiver, Reply, answer, hang_up, nobody, nonsense, reset
from servers.smtp import MailServer

TOKENS = (
    st.text(st.sampled_from("abcXYZ019-_.~+/=\"\\%&'<>!*:;@$, "), min_size=8, max_size=40)
    .map(str.strip)
    .filter(lambda t: len(t) > 7)
)
IN_URLS = st.text(st.sampled_from("abcXYZ019-_.~+%=&"), min_size=8, max_size=40).filter(lambda t: "%" not in t)
SLOW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def spellings(secret: str) -> set[str]:
    pairs = {encoded(f"{user}{secret}") for user in ("", "rollout:", "\0rollout\0")}
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], *pairs}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def shows(secret: str) -> list[Reply]:
    """Everything that a careless server may do with what it was given."""
    words = " | ".join(sorted(spellings(secret)))

    def in_headers(handler: Handler) -> None:
        handler.send_response_only(401, "no")
        for number, value in enumerate(sorted(spellings(secret))):
            handler.send_header(f"X-{number}", value)
        handler.send_header("WWW-Authenticate", f'Basic realm="{handler.path}"')
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return [
        answer(400, words, Content_Type="text/plain"),
        answer(200, words),
        answer(
            400, json.dumps({"message": words, "details": [{"message": words}], "title": words}), Content_Type="application/json"
        ),
        answer(500, f"<html><title>{words}</title>", Content_Type="text/html"),
        answer(302, words, Location=f"http://127.0.0.1:1/{quote(secret)}"),
        in_headers,
        reset,
        hang_up,
        nonsense,
        lambda handler: handler.wfile.write(f"{words}\r\n\r\n".encode()),
    ]


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, object]]:
    """Puts a secret where the config may read it from, and says so as the config does."""
    kind: str = request.param
    file = tmp_path / "secret"

    def put(secret: str) -> dict[str, object]:
        if kind == "env":
            monkeypatch.setenv("PLANTED", secret)
            return {"env": "PLANTED"}
        file.write_text(secret)
        file.chmod(0o600)
        return {"file": str(file)} if kind == "file" else {"command": ["cat", str(file)]}

    return put


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    with caplog.at_level(logging.DEBUG):
        caplog.clear()
        yield lambda: "\n".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records)


def clean_of(secret: str, *said: object) -> None:
    for each in said:
        text = f"{each!r}\n{each}"
        for spelling in spellings(secret):
            assert spelling not in text, (spelling, text)


AUTHS = ["bearer", "token", "basic", "header"]


def auth(kind: str, where: dict[str, object]) -> dict[str, object]:
    match kind:
        case "basic":
            return {"type": kind, "username": "rollout", "password": where}
        case "header":
            return {"type": kind, "name": "X-Api-Key", "token": where}
        case _:
            return {"type": kind, "token": where}


@pytest.mark.parametrize(("kind", "place"), zip(AUTHS, ["env", "file", "command", "env"], strict=True), indirect=["place"])
def test_an_adapter(place: Callable[[str], dict[str, object]], kind: str, everything_logged: Callable[[], str]) -> None:
    @SLOW
    @given(TOKENS)
    def never(secret: str) -> None:
        with Receiver() as server:
            server.then(*shows(secret))
            described = config.Adapter.model_validate({"url": server.url, "auth": auth(kind, place(secret))})
            said = asyncio.run(asked(described, len(shows(secret))))
            sent = " ".join(value for got in server.received for value in got.headers.values())
            assert secret in sent or encoded(f"rollout:{secret}") in sent
        clean_of(secret, described, *said, everything_logged())

    never()


async def asked(described: config.Adapter, times: int) -> list[object]:
    said: list[object] = []
    one = HttpAdapter(described, read_secret, QuickClock())
    for _ in range(times):
        ended = await one.send(Request("GET", "/", redirects=1))
        said += [ended, getattr(ended, "body", b""), getattr(ended, "headers", {}), one]
    await one.close()
    elsewhere = described.model_copy(update={"url": nobody()})
    lost = HttpAdapter(elsewhere, read_secret, QuickClock())
    said.append(await lost.send(Request("PUT", "/", body="{}")))
    await lost.close()
    return said


CHANNELS: dict[str, Callable[[str, str, dict[str, object]], dict[str, object]]] = {
    "slack": lambda _url, _secret, where: {"type": "slack", "url": where},
    "teams": lambda _url, _secret, where: {"type": "teams", "url": where},
    "webhook": lambda _url, _secret, where: {"type": "webhook", "url": where},
    "webhook-auth": lambda url, _secret, where: {"type": "webhook", "url": url, "auth": auth("basic", where)},
    "pagerduty": lambda url, _secret, where: {"type": "pagerduty", "url": url, "routing_key": where},
    "grafana": lambda url, _secret, where: {"type": "grafana", "url": url, "auth": auth("bearer", where)},
}
IN_URL = {"slack": "/services/T1/B1/{}", "teams": "/workflows/7/invoke?sp=x&sig={}", "webhook": "/in/{}/github"}


@pytest.mark.parametrize(
    ("kind", "place"), zip(sorted(CHANNELS), ["env", "file", "command"] * 2, strict=True), indirect=["place"]
)
def test_a_channel(place: Callable[[str], dict[str, object]], kind: str, everything_logged: Callable[[], str]) -> None:
    @SLOW
    @given(IN_URLS if kind in IN_URL else TOKENS)
    def never(secret: str) -> None:
        with Receiver() as server:
            # Twice: attempts of one message may be several.
            server.then(*shows(secret), *shows(secret))
            planted = server.url + IN_URL[kind].format(quote(secret, safe="")) if kind in IN_URL else secret
            described: config.Channel = TypeAdapter(config.Channel).validate_python(
                {**CHANNELS[kind](server.url, secret, place(planted)), "timeout": "5s"}
            )
            said = asyncio.run(told(described, len(shows(secret))))
            assert server.received
        clean_of(secret, described, *said, everything_logged())

    never()


async def told(described: config.Channel, times: int) -> list[object]:
    one = build(described, read_secret, QuickClock())
    message = replace(MESSAGE, matter=Matter.OPEN)
    said = [await one.notify(message) for _ in range(times)]
    await one.close()
    return [one, *said]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("place", ["file"], indirect=True)
def test_e_mail(
    place: Callable[[str], dict[str, object]], certificate: Certificate, everything_logged: Callable[[], str]
) -> None:
    @settings(SLOW, max_examples=3)
    @given(TOKENS)
    def never(secret: str) -> None:
        words = " ".join(sorted(spellings(secret)))
        for verb in ("AUTH", "MAIL", "RCPT", "DATA", ".", "EHLO"):
            logins = {} if verb == "AUTH" else {"rollout": secret}
            with MailServer(tls=certificate.server(), at_once=True, logins=logins or {"rollout": "another"}) as server:
                if verb != "AUTH":
                    server.say[verb] = f"554 {words}"
                    server.say["HELO"] = f"554 {words}"
                described = config.EmailChannel.model_validate(
                    {
                        "type": "email",
                        "host": "127.0.0.1",
                        "port": server.port,
                        "security": "tls",
                        "tls": {"ca": str(certificate.cert)},
                        "username": "rollout",
                        "password": place(secret),
                        "sender": "a@example.com",
                        "to": ["b@example.com"],
                    }
                )
                said = asyncio.run(told(described, 1))
            clean_of(secret, described, *said, everything_logged())

    never()
