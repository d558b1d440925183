import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.parts import adapter
from rolloutctl.adapters.http import HttpAdapter
from rolloutctl.adapters.request import fault
from rolloutctl.model.exchange import NOT_JSON, Answered, Ended, Exchange, NoAnswer, NotSent, Request, Trouble
from servers.certificates import Certificate, make_certificate
from servers.receiver import Receiver, answer, drip, hang_up, huge, nobody, nonsense, reset, stall

BEARER = {"type": "bearer", "token": {"env": "TOKEN"}}
TOKEN = {"TOKEN": "t0ken-of-the-cache"}
GET = Request("GET", "/generation/ranker")
PUT = Request("PUT", "/generation/ranker", body='{"generation":"stable"}')


@pytest.fixture
def server() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def opened(url: str, values: dict[str, str] | None = None, **settings: object) -> AsyncIterator[HttpAdapter]:
    one = adapter(url, values, **settings)
    try:
        yield one
    finally:
        await one.close()


async def sent(url: str, request: Request, values: dict[str, str] | None = None, **settings: object) -> Exchange:
    async with opened(url, values, **settings) as one:
        return await one.send(request)


async def test_a_request_arrives_as_it_was_meant(server: Receiver) -> None:
    server.usually = answer(200, '{"generation": "stable"}', ETag='"7"')
    request = Request(
        "PUT", "/a%2Fb", query=(("q", "a b&c"), ("q", "ü")), headers={"X-Trace": "7"}, body='{"a":1}', key="run-1:purge"
    )
    ended = await sent(server.url + "/base/", request, TOKEN, auth=BEARER, headers={"X-Tenant": "shop", "x-trace": "0"})
    assert isinstance(ended, Answered)
    assert (ended.status, ended.document, ended.headers["etag"]) == (200, {"generation": "stable"}, '"7"')
    assert ended.body == b'{"generation": "stable"}'
    assert ended.elapsed_s > 0
    (got,) = server.received
    assert (got.method, got.target, got.body) == ("PUT", "/base/a%2Fb?q=a%20b%26c&q=%C3%BC", b'{"a":1}')
    wanted = {
        "authorization": "Bearer t0ken-of-the-cache",
        "content-type": "application/json",
        "idempotency-key": "run-1:purge",
        "x-tenant": "shop",
        "x-trace": "7",
        "accept-encoding": "identity",
    }
    assert wanted.items() <= got.headers.items()


async def test_a_request_cannot_replace_the_credentials(server: Receiver) -> None:
    auth = {"type": "header", "name": "X-Api-Key", "token": {"env": "TOKEN"}}
    await sent(server.url, Request("GET", "/", headers={"x-api-key": "other"}), TOKEN, auth=auth)
    assert server.received[0].headers["x-api-key"] == TOKEN["TOKEN"]


async def test_one_client_serves_all_requests(server: Receiver) -> None:
    async with opened(server.url) as one:
        for _ in range(3):
            assert isinstance(await one.send(GET), Answered)
        assert one._client is not None
        assert one._stranger is None


async def test_no_more_requests_at_once_than_the_config_allows() -> None:
    running = most = 0

    async def look(one: HttpAdapter) -> None:
        nonlocal running, most
        inner = one._opened

        async def counted(request: Request) -> Exchange:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            result = await inner(request)
            running -= 1
            return result

        one._opened = counted  # type: ignore[method-assign]
        results = await asyncio.gather(*(one.send(GET) for _ in range(9)))
        assert {result.ended for result in results} == {Ended.ANSWERED}

    with Receiver() as server:
        async with opened(server.url, connections=2) as one:
            await look(one)
    assert most == 2
    assert len(server.received) == 9


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (reset, Trouble.RESET),
        (hang_up, Trouble.RESET),
        (nonsense, Trouble.GARBLED),
        (stall, Trouble.TIMEOUT),
        (drip, Trouble.TIMEOUT),
        (huge, Trouble.TOO_LARGE),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
