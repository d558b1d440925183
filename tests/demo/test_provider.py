"""The product's own Unleash provider finds at this server everything it needs, and the users follow."""

import asyncio
import time
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from rolloutctl.config import FromEnv, TokenAuth
from rolloutctl.config import UnleashProvider as Settings
from rolloutctl.demo.evaluation import ClientFeatures, CompiledFlag
from rolloutctl.demo.flag_model import Constraint
from rolloutctl.demo.users import AUDIENCE, Population
from rolloutctl.flags.unleash import UnleashProvider
from rolloutctl.model.cohort import Cohort, Target
from rolloutctl.model.outcome import Applied


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


TARGET = Target(provider="demo", key="ranker", environment="production", project="default", stickiness="userId")


async def test_a_rollout_there_and_back(store, flag_url, admin, sdk):
    population = Population(2000)
    members = Constraint(contextName="userId", operator="IN", values=tuple(population.employees))
    store.create_segment(AUDIENCE, None, [members], "demo")
    store.create_flag("default", "ranker", "release", None, "demo")
    tokens = {"ADMIN": admin.headers["Authorization"], "CLIENT": sdk.headers["Authorization"]}
    settings = Settings(
        type="unleash",
        url=flag_url,
        auth=TokenAuth(type="token", token=FromEnv(env="ADMIN")),
        client_auth=TokenAuth(type="token", token=FromEnv(env="CLIENT")),
    )
    provider = UnleashProvider(settings, lambda secret: tokens[secret.env], SystemClock())

    def share() -> float:
        features = ClientFeatures.model_validate_json(sdk.get("/api/client/features").content).features
        return population.share(CompiledFlag(features[0]).serves).overall

    try:
        health = await provider.probe()
        assert health.ok, health.text
        state = await provider.read(TARGET)
        assert not state.enabled
        begun = state.token
        for percent, expected in ((0, 0.01), (5, 0.06), (30, 0.31), (100, 1.0)):
            want = Cohort(audiences=(AUDIENCE,), percent=Fraction(percent))
            change = await provider.plan(await provider.read(TARGET), want, TARGET)
            outcome = await provider.apply(change, TARGET, "key", "reason")
            assert isinstance(outcome, Applied), outcome
            assert outcome.state.cohort == want
            assert (await provider.verify(TARGET, want)).seen
            assert share() == pytest.approx(expected, abs=0.02)
        assert await provider.history(TARGET, begun)
        assert isinstance(await provider.off(TARGET, "key", "reason"), Applied)
        assert (await provider.verify(TARGET, Cohort())).seen
        assert share() == 0
    finally:
        await provider.close()
