"""Where a rehearsal may run, what may be injected, which contracts it is bound to."""

from __future__ import annotations

import pytest

from rolloutctl.config import Config
from rolloutctl.errors import InvalidInput
from rolloutctl.model.cohort import Target
from rolloutctl.runbook.read import read_runbook
from rolloutctl.runner.contracts import contracts_digest
from rolloutctl.runner.guard import origin, refusals
from rolloutctl.runner.inject import Fault, parse_injected
from runner import books

BOOK = read_runbook(books.WHOLE, "whole.toml")
SOURCE = {"type": "prometheus", "url": "https://prom.example.com", "alertmanager": "https://alerts.example.com"}
PROVIDER = {"type": "unleash", "url": "https://flags.example.com", "auth": {"type": "none"}}


def config(**staging: object) -> Config:
    overrides = {
        "adapters": {"cache": {"url": "https://cache.staging.example.com"}},
        "sources": {"prom": {"alertmanager": "https://alerts.staging.example.com"}},
        **staging,
    }
    return Config.model_validate(
        {
            "adapters": {"cache": {"url": "https://cache.example.com/api"}, "other": {"url": "https://other.example.com"}},
            "sources": {"prom": SOURCE},
            "providers": {"flags": PROVIDER},
            "channels": {"release": {"type": "webhook", "url": "https://hook.example.com"}},
            "environments": {
                "production": {"production": True},
                "staging": {"rehearsal": True, "overrides": overrides},
                "dev": {},
            },
        }
    )


def target(environment: str = "staging") -> Target:
    return Target(provider="flags", key="ranker", environment=environment, project="default")


def test_an_environment_with_servers_of_its_own_may_be_rehearsed_in() -> None:
    assert refusals(config(), "staging", BOOK, target()) == ()


@pytest.mark.parametrize("environment", ["production", "dev", "nowhere"])
def test_only_an_environment_for_rehearsals(environment: str) -> None:
    (sentence,) = refusals(config(), environment, BOOK, target(environment))
    assert "rehearsal = true" in sentence


@pytest.mark.parametrize(
    "url",
    [
        "https://cache.example.com",
        "https://CACHE.example.com:443/other/path",
        "https://cache.example.com./",
        "https://other.example.com",
        "https://alerts.example.com",
    ],
)
def test_an_adapter_at_an_origin_of_production_is_refused(url: str) -> None:
    (sentence,) = refusals(config(adapters={"cache": {"url": url}}), "staging", BOOK, target())
    assert "[adapters.cache]" in sentence
    assert "which production uses too" in sentence


@pytest.mark.parametrize("url", ["http://cache.example.com", "https://cache.example.com:8443"])
def test_another_port_is_another_origin(url: str) -> None:
    assert refusals(config(adapters={"cache": {"url": url}}), "staging", BOOK, target()) == ()


def test_an_alertmanager_of_production_is_refused_where_alerts_are_silenced() -> None:
    shared = config(sources={"prom": {"timeout": "3s"}})
    assert any("Alertmanager" in sentence for sentence in refusals(shared, "staging", BOOK, target()))
    quiet = read_runbook(books.book(books.FLAG_OFF, books.RECOVERED), "quiet.toml")
    assert refusals(shared, "staging", quiet, target()) == (), "a source that is only read does not count"


def test_a_flag_of_production_is_refused() -> None:
    (sentence,) = refusals(config(), "staging", read_runbook(books.book(books.FLAG_OFF), "f.toml"), target("production"))
    assert "belongs to production" in sentence


def test_origins_are_compared_by_host_and_port() -> None:
    assert origin("https://A.example:443/x") == origin("https://a.example") == ("a.example", 443)
    assert origin("http://a.example") != origin("https://a.example")


def test_urls_and_credentials_are_no_part_of_the_contract() -> None:
    base, staging = config(), config().in_environment("staging")
    assert contracts_digest(BOOK, base) == contracts_digest(BOOK, staging)
    slower = config(adapters={"cache": {"url": "https://c.example", "timeout": "3s"}}).in_environment("staging")
    assert contracts_digest(BOOK, base) != contracts_digest(BOOK, slower)


@pytest.mark.parametrize(
    "text", ["", "flag-off", "flag-off=", "nothing=401@1", "flag-off=boom@1", "flag-off=401@0", "flag-off=401@x"]
)
def test_what_injects_nothing_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"injects a fault|names no|which request"):
        parse_injected(text, ["flag-off"])


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_can_be_named(fault: Fault) -> None:
    assert str(parse_injected(f"flag-off={fault}", ["flag-off"])) == f"flag-off={fault}@1"


@pytest.mark.parametrize(
    ("overrides", "wrong"),
    [
        ({"ui": {"x": {"theme": "dark"}}}, "cannot be overridden"),
        ({"adapters": {"cache": {"urll": "x"}}}, "adapters.cache"),
        ({"adapters": "x"}, "NAME.KEY"),
    ],
)
def test_what_cannot_be_overridden_is_refused(overrides: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Config.model_validate({"environments": {"staging": {"overrides": overrides}}})