@pytest.mark.parametrize("request_", [GET, PUT], ids=str)
async def test_after_bytes_were_sent_nothing_is_said_not_to_have_happened(
    server: Receiver, request_: Request, reply: object, trouble: Trouble
) -> None:
    server.then(reply)  # type: ignore[arg-type]
    brief = {"timeout": "1s", "connect_timeout": "1s"} if trouble is Trouble.TIMEOUT else {}
    ended = await sent(server.url, request_, **brief)
    assert isinstance(ended, NoAnswer)
    assert ended.trouble is trouble
    assert str(request_) in ended.why
    assert len(server.received) == 1


async def test_nobody_listens() -> None:
    ended = await sent(nobody(), PUT)
    assert isinstance(ended, NotSent)
    assert ended.trouble is Trouble.CONNECT
    assert "PUT /generation/ranker: cannot connect" in ended.why


async def test_a_connection_that_is_never_made() -> None:
    # A listener whose queue is full: the connection is neither made nor refused.
    import socket

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        try:
            ended = await sent(url, PUT, connect_timeout="300ms", timeout="1s")
        finally:
            for filler in fillers:
                filler.close()
    assert isinstance(ended, NotSent)
    assert ended.trouble is Trouble.CONNECT


@pytest.mark.parametrize("status", [302, 401, 403, 404, 409, 429, 500, 503])
async def test_every_status_is_an_answer(server: Receiver, status: int) -> None:
    server.usually = answer(status, '{"message": "no"}', Location="/elsewhere")
    ended = await sent(server.url, PUT)
    assert isinstance(ended, Answered)
    assert (ended.status, ended.text, ended.why) == (status, "no", f"HTTP {status}: no")
    assert len(server.received) == 1


async def test_a_web_page_is_no_json(server: Receiver) -> None:
    server.usually = answer(200, "<!doctype html><title>Sign in</title>", Content_Type="text/html")
    ended = await sent(server.url, GET)
    assert isinstance(ended, Answered)
    assert ended.document is NOT_JSON
    assert ended.text == "a web page, not the API"


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (503, {"Retry-After": "Mon, 05 Jan 2026 10:01:00 GMT"}, 60.0),
        (429, {}, None),
        (200, {"Retry-After": "7"}, None),
        (429, {"X-RateLimit-Reset": "12"}, 12.0),
    ],
)
async def test_hints_to_wait_are_heard(server: Receiver, status: int, headers: dict[str, str], told: float | None) -> None:
    server.usually = answer(status, "{}", **headers)
    ended = await sent(server.url, GET)
    assert isinstance(ended, Answered)
    assert ended.retry_after_s == told


async def test_a_request_may_ask_for_less_time_and_less_to_read(server: Receiver) -> None:
    server.then(stall)
    ended = await sent(server.url, Request("GET", "/", timeout_s=1.0), timeout="60s")
    assert isinstance(ended, NoAnswer)
    assert ended.trouble is Trouble.TIMEOUT
    server.usually = answer(200, "x" * 101)
    for asked, own in ((100, "1MiB"), (None, "100B"), (200, "100B")):
        ended = await sent(server.url, Request("GET", "/", max_body=asked), max_body=own)
        assert isinstance(ended, NoAnswer)
        assert ended.trouble is Trouble.TOO_LARGE
    assert isinstance(await sent(server.url, Request("GET", "/", max_body=101)), Answered)


async def test_a_secret_that_changed_is_read_again_after_a_401(server: Receiver) -> None:
    values = {"TOKEN": "the-old-token"}
    server.then(answer(200), answer(401, "expired the-old-token"), answer(200))
    async with opened(server.url, values, auth=BEARER) as one:
        await one.send(PUT)
        values["TOKEN"] = "the-new-token"
        ended = await one.send(PUT)
    assert isinstance(ended, Answered)
    assert ended.status == 200
    assert [got.headers["authorization"][-9:] for got in server.received] == ["old-token", "old-token", "new-token"]


