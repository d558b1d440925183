"""What the tests of the Unleash provider share: settings, a clock, and the provider over the model without a network."""

import asyncio
import json
import time
from datetime import UTC, datetime
from fractions import Fraction

import httpx

from flags.unleash_model import ADMIN, CLIENT, UnleashModel
from rolloutctl import config
from rolloutctl.config import FromEnv, Secret
from rolloutctl.flags.unleash import UnleashProvider
from rolloutctl.model.cohort import Cohort, Target

TARGET = Target(provider="unleash", key="checkout", environment="production", project="default", stickiness="userId")
NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


class RealClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def read_secret(place: Secret) -> str:
    assert isinstance(place, FromEnv)
    return {"ADMIN": ADMIN, "CLIENT": CLIENT}[place.env]


def settings(url: str = "http://unleash.test", *, client: bool = True, timeout: str = "8s") -> config.UnleashProvider:
    values = {
        "type": "unleash",
        "url": url,
        "auth": {"type": "token", "token": {"env": "ADMIN"}},
        "timeout": timeout,
        "connect_timeout": "1s",
    }
    if client:
        values["client_auth"] = {"type": "token", "token": {"env": "CLIENT"}}
    return config.UnleashProvider.model_validate(values)


def over(model: UnleashModel, *, client: bool = True) -> UnleashProvider:
    """The provider on the model, without a network."""

    def answer(request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode()
        status, document = model.answer(request.method, target, request.headers.get("authorization", ""), request.content)
        return httpx.Response(status, stream=httpx.ByteStream(b"" if document == "" else json.dumps(document).encode()))

    transport = httpx.MockTransport(answer)
    return UnleashProvider(settings(client=client), read_secret, RealClock(), random=lambda: 0.0, transport=transport)


def cohort(percent: float = 0, *audiences: str) -> Cohort:
    return Cohort(audiences=audiences, percent=Fraction(percent))
