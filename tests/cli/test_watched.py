"""How an unattended driver is watched: the text Prometheus reads, the server on loopback, and the service manager's socket."""

from __future__ import annotations

import http.client
import math
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.worlds import PLAN, TestWorld, plan
from rolloutctl.cli.watched.exposition import Family, Sample, Type, exposition
from rolloutctl.cli.watched.figures import figures
from rolloutctl.cli.watched.server import Page, parse_address, serving
from rolloutctl.cli.watched.supervisor import Supervisor, supervisor
from rolloutctl.config import OperatorRole
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.snapshot import FleetSnapshot, PartHealth
from rolloutctl.errors import Failed, InvalidInput
from rolloutctl.model.outcome import Health
from rolloutctl.model.state import Status
from servers.site import DrivingSite, driving_site, end

LINE = re.compile(
    r'(?P<name>[a-z_]+)(\{(?P<labels>[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*)\})? (?P<value>\S+)'
)
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\.)*)"')


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """A second reader of the format, which knows nothing of the writer."""
    assert text.endswith("\n")
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.match(r"# (HELP|TYPE) rolloutctl_[a-z_]+ \S", line), line
            continue
        match = LINE.fullmatch(line)
        assert match is not None, line
        labels = frozenset(
            (name, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value))
            for name, value in LABEL.findall(match["labels"] or "")
        )
        key = (match["name"], labels)
        assert key not in found, f"twice: {line}"
        found[key] = float(match["value"])
    return found


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]) | st.sampled_from('\\"\n')), st.floats())
def test_every_text_and_number_is_read_back(text: str, value: float) -> None:
    family = Family("rolloutctl_x", Type.GAUGE, f"About {text}", (Sample(value, {"a": text, "b": "2"}),))
    ((_, labels), read) = next(iter(parsed(exposition([family])).items()))
    assert dict(labels) == {"a": text, "b": "2"}
    assert read == value or (math.isnan(read) and math.isnan(value))


def test_numbers_are_short_and_empty_families_are_left_out() -> None:
    samples = (Sample(3.0), Sample(0.25, {"a": "b"}), Sample(math.inf, {"a": "c"}))
    text = exposition([Family("rolloutctl_x", Type.COUNTER, "One.", samples), Family("rolloutctl_y", Type.GAUGE, "None.", ())])
    assert text == (
        "# HELP rolloutctl_x One.\n# TYPE rolloutctl_x counter\n"
        'rolloutctl_x 3\nrolloutctl_x{a="b"} 0.25\nrolloutctl_x{a="c"} +Inf\n'
    )


async def test_the_figures_of_a_rollout(tmp_path: Path) -> None:
    engine = TestWorld(tmp_path).engine()
    await seal(engine.world, plan(), PLAN, adopt=False)
    await engine.start()
    fleet = engine.snapshot()
    found = parsed(exposition(figures(fleet, {"note.added": 2}, "1.2.3", fleet.at + timedelta(seconds=3))))
    await engine.stop()
    await engine.close()

    def value(metric: str, **labels: str) -> float:
        return found["rolloutctl_" + metric, frozenset(labels.items())]

    assert value("info", version="1.2.3") == 1
    assert [value("rollouts", status=each) for each in Status] == [1 if each is Status.SEALED else 0 for each in Status]
    assert sum(value("rollouts_driven", driving=each) for each in ("here", "elsewhere", "unattended")) == 1
    assert value("journal_head") == fleet.journal_seq > 0
    assert value("snapshot_age_seconds") == 3
    assert value("part_up", kind="journal", name="journal") == 1
    assert value("events_total", kind="note.added") == 2


def test_the_checker_of_prometheus_finds_no_fault(prometheus_binary: Path, tmp_path: Path) -> None:
    checker = shutil.which("promtool") or str(prometheus_binary.with_name("promtool"))
    fleet = FleetSnapshot(
        at=datetime(2026, 1, 5, tzinfo=UTC),
        operator="ana",
        role=OperatorRole.OPERATOR,
        read_only=False,
        rollouts=(),
        parts=(PartHealth('a "b"', "source", Health(ok=False, latency_s=0.1, text="no"), datetime(2026, 1, 5, tzinfo=UTC)),),
        skew_s=-0.25,
        paused=False,
        interval_s=15.0,
    )
    text = exposition(figures(fleet, {"note.added": 1}, "1.2.3", fleet.at))
    done = subprocess.run([checker, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("9464", ("127.0.0.1", 9464)),
        ("localhost:1", ("127.0.0.1", 1)),
        ("[::1]:80", ("::1", 80)),
        ("127.9.9.9:0", ("127.9.9.9", 0)),
    ],
)
def test_addresses_on_this_machine(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["0.0.0.0:1", "[::]:1", "10.0.0.1:80", "[2001:db8::1]:80", "1.2.3.4:5"])
def test_addresses_that_others_reach_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="can be reached from other machines"):
        parse_address(text)


@pytest.mark.parametrize(
    "text", ["", "x", "127.0.0.1", "127.0.0.1:", ":1", "127.0.0.1:65536", "999.0.0.1:1", "example.com:1", "[::1:1"]
)
def test_what_is_no_address_is_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no address and port"):
        parse_address(text)