async def test_a_refused_secret_that_did_not_change_is_not_tried_again(server: Receiver) -> None:
    server.usually = answer(401, "expired t0ken-of-the-cache")
    ended = await sent(server.url, PUT, TOKEN, auth=BEARER)
    assert isinstance(ended, Answered)
    assert ended.text == "expired [secret]"
    assert len(server.received) == 1


async def test_a_secret_that_cannot_be_read_sends_nothing(server: Receiver) -> None:
    ended = await sent(server.url, PUT, {}, auth=BEARER)
    assert isinstance(ended, NotSent)
    assert ended.trouble is Trouble.CREDENTIALS
    assert "TOKEN" in ended.why
    assert server.received == ()


async def test_a_certificate_file_that_is_none_sends_nothing(server: Receiver, tmp_path_factory: pytest.TempPathFactory) -> None:
    missing = str(tmp_path_factory.mktemp("none") / "ca.pem")
    ended = await sent(server.url, PUT, tls={"ca": missing})
    assert isinstance(ended, NotSent)
    assert ended.trouble is Trouble.TLS
    assert missing in ended.why


async def test_tls_is_verified_and_an_own_authority_is_trusted(certificate: Certificate) -> None:
    with Receiver(tls=certificate.server()) as server:
        distrusted = await sent(server.url, PUT)
        trusted = await sent(server.url, PUT, tls={"ca": str(certificate.cert)})
    assert isinstance(distrusted, NotSent)
    assert distrusted.trouble is Trouble.TLS
    assert "CERTIFICATE_VERIFY_FAILED" in distrusted.why
    assert isinstance(trusted, Answered)


async def test_plain_http_where_tls_is_expected(server: Receiver) -> None:
    ended = await sent(server.url.replace("http:", "https:"), PUT)
    assert isinstance(ended, NotSent)
    assert ended.trouble is Trouble.TLS


async def test_a_client_certificate_is_shown_to_its_own_server_only(certificate: Certificate) -> None:
    tls = {"ca": str(certificate.cert), "cert": str(certificate.cert), "key": str(certificate.key)}
    with Receiver(tls=certificate.strict_server()) as strict, Receiver(tls=certificate.strict_server()) as other:
        known = await sent(strict.url, GET, tls=tls)
        unknown = await sent(strict.url, GET, tls={"ca": str(certificate.cert)})
        strict.then(answer(302, Location=f"{other.url}/x"))
        elsewhere = await sent(strict.url, Request("GET", "/", redirects=1), tls=tls)
    assert isinstance(known, Answered)
    # TLS 1.3 tells a client only after it has begun to send that its certificate is missing.
    assert isinstance(unknown, NoAnswer | NotSent)
    assert isinstance(elsewhere, NoAnswer | NotSent)
    assert other.received == ()


async def test_redirects_are_followed_when_asked_and_tell_another_host_nothing(server: Receiver) -> None:
    with Receiver(usually=answer(200, '"there"')) as other:
        server.then(answer(302, Location="/second?a=1"), answer(307, Location=f"{other.url}/third"))
        request = Request("GET", "/first", headers={"X-Own": "1"}, redirects=3)
        ended = await sent(server.url, request, TOKEN, auth=BEARER, headers={"X-Tenant": "shop"})
    assert isinstance(ended, Answered)
    assert ended.document == "there"
    assert [got.target for got in server.received] == ["/first", "/second?a=1"]
    assert all("authorization" in got.headers for got in server.received)
    (strange,) = other.received
    assert strange.target == "/third"
    assert not {"authorization", "x-tenant", "x-own"} & set(strange.headers)


async def test_credentials_do_not_come_back_from_another_host(server: Receiver) -> None:
    with Receiver(usually=answer(302, Location=f"{server.url}/chosen")) as other:
        server.then(answer(302, Location=other.url))
        await sent(server.url, Request("GET", "/first", redirects=2), TOKEN, auth=BEARER)
    assert [(got.target, "authorization" in got.headers) for got in server.received] == [("/first", True), ("/chosen", False)]


