"""Real servers as fixtures, and the rule that CI may not skip them.

A test that asks for `prometheus_binary` or `unleash_server` is a service test and is marked as one. Where its server
cannot be had it is skipped with the reason; with --require-services that is a failure.
"""

import json
import os
import re
import uuid
from collections.abc import Generator, Iterator
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from servers.places import work_folder
from servers.postgres import Database, PostgresServer, find_postgres, running_postgres
from servers.prometheus import find_prometheus
from servers.unleash import UnleashServer, running_unleash
from servers.unleash_install import UnleashUnavailableError, ensure_unleash

# A slow machine is not a wrong program; and what CI says must not depend on the day. Everywhere else tests explore.
settings.register_profile("explore", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "explore")

SERVICE_FIXTURES = {"unleash_server": "unleash", "prometheus_binary": "prometheus", "postgres_server": "postgres"}
"""Fixture -> the group whose tests share a worker, so that each server is started once."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="a service test that would be skipped fails (for CI)",
    )
    parser.addoption(
        "--require-wheel",
        action="store_true",
        help="refuse to test the checkout itself: what is tested must be installed from a built wheel",
    )
    parser.addoption("--failed-to", metavar="FILE", help="write the names of the tests that failed, a line each, into FILE")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--require-wheel") and not installed_from_wheel():
        raise pytest.UsageError("rolloutctl is not installed from a wheel here; `make test` builds and installs one.")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The process that reports knows what failed on every worker; a worker appends its tests' group to their names."""
    file = terminalreporter.config.getoption("--failed-to")
    if file is not None:
        reports = [*terminalreporter.stats.get("failed", ()), *terminalreporter.stats.get("error", ())]
        names = dict.fromkeys(re.sub(r"@[\w-]+$", "", report.nodeid) for report in reports)
        Path(file).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def installed_from_wheel() -> bool:
    """Not in editable mode, and imported from where it is installed."""
    installed = distribution("rolloutctl")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    found = find_spec("rolloutctl")
    where = Path(str(installed.locate_file("rolloutctl"))).resolve()
    return (
        not origin.get("dir_info", {}).get("editable", False)
        and found is not None
        and found.origin is not None
        and Path(found.origin).resolve().parent == where
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, group in SERVICE_FIXTURES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker("service")
                item.add_marker(pytest.mark.xdist_group(group))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    required = item.config.getoption("--require-services") and item.get_closest_marker("service")
    if required and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"A service test may not be skipped with --require-services. {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole module that skips itself hides which of its tests need a service."""
    report = yield
    if collector.config.getoption("--require-services") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"A module may not skip itself with --require-services. {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.fixture(scope="session")
def prometheus_binary() -> Path:
    found = find_prometheus()
    if found is None:
        pytest.skip("There is no `prometheus` on PATH. As root: apt-get install prometheus")
    return found


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One cluster for all tests of a worker; each makes a database of its own."""
    if find_postgres() is None:
        pytest.skip("There is no PostgreSQL. As root: apt-get install postgresql")
    with work_folder("postgres") as work, running_postgres(work=work) as server:
        yield server


@pytest.fixture
def database(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Database:
    name = f"journal_{uuid.uuid4().hex[:12]}"
    postgres_server.create_database(name)
    monkeypatch.setenv("PGPASSWORD", postgres_server.password)
    return Database(postgres_server, name)


@pytest.fixture(scope="session")
def unleash_server() -> Iterator[UnleashServer]:
    """One Unleash for all tests of a worker. A test may break it: it is repaired afterwards."""
    if find_postgres() is None:
        pytest.skip("Unleash needs PostgreSQL, and there is none. As root: apt-get install postgresql")
    try:
        ensure_unleash()
    except UnleashUnavailableError as reason:
        pytest.skip(str(reason))
    with work_folder("unleash") as work, running_unleash(work=work) as server:
        yield server


@pytest.fixture(autouse=True)
def _unleash_is_repaired(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "unleash_server" in request.fixturenames:
        request.getfixturevalue("unleash_server").repair()


@pytest.fixture
def unleash_flag() -> str:
    """A flag name that nobody has used; the flag does not exist yet."""
    return f"flag-{uuid.uuid4().hex[:12]}"