PAGES: dict[str, Callable[[], Page]] = {
    "/a": lambda: Page(HTTPStatus.OK, "one\n"),
    "/b": lambda: Page(HTTPStatus.SERVICE_UNAVAILABLE, "why\n"),
}


@pytest.fixture
def port() -> Iterator[int]:
    with serving(("127.0.0.1", 0), PAGES) as port:
        yield port


def asked(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_pages_are_answered_and_nothing_else(port: int) -> None:
    assert asked(port, "/a") == (200, "one\n")
    assert asked(port, "/a?x=1") == (200, "one\n")
    assert asked(port, "/a", "HEAD") == (200, "")
    assert asked(port, "/b") == (503, "why\n")
    assert asked(port, "/c") == (404, "There are /a, /b.\n")
    assert asked(port, "/../a")[0] == 404
    assert asked(port, "/a", "POST")[0] == 501


def test_a_caller_who_says_nothing_keeps_nobody_waiting(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10), socket.create_connection(("127.0.0.1", port), 10) as half:
        half.sendall(b"GET /a HT")
        assert asked(port, "/a") == (200, "one\n")


def test_a_port_that_is_taken_is_a_sentence(port: int) -> None:
    with pytest.raises(Failed, match=f"port {port} cannot be listened on"), serving(("127.0.0.1", port), PAGES):
        pytest.fail("two listen on one port")


# --- the service manager ---------------------------------------------------------------------------------


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        heard.settimeout(30)
        yield path, heard


def test_what_the_service_manager_hears(manager: tuple[str, socket.socket]) -> None:
    path, heard = manager
    boss = supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 7)
    boss.ready()
    boss.status("driving\na")
    boss.status("driving a")
    assert boss.due(100.0)
    boss.alive(100.0)
    assert [boss.due(each) for each in (100.0, 114.9, 115.0)] == [False, False, True]
    boss.leaving()
    assert [heard.recv(100).decode() for _ in range(4)] == ["READY=1", "STATUS=driving a", "WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize(
    ("environ", "made"),
    [
        ({}, Supervisor("", None)),
        ({"NOTIFY_SOCKET": "@x"}, Supervisor("@x", None)),
        ({"NOTIFY_SOCKET": "relative"}, Supervisor("", None)),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "8"}, Supervisor("/x", None)),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "5000000"}, Supervisor("/x", 5.0)),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, Supervisor("/x", None)),
    ],
)
def test_what_the_environment_says(environ: dict[str, str], made: Supervisor) -> None:
    assert supervisor(environ, 7) == made


def test_a_manager_that_is_gone_keeps_nobody_from_driving(tmp_path: Path) -> None:
    boss = Supervisor(str(tmp_path / "nobody"), 1.0)
    boss.ready()
    assert not Supervisor("", 1.0).due(5.0)


# --- the whole -------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrivingSite]:
    with driving_site(tmp_path, monkeypatch) as site:
        yield site


def test_a_driver_is_watched_from_its_first_to_its_last_moment(site: DrivingSite, manager: tuple[str, socket.socket]) -> None:
    path, heard = manager
    log = site.folder / "drive.log"
    with log.open("wb") as said:
        driver = subprocess.Popen(
            [sys.executable, "-m", "rolloutctl", "--config", str(site.config), "drive", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**site.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"},
        )
    try:
        messages = [heard.recv(1000).decode()]
        assert messages == ["READY=1"]
        url = re.search(r"listening on (http://127\.0\.0\.1:\d+) ", log.read_text())
        assert url is not None
        site.until("driven", lambda _: b"driving checkout#1" in log.read_bytes())
        # The figures are those of the newest look, which may be a moment older than the line in the log.
        site.until("shown", lambda _: _page(f"{url[1]}/readyz", 200) == "ready; driving 1 rollout\n")
        found = parsed(_page(f"{url[1]}/metrics", 200))
        assert found["rolloutctl_rollouts_driven", frozenset({("driving", "here")})] == 1
        assert found["rolloutctl_leases_held", frozenset()] == 1
        assert _page(f"{url[1]}/healthz", 200) == "ok\n"
        assert "There are /healthz, /metrics, /readyz." in _page(f"{url[1]}/", 404)
        while messages.count("WATCHDOG=1") < 2:
            messages.append(heard.recv(1000).decode())
        assert "STATUS=driving checkout#1" in messages
    finally:
        end(driver)
    while messages[-1] != "STOPPING=1":
        messages.append(heard.recv(1000).decode())


def test_a_port_that_is_taken_ends_it_with_a_sentence(site: DrivingSite, port: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rolloutctl", "--config", str(site.config), "drive", "--listen", f"127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=site.environ,
    )
    assert done.returncode == 1
    assert "cannot be listened on" in done.stderr
    assert "Traceback" not in done.stderr


def _page(url: str, status: int) -> str:
    host, _, path = url.removeprefix("http://").partition("/")
    deadline = time.monotonic() + 30
    while True:
        found, text = asked(int(host.rpartition(":")[2]), f"/{path}")
        if found == status:
            return text
        assert time.monotonic() < deadline, (found, text)
        time.sleep(0.1)
