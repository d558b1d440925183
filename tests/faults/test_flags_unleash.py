"""What a bad network and a lying server do to each call. The rule: never an Applied that is not true, never a secret shown."""

import asyncio
import base64
import contextlib
import json
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from flags.parts import TARGET, RealClock, cohort, read_secret, settings
from flags.unleash_model import ADMIN, CLIENT, UnleashModel, served_over_http
from rolloutctl.config import Tls
from rolloutctl.errors import InvalidInput, ProviderUnreachable
from rolloutctl.flags.unleash import UnleashProvider
from rolloutctl.model.cohort import OFF
from rolloutctl.model.outcome import (
    Applied,
    Change,
    Conflict,
    NeedsApproval,
    Outcome,
    RateLimited,
    Rejected,
    Unavailable,
    Unchanged,
    Unknown,
)
from servers.faultproxy import FaultProxy, running_fault_proxy
from servers.faults import (
    DelayAnswer,
    Fault,
    Html,
    HugeBody,
    LoseAnswer,
    LoseRequest,
    ResetBefore,
    SlowDrip,
    Status,
    TruncatedJson,
    WrongState,
)

SECRET_SPELLINGS = tuple(
    spelling
    for secret in (ADMIN, CLIENT)
    for spelling in (secret, quote(secret), quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
)


def echo(secret: str) -> bytes:
    return json.dumps({"message": f"\x1b[2J{secret} and {quote(secret, safe='')}"}).encode()


ECHO = echo(ADMIN)
APPROVAL = json.dumps({"name": "PermissionError", "message": "no", "permissions": ["SKIP_CHANGE_REQUEST"]}).encode()

FAULTS: dict[str, tuple[Fault, type]] = {
    "lost request": (LoseRequest(), Unknown),
    "lost answer": (LoseAnswer(), Unknown),
    "reset": (ResetBefore(), Unknown),
    "timeout": (DelayAnswer(2.0), Unknown),
    "slow drip": (SlowDrip(0.05), Unknown),
    "html": (Html(), Unknown),
    "truncated": (TruncatedJson(), Unknown),
    "100 MB": (HugeBody(), Unknown),
    "200 and no strategy": (WrongState(b'{"ok":true}'), Unknown),
    "200 and null": (WrongState(b"null"), Unknown),
    "redirect": (Status(302, headers={"Location": "http://127.0.0.1:9/elsewhere"}), Unknown),
    "500": (Status(500, ECHO), Unknown),
    "503": (Status(503, b"upstream connect error"), Unknown),
    "408": (Status(408), Unknown),
    "400": (Status(400, ECHO), Rejected),
    "401": (Status(401, ECHO), Rejected),
    "403": (Status(403, ECHO), Rejected),
    "404": (Status(404, ECHO), Rejected),
    "409": (Status(409, ECHO), Rejected),
    "415": (Status(415, ECHO), Rejected),
    "approval": (Status(403, APPROVAL), NeedsApproval),
    "429 seconds": (Status(429, b"Too many requests", {"Retry-After": "60"}), RateLimited),
    "429 date": (Status(429, b"", {"Retry-After": "Mon, 05 Jan 2026 10:01:00 GMT"}), RateLimited),
    "429 reset": (Status(429, b"", {"RateLimit-Reset": "60"}), RateLimited),
    "429 epoch": (Status(429, b"", {"X-RateLimit-Reset": "1767607260"}), RateLimited),
    "429 epoch ms": (Status(429, b"", {"X-RateLimit-Reset": "1767607260000"}), RateLimited),
    "429 field": (Status(429, b"", {"RateLimit": "limit=15, remaining=0, reset=60"}), RateLimited),
}
every_fault = pytest.mark.parametrize("name", FAULTS)
every_quick_fault = pytest.mark.parametrize("name", [name for name in FAULTS if name != "slow drip"])
"""Turning off has fixed timeouts of seconds, and one slow fault shows them."""


@contextlib.contextmanager
def behind_proxy(model: UnleashModel, *, timeout: str = "800ms") -> Iterator[tuple[UnleashProvider, FaultProxy]]:
    with served_over_http(model) as url, running_fault_proxy(url) as proxy:
        yield UnleashProvider(settings(proxy.url, timeout=timeout), read_secret, RealClock(), random=lambda: 0.0), proxy


async def prepared(model: UnleashModel, provider: UnleashProvider) -> Change:
    """At 5 %, and a planned step to 30 % (one PATCH)."""
    first = await provider.plan(await provider.read(TARGET), cohort(5), TARGET)
    assert isinstance(await provider.apply(first, TARGET, "k", "r"), Applied)
    model.writes.clear()
    return await provider.plan(await provider.read(TARGET), cohort(30), TARGET)


def rollout_of(model: UnleashModel) -> str:
    return str(model.places["production"].strategies[0]["parameters"]["rollout"])


def assert_safe(outcome: object) -> None:
    for spelling in SECRET_SPELLINGS:
        assert spelling not in repr(outcome)
    why = getattr(outcome, "why", "")
    assert why.isprintable()
    assert len(why) < 700


@every_fault
async def test_a_fault_at_the_write(name: str) -> None:
    fault, kind = FAULTS[name]
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        change = await prepared(model, provider)
        proxy.script(fault, method="PATCH")
        outcome = await provider.apply(change, TARGET, "k", "r")
        assert type(outcome) is kind, outcome
        assert_safe(outcome)
        assert len(model.writes) <= 1, "a write with a lost answer is not sent again"
        if isinstance(outcome, RateLimited):
            assert outcome.retry_after_s == pytest.approx(60)
        if isinstance(outcome, NeedsApproval):
            assert outcome.url.endswith("/projects/default/change-requests")
        if isinstance(outcome, Rejected | RateLimited | NeedsApproval):
            assert rollout_of(model) == "5"
        # Whatever was said, a fresh read tells the truth.
        assert (await provider.read(TARGET)).cohort == cohort(int(rollout_of(model)))
        await provider.close()


def looks() -> Iterator[tuple[str, str]]:
    """Every fault at every path that is read; slow ones once."""
    for name, (fault, _) in FAULTS.items():
        yield name, "/strategies"
        if not isinstance(fault, SlowDrip | DelayAnswer | HugeBody):
            yield name, "/environments/production"
            yield name, "/events"


@pytest.mark.parametrize(("name", "path"), list(looks()))
async def test_a_fault_at_every_look_before_the_write(name: str, path: str) -> None:
    """No write goes out on a document that could not be read."""
    fault, _ = FAULTS[name]
    model = UnleashModel()
    with behind_proxy(model, timeout="300ms") as (provider, proxy):
        change = await prepared(model, provider)
        proxy.script(fault, method="GET", path=path, times=None)
        outcome = await provider.apply(change, TARGET, "k", "r")
        assert_safe(outcome)
        if path == "/events" and isinstance(fault, Status) and fault.code in {400, 401, 403, 404, 409, 415}:
            assert isinstance(outcome, Applied), "a token that may not read the log may step, with a warning"
            assert "event log cannot be read" in " ".join(outcome.state.warnings)
        else:
            assert isinstance(outcome, Unavailable | Rejected | RateLimited), outcome
            assert model.writes == []
        await provider.close()


@every_fault
async def test_a_fault_at_the_look_after_the_write(name: str) -> None:
    """Written, but not seen: that is Unknown, whatever the look says."""
    fault, _ = FAULTS[name]
    model = UnleashModel()
    with behind_proxy(model, timeout="300ms") as (provider, proxy):
        change = await prepared(model, provider)
        model.after_write = lambda: proxy.script(fault, method="GET", path="/strategies", times=None)
        outcome = await provider.apply(change, TARGET, "k", "r")
        assert isinstance(outcome, Unknown), outcome
        assert_safe(outcome)
        assert rollout_of(model) == "30"
        await provider.close()


@every_fault
async def test_a_fault_once_at_a_look_is_got_over_or_told(name: str) -> None:
    fault, _ = FAULTS[name]
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        await prepared(model, provider)
        proxy.script(fault, method="GET", path="/environments/production")
        said = ""
        try:
            assert (await provider.read(TARGET)).cohort == cohort(5)
        except (ProviderUnreachable, InvalidInput) as error:
            said = f"{error} {error!r}"
        for spelling in SECRET_SPELLINGS:
            assert spelling not in said
        assert said.isprintable()
        await provider.close()


@every_quick_fault
async def test_a_fault_while_turning_off(name: str) -> None:
    fault, _ = FAULTS[name]
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        await prepared(model, provider)
        slow = isinstance(fault, DelayAnswer)
        proxy.script(DelayAnswer(8.0) if slow else fault, method="POST", path="/off")
        began = time.monotonic()
        outcome = await provider.off(TARGET, "k", "r")
        assert time.monotonic() - began < 8
        assert_safe(outcome)
        if isinstance(outcome, Applied | Unchanged):
            assert model.served() == frozenset()
        else:
            assert isinstance(outcome, Unknown | Rejected | RateLimited | NeedsApproval | Conflict), outcome
        if name in {"lost request", "lost answer", "reset", "500", "503", "408", "timeout"}:
            assert isinstance(outcome, Applied), "off is insisted on, and then looked at"
        await provider.close()


@pytest.mark.parametrize("name", ["lost request", "html", "500", "400", "404", "truncated"])
async def test_off_that_cannot_be_seen_is_never_applied(name: str) -> None:
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        await prepared(model, provider)
        proxy.script(FAULTS[name][0], times=None)
        outcome = await provider.off(TARGET, "k", "r")
        assert isinstance(outcome, Unknown | Rejected), outcome
        assert_safe(outcome)
        if name == "404":
            assert isinstance(outcome, Unknown), "a 404 that nothing else bears out is no proof"
        await provider.close()


@every_quick_fault
async def test_a_fault_while_restoring(name: str) -> None:
    fault, _ = FAULTS[name]
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        change = await prepared(model, provider)
        snapshot = change.state
        assert isinstance(await provider.apply(change, TARGET, "k", "r"), Applied)
        proxy.script(fault if not isinstance(fault, DelayAnswer) else DelayAnswer(8.0), method="PATCH")
        outcome = await provider.restore(snapshot, TARGET, "k", "r")
        assert_safe(outcome)
        assert not isinstance(outcome, Unchanged)
        if isinstance(outcome, Applied):
            assert rollout_of(model) == "5"
        await provider.close()


@every_fault
async def test_a_fault_while_verifying(name: str) -> None:
    fault, _ = FAULTS[name]
    model = UnleashModel()
    with behind_proxy(model, timeout="300ms") as (provider, proxy):
        await prepared(model, provider)
        if isinstance(fault, Status) and fault.body == ECHO:
            fault = Status(fault.code, echo(CLIENT))
        proxy.script(fault, path="/api/client", times=None)
        with pytest.raises(ProviderUnreachable) as caught:
            await provider.verify(TARGET, cohort(5))
        for spelling in SECRET_SPELLINGS:
            assert spelling not in str(caught.value)
        await provider.close()


@every_fault
async def test_a_fault_while_probing_does_not_raise(name: str) -> None:
    with behind_proxy(UnleashModel(), timeout="300ms") as (provider, proxy):
        proxy.script(FAULTS[name][0], times=None)
        health = await provider.probe()
        assert not health.ok
        for spelling in SECRET_SPELLINGS:
            assert spelling not in repr(health)
        assert health.text.isprintable()
        await provider.close()


async def test_refused_connections_are_unavailable_and_nothing_is_written() -> None:
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        change = await prepared(model, provider)
        with proxy.refuse():
            for outcome in (
                await provider.apply(change, TARGET, "k", "r"),
                await provider.off(TARGET, "k", "r"),
                await provider.restore(change.state, TARGET, "k", "r"),
            ):
                assert isinstance(outcome, Unavailable), outcome
                assert_safe(outcome)
            with pytest.raises(ProviderUnreachable, match="cannot connect"):
                await provider.read(TARGET)
        assert model.writes == []
        assert isinstance(await provider.off(TARGET, "k", "r"), Applied), "and when it is back, off works"
        await provider.close()


async def test_off_connects_again_at_once_when_a_connection_is_refused() -> None:
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        await prepared(model, provider)
        held = threading.Event()

        def refuse_shortly() -> None:
            with proxy.refuse():
                held.set()
                time.sleep(0.15)

        thread = threading.Thread(target=refuse_shortly)
        thread.start()
        held.wait()
        impatient = UnleashProvider(settings(proxy.url), read_secret, RealClock(), random=lambda: 0.999)
        outcome = await impatient.off(TARGET, "k", "r")
        thread.join()
        assert isinstance(outcome, Applied), outcome
        assert model.served() == frozenset()
        await provider.close()
        await impatient.close()


async def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    provider = UnleashProvider(settings("http://flags.invalid:1"), read_secret, RealClock(), random=lambda: 0.0)
    with pytest.raises(ProviderUnreachable, match="cannot connect"):
        await provider.read(TARGET)
    assert isinstance(await provider.off(TARGET, "k", "r"), Unavailable)
    await provider.close()


@pytest.mark.parametrize("claim", ["30", "5", "100", "12.5"])
async def test_a_server_that_says_yes_and_does_nothing_is_never_believed(claim: str) -> None:
    """200 with the wrong state, or with the right one that is not so."""
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        change = await prepared(model, provider)
        strategy = dict(model.places["production"].strategies[0])
        strategy["parameters"] = {**strategy["parameters"], "rollout": claim}
        proxy.script(WrongState(json.dumps(strategy).encode()), method="PATCH")
        outcome = await provider.apply(change, TARGET, "k", "r")
        assert isinstance(outcome, Conflict), outcome
        assert outcome.actual.cohort == cohort(5)
        await provider.close()


async def test_a_server_that_says_off_and_stays_on_is_a_conflict() -> None:
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        await prepared(model, provider)
        proxy.script(WrongState(b""), method="POST", path="/off")
        outcome = await provider.off(TARGET, "k", "r")
        assert isinstance(outcome, Conflict)
        assert outcome.actual.enabled
        await provider.close()


@pytest.mark.parametrize(("nth", "method"), [(1, "POST"), (2, "PATCH"), (3, "POST")])
@pytest.mark.parametrize(
    "fault", [Status(400, b'{"message":"no"}'), Status(429, b"", {"Retry-After": "60"}), LoseAnswer(), LoseRequest()]
)
async def test_a_change_of_several_requests_cut_in_the_middle_says_what_was_done(nth: int, method: str, fault: Fault) -> None:
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        change = await provider.plan(await provider.read(TARGET), cohort(5), TARGET)
        assert [request.method for request in change.requests] == ["POST", "PATCH", "POST"]
        proxy.script(fault, method=method, path="/on" if nth == 3 else "/strategies")
        outcome = await provider.apply(change, TARGET, "k", "r")
        assert_safe(outcome)
        if isinstance(fault, LoseAnswer | LoseRequest):
            assert isinstance(outcome, Unknown)
        elif nth == 1:
            assert isinstance(outcome, Rejected | RateLimited)
            assert model.places["production"].strategies == []
        else:
            assert isinstance(outcome, Conflict)
            assert f"{nth - 1} of 3 requests were done" in outcome.why
        # And from there the same wish is fulfilled, with one strategy in the end.
        again = await provider.plan(await provider.read(TARGET), cohort(5), TARGET)
        assert isinstance(await provider.apply(again, TARGET, "k", "r"), Applied | Unchanged)
        assert len(model.places["production"].strategies) == 1
        assert model.served() == frozenset(user for user in model.served() if user[0] <= 5) != frozenset()
        await provider.close()


async def test_a_redirect_takes_no_credentials_elsewhere() -> None:
    model, other = UnleashModel(), UnleashModel()
    with behind_proxy(model) as (provider, proxy), served_over_http(other) as elsewhere, running_fault_proxy(elsewhere) as trap:
        change = await prepared(model, provider)
        proxy.script(Status(307, headers={"Location": f"{trap.url}/api/admin/x"}), times=None)
        assert isinstance(await provider.apply(change, TARGET, "k", "r"), Unavailable)
        assert isinstance(await provider.off(TARGET, "k", "r"), Unknown)
        assert trap.arrived == ()
        await provider.close()


async def test_a_slow_drip_ends() -> None:
    model = UnleashModel()
    with behind_proxy(model, timeout="500ms") as (provider, proxy):
        await prepared(model, provider)
        proxy.script(SlowDrip(0.05), times=None)
        began = time.monotonic()
        with pytest.raises(ProviderUnreachable, match="no whole answer within"):
            await provider.read(TARGET)
        assert time.monotonic() - began < 4
        await provider.close()


async def test_a_database_that_is_gone_says_404_and_is_not_believed() -> None:
    """The flag's own path answers 404, as the real server does then, and so does nothing else."""
    model = UnleashModel()
    with behind_proxy(model) as (provider, proxy):
        await prepared(model, provider)
        gone = json.dumps({"name": "NotFoundError", "message": 'There\'s no feature named "checkout"'}).encode()
        proxy.script(Status(404, gone), path="/features/checkout", times=None)
        with pytest.raises(ProviderUnreachable, match="its answers do not agree"):
            await provider.read(TARGET)
        proxy.script(Status(500, b"{}"), path="/features", times=None)
        with pytest.raises(ProviderUnreachable):
            await provider.read(TARGET)
        await provider.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself; its key."""
    if shutil.which("openssl") is None:
        pytest.skip("There is no `openssl` on PATH. As root: apt-get install openssl")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return cert, key


async def test_a_certificate_that_is_not_trusted_is_unavailable_and_one_that_is_works(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    with served_over_http(UnleashModel()) as url, tls_in_front(url, cert, key) as https:
        stranger = UnleashProvider(settings(https), read_secret, RealClock(), random=lambda: 0.0)
        with pytest.raises(ProviderUnreachable, match=r"TLS failed.*certificate"):
            await stranger.read(TARGET)
        outcome = await stranger.off(TARGET, "k", "r")
        assert isinstance(outcome, Unavailable)
        assert "TLS failed" in outcome.why
        trusting = settings(https).model_copy(update={"tls": Tls(ca=str(cert))})
        friend = UnleashProvider(trusting, read_secret, RealClock())
        assert (await friend.read(TARGET)).effective == OFF
        await stranger.close()
        await friend.close()


@contextlib.contextmanager
def tls_in_front(upstream: str, cert: Path, key: Path) -> Iterator[str]:
    """A TLS listener that hands bytes on to `upstream`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    host, port = upstream.removeprefix("http://").split(":")
    loop = asyncio.new_event_loop()
    started: list[asyncio.Server] = []
    ready = threading.Event()

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            up_reader, up_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))

    async def serve() -> None:
        started.append(await asyncio.start_server(hand_on, "127.0.0.1", 0, ssl=context))
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield f"https://127.0.0.1:{started[0].sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(started[0].close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_logs_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    model = UnleashModel()
    with caplog.at_level(logging.DEBUG), behind_proxy(model) as (provider, proxy):
        change = await prepared(model, provider)
        proxy.script(Status(401, ECHO), times=None)
        await provider.apply(change, TARGET, "k", "r")
        await provider.off(TARGET, "k", "r")
        await provider.close()
    assert len(proxy.arrived) > 2
    for spelling in SECRET_SPELLINGS:
        assert spelling not in caplog.text


async def test_a_port_that_never_answers_a_connection_ends_in_time() -> None:
    """A listener whose queue is full: connecting hangs."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
            fillers.append(filler)
        provider = UnleashProvider(settings(f"http://127.0.0.1:{port}"), read_secret, RealClock(), random=lambda: 0.0)
        began = time.monotonic()
        outcome: Outcome = await provider.off(TARGET, "k", "r")
        assert time.monotonic() - began < 7
        assert isinstance(outcome, Unavailable), outcome
        await provider.close()
        for filler in fillers:
            filler.close()