@pytest.mark.parametrize(
    ("request_", "times"), [(Request("PUT", "/a", redirects=5), 1), (Request("GET", "/a", redirects=2), 3), (GET, 1)]
)
async def test_redirects_beyond_what_was_asked_are_answers(server: Receiver, request_: Request, times: int) -> None:
    server.usually = answer(307, Location="/a")
    ended = await sent(server.url, request_)
    assert isinstance(ended, Answered)
    assert ended.status == 307
    assert len(server.received) == times


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "http://me:pw@127.0.0.1/"])
async def test_redirects_to_nowhere_are_told(server: Receiver, location: str) -> None:
    server.usually = answer(302, Location=location)
    ended = await sent(server.url, Request("GET", "/", redirects=1))
    assert isinstance(ended, NoAnswer)
    assert ended.trouble is Trouble.REDIRECTED


@pytest.mark.parametrize("location", ["http://127.0.0.1:port/", "mailto:ana@example.com", "http://127.0.0.1:1/", "\x80"])
@pytest.mark.parametrize("redirects", [0, 1])
async def test_a_redirect_that_cannot_be_followed_came_after_the_request(server: Receiver, location: str, redirects: int) -> None:
    server.usually = answer(302, Location=location)
    ended = await sent(server.url, Request("GET", "/", redirects=redirects))
    assert not isinstance(ended, NotSent)
    assert len(server.received) in {1, 2}


async def test_no_redirect_leads_from_https_to_http(certificate: Certificate, server: Receiver) -> None:
    with Receiver(usually=answer(302, Location=server.url), tls=certificate.server()) as safe:
        ended = await sent(safe.url, Request("GET", "/", redirects=1), tls={"ca": str(certificate.cert)})
    assert isinstance(ended, NoAnswer)
    assert ended.trouble is Trouble.REDIRECTED
    assert server.received == ()


@pytest.mark.parametrize(
    "request_",
    [
        Request("get", "/"),
        Request("GET", ""),
        Request("GET", "x"),
        Request("GET", "//127.0.0.1:1/x"),
        Request("GET", "http://127.0.0.1:1/x"),
        Request("GET", "/a?b"),
        Request("GET", "/a#b"),
        Request("GET", "/a b"),
        Request("GET", "/ü"),
        Request("GET", "/a\\b"),
        Request("GET", "/a/../b"),
        Request("GET", "/a/%2e%2E/b"),
        Request("GET", "/", headers={"A": "b\r\nC: d"}),
        Request("GET", "/", headers={"A b": "c"}),
        Request("GET", "/", headers={"Host": "elsewhere"}),
        Request("GET", "/", headers={"A": "ü"}),
        Request("GET", "/", key="a\nb"),
    ],
    ids=str,
)
async def test_requests_that_could_mean_something_else_are_not_sent(server: Receiver, request_: Request) -> None:
    ended = await sent(server.url, request_)
    assert isinstance(ended, NotSent)
    assert ended.trouble is Trouble.REQUEST
    assert server.received == ()


@given(
    st.builds(
        Request,
        method=st.sampled_from(["GET", "PUT", "get", ""]) | st.text(max_size=5),
        path=st.text(max_size=20).map(lambda text: f"/{text}"),
        headers=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        key=st.text(max_size=5),
    )
)
def test_what_may_be_sent_stays_below_the_base_url(request_: Request) -> None:
    import httpx

    if fault(request_) is not None:
        return
    with httpx.Client(base_url="http://cache.test/base") as client:
        built = client.build_request(request_.method, request_.path, headers=dict(request_.headers))
    assert built.url.host == "cache.test"
    assert built.url.raw_path.startswith(b"/base/")
    assert b"?" not in built.url.raw_path


def test_how_things_ended_is_one_word_each() -> None:
    ends = [Answered(200, {}, None, ""), NotSent("x"), NoAnswer("y")]
    assert json.dumps([end.ended for end in ends]) == '["answered", "not_sent", "unknown"]'
