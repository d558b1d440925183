import gzip
import json
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.config import Tls
from rolloutctl.errors import InvalidInput
from rolloutctl.model.exchange import NOT_JSON, Answered, Exchange, NoAnswer, NotSent, Trouble, decode
from rolloutctl.wire.clients import Timeouts, client_factory
from rolloutctl.wire.http import Call, exchange

TIMEOUTS = Timeouts(0.5, 0.5)
SECRET = "*:*.very-secret-token"


def response(status: int, content: bytes = b"", **headers: str) -> httpx.Response:
    """Not read yet, as one from the network."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=httpx.ByteStream(content))


async def once(answer: httpx.Response | Exception, **call: object) -> Exchange:
    def handler(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = client_factory("http://flags.test/base/", None, httpx.MockTransport(handler))(TIMEOUTS, 1)
    async with client:
        headers = {"Authorization": SECRET}
        return await exchange(client, Call("GET", "/api/x", headers, secrets=(SECRET,), **call), TIMEOUTS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError(f"refused {SECRET}"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("busy"),
        httpx.ProxyError("407 Proxy Authentication Required"),
        httpx.UnsupportedProtocol("ftp"),
        httpx.LocalProtocolError(f"Illegal header value b'{SECRET}'"),
    ],
)
async def test_what_never_left_is_not_sent(error: Exception) -> None:
    result = await once(error)
    assert isinstance(result, NotSent)
    assert SECRET not in repr(result)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.ReadError(f"reset {SECRET}"),
        httpx.WriteError("broken pipe"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        httpx.DecodingError("bad"),
        OSError("odd"),
    ],
)
async def test_what_may_have_arrived_is_no_answer(error: Exception) -> None:
    result = await once(error)
    assert isinstance(result, NoAnswer)
    assert SECRET not in repr(result)


async def test_the_path_prefix_of_the_url_is_kept_and_redirects_are_not_followed() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return response(302, Location="http://elsewhere.test/")

    async with client_factory("http://flags.test/base/", None, httpx.MockTransport(handler))(TIMEOUTS, 1) as client:
        result = await exchange(client, Call("GET", "/api/x%2Fy", params={"a": "b c"}), TIMEOUTS)
    assert isinstance(result, Answered)
    assert result.status == 302
    assert seen == ["http://flags.test/base/api/x%2Fy?a=b%20c"]


async def test_a_body_is_read_up_to_its_limit() -> None:
    assert isinstance(await once(response(200, b'"' + b"x" * 98 + b'"'), max_body=100), Answered)
    too_long = await once(response(200, b'"' + b"x" * 99 + b'"'), max_body=100)
    assert isinstance(too_long, NoAnswer)
    assert "longer than 100 bytes" in too_long.why


async def test_a_compressed_body_that_was_not_asked_for_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    result = await once(response(200, bomb, Content_Encoding="gzip"))
    assert isinstance(result, Answered)
    assert result.document is NOT_JSON


async def test_the_servers_sentence_is_found_cleaned_and_without_the_secret() -> None:
    body = {"message": "general", "details": [{"message": f"\x1b[31mno\x00 {SECRET}"}]}
    result = await once(response(400, json.dumps(body).encode()))
    assert isinstance(result, Answered)
    assert result.text == "no [secret]"
    assert SECRET not in json.dumps(result.document)


async def test_a_web_page_is_called_that() -> None:
    result = await once(response(200, b"<!doctype html><title>Sign in</title>", Content_Type="text/html"))
    assert isinstance(result, Answered)
    assert (result.document, result.text) == (NOT_JSON, "a web page, not the API")


@pytest.mark.parametrize("body", ["", "{", "NaN", '{"a": Infinity}', "[" * 100_000, '"\udcff"', "1" * 5000, "\ufeff{}"])
def test_what_is_not_json_is_a_value(body: str) -> None:
    assert decode(body) is NOT_JSON


@given(st.text())
def test_decoding_never_raises(body: str) -> None:
    decode(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_is_read(value: object) -> None:
    assert decode(json.dumps(value)) == value


@pytest.mark.parametrize("tls", [Tls(ca="/nonexistent/ca.pem"), Tls(cert="/nonexistent/cert.pem", key="/nonexistent/key.pem")])
def test_unusable_certificates_are_a_sentence(tls: Tls) -> None:
    with pytest.raises(InvalidInput, match="nonexistent"):
        client_factory("https://flags.test", tls)


def test_a_file_that_holds_no_certificate_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(InvalidInput, match=r"ca\.pem cannot be read"):
        client_factory("https://flags.test", Tls(ca=str(tmp_path / "ca.pem")))


async def test_what_a_server_says_is_never_taken_for_a_request_that_was_not_sent() -> None:
    class Announced(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.extensions["trace"]("http11.send_request_headers.started", {})
            raise httpx.InvalidURL("of where the answer redirects to")

    async with client_factory("http://flags.test", None, Announced())(TIMEOUTS, 1) as client:
        result = await exchange(client, Call("PUT", "/"), TIMEOUTS)
    assert isinstance(result, NoAnswer)
    assert result.trouble is Trouble.GARBLED


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.RemoteProtocolError])
@pytest.mark.parametrize(
    ("heard", "ended"), [("connection.connect_tcp.started", NotSent), ("http11.send_request_headers.started", NoAnswer)]
)
async def test_how_far_it_got_decides(heard: str, ended: type, error: type[httpx.TransportError]) -> None:
    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.extensions["trace"](heard, {})
            raise error("gone")

    async with client_factory("http://flags.test", None, Broken())(TIMEOUTS, 1) as client:
        result = await exchange(client, Call("PUT", "/"), TIMEOUTS)
    assert isinstance(result, ended)


async def test_secrets_in_headers_of_an_answer_are_hidden() -> None:
    result = await once(response(401, b"{}", X_Echo=f"Bearer {SECRET}"))
    assert isinstance(result, Answered)
    assert result.headers["x-echo"] == "Bearer [secret]"
