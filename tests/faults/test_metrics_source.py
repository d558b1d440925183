"""A Prometheus that is down, slow, lying or in the way: always a sentence, never an exception, and normal again after."""

import asyncio
import contextlib
import gzip
import json
import re
import socket
import ssl
import struct
import subprocess
import sys
import time

import pytest

from metrics.server import NOW, error, json_answer, matrix, raw, serving, source, success
from rolloutctl import config
from rolloutctl.errors import InvalidInput, SourceUnreachable
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.samples import FailureKind, Samples

SECRET = "hunter2-hunter2"
BEARER = {"type": "bearer", "token": {"env": "T"}}


async def failure(url, **settings):
    asked = source(url, secret=SECRET, **settings)
    try:
        return (await asked.fetch([raw()]))[raw()]
    finally:
        await asked.close()


def hang(handler, _):
    handler.server.lying.over.wait(20)


def reset(handler, _):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.connection.close()


def drip(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.lying.over.wait(0.05):
        handler.wfile.write(b" ")


def drip_headers(handler, _):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.server.lying.over.wait(0.05):
        handler.wfile.write(b"x")


def truncated(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"status": "succ')
    handler.close_connection = True


def huge(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Length", str(100_000_000))
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" " * 1_000_000)


def bomb(handler, _):
    packed = gzip.compress(b" " * 80_000_000, 1)
    handler.send(200, packed, Content_Encoding="gzip")


def plain(status, body=b"", content_type="application/json", **headers):
    return lambda handler, _: handler.send(status, body, content_type, **headers)


DOWN = FailureKind.DOWN
INVALID = FailureKind.INVALID
ANSWERS = {
    "closed": (lambda handler, _: setattr(handler, "close_connection", True), DOWN, "closed the connection"),
    "reset": (reset, DOWN, "closed the connection"),
    "hang": (hang, DOWN, "did not answer within 1s"),
    "slow drip": (drip, DOWN, "did not answer within 1s"),
    "slow headers": (drip_headers, DOWN, "did not answer within 1s"),
    "truncated body": (truncated, DOWN, "closed the connection|cut off"),
    "truncated JSON": (plain(200, b'{"status": "success", "data": {"resul'), DOWN, "not JSON, or was cut off"),
    "wrong charset": (plain(200, b"\xff\xfe\xfa\xfb{"), DOWN, "not JSON"),
    "bad compression": (plain(200, b"not gzip", Content_Encoding="gzip"), DOWN, "cut off or garbled"),
    "a 100 MB body": (huge, DOWN, "larger than 64 MiB"),
    "a bomb": (bomb, DOWN, "larger than 64 MiB"),
    "empty": (plain(200), DOWN, "not JSON"),
    "HTML": (plain(200, b"<html>please log in</html>", "text/html; charset=utf-8"), DOWN, "web page"),
    "another API": (json_answer({"ok": True}), DOWN, "not the Prometheus API's"),
    "a list": (json_answer([1, 2]), DOWN, "not the Prometheus API's"),
    "401": (plain(401, b"no"), DOWN, "refused our credentials .401."),
    "403": (plain(403), DOWN, "refused our credentials .403."),
    "404": (plain(404, b"404 page not found", "text/plain"), DOWN, "no Prometheus API under /prom .* path prefix"),
    "429": (plain(429, Retry_After="5"), DOWN, "slow down"),
    "418": (plain(418), DOWN, "status 418"),
    "500": (plain(500, b"oops"), DOWN, "failed .500."),
    "503": (json_answer(error("timeout", "query timed out in expression evaluation"), 503), DOWN, "query timed out"),
    "redirect": (plain(302, Location="https://login.example.org/x?y=z"), DOWN, "redirects to login.example.org"),
    "bad data": (json_answer(error("bad_data", "1:7: parse error: oh \x1b[2J no"), 400), INVALID, "1:7: parse error: oh .2J no"),
    "execution": (json_answer(error("execution", "too many samples"), 422), INVALID, "too many samples"),
    "an error with 200": (json_answer(error("bad_data", "parse error")), INVALID, "parse error"),
    "another error with 200": (json_answer(error("internal", "disk gone")), DOWN, "disk gone"),
    "a vector": (json_answer(success([], "vector")), DOWN, "answered vector where a matrix"),
    "no result": (json_answer({"status": "success", "data": None}), DOWN, "answered nothing"),
    "broken samples": (json_answer(success([{"metric": {}, "values": [[1]]}])), DOWN, "no pairs of time and number"),
    "text for numbers": (json_answer(success([{"metric": {}, "values": [[1, "x"]]}])), DOWN, "no pairs of time and number"),
    "no labels": (json_answer(success([{"values": []}])), DOWN, "series with labels"),
    "too many series": (
        json_answer(success([{"metric": {"i": str(i)}, "values": [[1, "1"]]} for i in range(6)])),
        INVALID,
        "6 series, more than the 5",
    ),
    "an echo of the secret": (
        lambda handler, request: handler.send_json(error("internal", f"bad {request.headers['Authorization']}"), 500),
        DOWN,
        "bad Bearer «secret»",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_every_failure_is_a_sentence_of_the_right_kind(name):
    answer, kind, says = ANSWERS[name]
    begun = time.monotonic()
    with serving(answer) as lying:
        found = await failure(f"{lying.url}/prom", auth=BEARER, max_series=5)
    assert found.kind is kind
    assert re.search(says, found.why), found.why
    assert found.why.isprintable()
    assert SECRET not in found.why
    assert time.monotonic() - begun < 8
    assert len(lying.requests) <= 2, "no hidden retries"


async def test_no_credentials_follow_a_redirect():
    with serving(json_answer(matrix())) as elsewhere:
        with serving(plain(307, Location=f"{elsewhere.url}/api/v1/query")) as lying:
            await failure(lying.url, auth=BEARER)
        assert elsewhere.requests == []


async def test_nobody_listens():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    found = await failure(f"http://127.0.0.1:{port}")
    assert found.why == f"127.0.0.1:{port} refuses connections; is it running?"


async def test_a_name_that_does_not_exist():
    found = await failure("http://no-such-host.invalid:9090", timeout="5s")
    assert found.kind is DOWN
    assert "not known to DNS" in found.why or "did not answer" in found.why or "no connection" in found.why


async def test_a_connection_that_is_never_accepted():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as full:
        address = full.getsockname()
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                filler = stack.enter_context(contextlib.closing(socket.socket()))
                filler.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    filler.connect(address)
            found = await failure(f"http://127.0.0.1:{address[1]}", connect_timeout="300ms")
    assert found.why.startswith(("no connection to", "127.0.0.1"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("There is no `openssl` on PATH.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


async def test_tls_is_verified_and_an_own_authority_is_trusted(certificate):
    context, cert = certificate
    with serving(json_answer(matrix()), tls=context) as lying:
        found = await failure(lying.url)
        trusted = await failure(lying.url, tls={"ca": str(cert)})
        wrong_scheme = await failure(lying.url.replace("https", "http"))
        missing = await failure(lying.url, tls={"ca": "/no/such/file.pem"})
    assert "no trusted TLS connection" in found.why
    assert "self-signed" in found.why or "self signed" in found.why
    assert trusted == Samples(())
    assert wrong_scheme.kind is DOWN
    assert "TLS file" in missing.why


async def test_a_server_that_wants_to_know_its_clients(certificate):
    _, cert = certificate
    key = cert.with_name("key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cert)
    with serving(json_answer(matrix()), tls=context) as strict:
        nobody = await failure(strict.url, tls={"ca": str(cert)})
        known = await failure(strict.url, tls={"ca": str(cert), "cert": str(cert), "key": str(key)})
    assert nobody.kind is DOWN
    assert nobody.why.startswith(("127.0.0.1", "no trusted TLS connection"))
    assert known == Samples(())


async def test_a_hung_tls_handshake_ends_in_time():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        begun = time.monotonic()
        found = await failure(f"https://127.0.0.1:{silent.getsockname()[1]}")
    assert "did not answer within 1s" in found.why or "no connection" in found.why
    assert time.monotonic() - begun < 8


async def test_a_secret_that_cannot_be_read_and_one_that_breaks_headers():
    def unreadable(_):
        raise InvalidInput("the environment variable T is not set.")

    for secrets, says in ((unreadable, "T is not set"), (lambda _: "two\nlines", "header")):
        settings = config.PrometheusSource.model_validate({"type": "prometheus", "url": "http://127.0.0.1:9", "auth": BEARER})
        asked = PrometheusSource(settings, secrets)
        found = (await asked.fetch([raw()]))[raw()]
        await asked.close()
        assert says in found.why
        assert "two" not in found.why


async def test_now_raises_and_probe_says_what_is_wrong():
    with serving(plain(500)) as lying:
        asked = source(lying.url)
        with pytest.raises(SourceUnreachable, match=r"failed \(500\)"):
            await asked.now()
        health = await asked.probe()
        await asked.close()
    assert not health.ok
    assert "failed (500)" in health.text


async def test_a_hanging_source_never_blocks_the_loop_nor_lets_anyone_queue_for_ever():
    beats = 0

    async def heart():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    with serving(hang) as lying:
        asked = source(lying.url)
        pulse = asyncio.create_task(heart())
        begun = time.monotonic()
        queries = [raw(f"m{i}") for i in range(40)]
        answers = await asked.fetch(queries)
        took = time.monotonic() - begun
        again = await asked.fetch(queries[:1])
        pulse.cancel()
        await asked.close()
    assert {answer.kind for answer in (*answers.values(), *again.values())} == {DOWN}
    assert took < 6
    assert beats > 20
    assert len(lying.requests) <= 9


async def test_back_to_normal_by_itself():
    with serving(hang) as lying:
        asked = source(lying.url)
        for broken in (hang, drip, reset, truncated, plain(500), plain(200, b"<html>", "text/html")):
            lying.answer = broken
            assert (await asked.fetch([raw()]))[raw()].kind is DOWN
            lying.answer = json_answer(matrix(({"a": "b"}, [(NOW, "1")])))
            assert (await asked.fetch([raw()]))[raw()].series[0].values == (1.0,)
        await asked.close()


def test_a_hanging_source_does_not_keep_the_program_from_ending(tmp_path):
    script = tmp_path / "ends.py"
    script.write_text(
        """
import asyncio, json, sys
from rolloutctl import config
from rolloutctl.metrics.prometheus import PrometheusSource
from rolloutctl.model.samples import Query, QueryKind

async def main():
    settings = config.PrometheusSource.model_validate({"type": "prometheus", "url": sys.argv[1], "timeout": "60s"})
    source = PrometheusSource(settings, lambda _: "")
    task = asyncio.create_task(source.fetch([Query(QueryKind.RAW, "up", 0.0, 1.0)]))
    await asyncio.sleep(0.5)
    task.cancel()

asyncio.run(main())
print(json.dumps("ended"))
"""
    )
    with serving(hang) as lying:
        done = subprocess.run([sys.executable, script, lying.url], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, "ended", "")
