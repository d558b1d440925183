from collections.abc import Iterator

import httpx
import pytest

from rolloutctl.demo.flag_server import FlagServer, Tokens, new_store
from rolloutctl.demo.flag_store import FlagStore

TOKENS = Tokens(admin="*:*.admin", client="default:production.client")


@pytest.fixture
def store() -> FlagStore:
    return new_store(now=lambda: "2026-01-05T10:00:00.000Z")


@pytest.fixture
def flag_url(store: FlagStore) -> Iterator[str]:
    with FlagServer(store, TOKENS).server() as server:
        yield server.url


@pytest.fixture
def admin(flag_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=flag_url, headers={"Authorization": TOKENS.admin}, trust_env=False) as client:
        yield client


@pytest.fixture
def sdk(flag_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=flag_url, headers={"Authorization": TOKENS.client}, trust_env=False) as client:
        yield client
