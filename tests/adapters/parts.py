"""What the tests of adapters and channels share: secrets as the config reads them, and a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from rolloutctl import config
from rolloutctl.adapters.http import HttpAdapter
from rolloutctl.config import FromEnv, Secret
from rolloutctl.errors import InvalidInput
from rolloutctl.wire.credentials import Secrets

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


class QuickClock:
    """Pauses are not waited for: they are counted."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def secrets_of(values: Mapping[str, str]) -> Secrets:
    """By name of the environment variable."""

    def read(place: Secret) -> str:
        assert isinstance(place, FromEnv)
        if place.env not in values:
            raise InvalidInput(f"Environment variable {place.env}, which holds a secret, is not set.")
        return values[place.env]

    return read


def adapter(url: str, values: Mapping[str, str] | None = None, **settings: object) -> HttpAdapter:
    described = config.Adapter.model_validate({"url": url, "timeout": "5s", "connect_timeout": "2s", **settings})
    return HttpAdapter(described, secrets_of(values or {}), QuickClock())
