"""The Unleash provider against a real Unleash: cohorts stepped, counted with the real evaluation engine, and taken back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flags.parts import RealClock, cohort
from rolloutctl import config
from rolloutctl.config import FromEnv, Secret
from rolloutctl.errors import InvalidInput, ProviderUnreachable
from rolloutctl.flags.unleash import UnleashProvider
from rolloutctl.model.cohort import OFF, Cohort, Target
from rolloutctl.model.outcome import Applied, Conflict, Outcome, Unchanged, Unknown
from servers.evaluation import enabled_users
from servers.faultproxy import running_fault_proxy
from servers.faults import LoseAnswer, LoseRequest
from servers.unleash import UnleashServer

ENVIRONMENT = "production"
USERS = tuple(f"user-{number}" for number in range(20_000))
STAFF = USERS[:50]
PROPAGATION_S = 1.5
"""The server looks for new revisions each second."""


@pytest.fixture
def target(unleash_server: UnleashServer, unleash_flag: str) -> Target:
    unleash_server.create_flag(unleash_flag)
    return Target(provider="unleash", key=unleash_flag, environment=ENVIRONMENT, project="default", stickiness="userId")


@pytest.fixture
def staff(unleash_server: UnleashServer, unleash_flag: str) -> str:
    """A segment of fifty users."""
    name = f"staff-{unleash_flag}"
    constraint = {"contextName": "userId", "operator": "IN", "values": list(STAFF)}
    unleash_server.request("POST", "/api/admin/segments", {"name": name, "constraints": [constraint]}).raise_for_status()
    return name


def provider_at(server: UnleashServer, url: str = "") -> UnleashProvider:
    token = {"type": "token", "token": {"env": "ADMIN"}}
    client = {"type": "token", "token": {"env": "CLIENT"}}
    values: dict[str, Any] = {"type": "unleash", "url": url or server.url, "auth": token, "client_auth": client, "timeout": "3s"}

    def read(place: Secret) -> str:
        assert isinstance(place, FromEnv)
        return {"ADMIN": server.admin_token, "CLIENT": server.client_token(ENVIRONMENT)}[place.env]

    return UnleashProvider(config.UnleashProvider.model_validate(values), read, RealClock())


@pytest.fixture
async def provider(unleash_server: UnleashServer) -> AsyncIterator[UnleashProvider]:
    made = provider_at(unleash_server)
    yield made
    await made.close()


async def step(provider: UnleashProvider, target: Target, want: Cohort) -> Outcome:
    change = await provider.plan(await provider.read(target), want, target)
    return await provider.apply(change, target, "key", "reason")


def strategies(server: UnleashServer, target: Target) -> list[dict[str, Any]]:
    path = f"/api/admin/projects/default/features/{target.key}/environments/{ENVIRONMENT}/strategies"
    found: list[dict[str, Any]] = server.request("GET", path).json()
    return found


def foreign_edit(server: UnleashServer, target: Target, rollout: str) -> None:
    path = f"/api/admin/projects/default/features/{target.key}/environments/{ENVIRONMENT}/strategies"
    body = [{"op": "replace", "path": "/parameters/rollout", "value": rollout}]
    server.request("PATCH", f"{path}/{strategies(server, target)[0]['id']}", body).raise_for_status()


async def test_a_rollout_and_who_is_in_it(
    unleash_server: UnleashServer, provider: UnleashProvider, target: Target, staff: str
) -> None:
    health = await provider.probe()
    assert health.ok
    assert health.facts["version"].startswith("8.")
    snapshot = await provider.read(target)
    assert snapshot.effective == OFF
    began_at, before = snapshot.token, frozenset[str]()
    for percent in (0, 5, 30, 100):
        want = cohort(percent, staff)
        outcome = await step(provider, target, want)
        assert isinstance(outcome, Applied), outcome
        assert outcome.state.effective == want
        assert isinstance(await step(provider, target, want), Unchanged)
        await asyncio.sleep(PROPAGATION_S)
        verification = await provider.verify(target, want)
        assert verification.seen, verification.how
        users = enabled_users(unleash_server.client_features(ENVIRONMENT), target.key, USERS)
        assert users >= set(STAFF)
        assert users >= before, "raising keeps everyone who was in"
        strangers = len(users - set(STAFF)) / (len(USERS) - len(STAFF)) * 100
        assert strangers == pytest.approx(percent, abs=1.0 if percent not in {0, 100} else 0.0)
        before = users
    outcome = await provider.off(target, "key", "reason")
    assert isinstance(outcome, Applied)
    await asyncio.sleep(PROPAGATION_S)
    assert (await provider.verify(target, OFF)).seen
    assert not enabled_users(unleash_server.client_features(ENVIRONMENT), target.key, USERS[:1000])
    edits = await provider.history(target, began_at)
    assert edits[0].what.startswith("added the strategy")
    assert edits[-1].what == "turned the flag off"
    outcome = await provider.restore(snapshot, target, "key", "reason")
    assert isinstance(outcome, Applied)
    assert outcome.state.native == snapshot.native


async def test_the_hazards_of_switching_on_and_deleting(
    unleash_server: UnleashServer, provider: UnleashProvider, target: Target
) -> None:
    """A flag left at 100 % and off: it comes on at what is wanted. A deleted strategy comes back from the snapshot."""
    place = f"/api/admin/projects/default/features/{target.key}/environments/{ENVIRONMENT}"
    unleash_server.request("POST", f"{place}/strategies", {"name": "flexibleRollout", "parameters": {"stickiness": "userId"}})
    assert strategies(unleash_server, target)[0]["parameters"]["rollout"] == "100"
    assert isinstance(await step(provider, target, cohort(5)), Applied)
    (only,) = strategies(unleash_server, target)
    assert only["parameters"]["rollout"] == "5"
    snapshot = await provider.read(target)
    unleash_server.request("DELETE", f"{place}/strategies/{only['id']}").raise_for_status()
    assert not (await provider.read(target)).enabled, "deleting the last strategy switches off"
    outcome = await provider.restore(snapshot, target, "key", "reason")
    assert isinstance(outcome, Applied), outcome
    assert outcome.state.effective == cohort(5)


async def test_restoring_a_document_that_is_not_ours(
    unleash_server: UnleashServer, provider: UnleashProvider, target: Target
) -> None:
    place = f"/api/admin/projects/default/features/{target.key}/environments/{ENVIRONMENT}"
    constraint = {"contextName": "country", "operator": "IN", "values": ["es", "pt"], "inverted": True}
    body = {"name": "flexibleRollout", "title": "Iberia", "parameters": {"rollout": "40"}, "constraints": [constraint]}
    unleash_server.request("POST", f"{place}/strategies", body).raise_for_status()
    unleash_server.request("POST", f"{place}/on").raise_for_status()
    snapshot = await provider.read(target)
    assert "has constraints" in snapshot.why_foreign
    with pytest.raises(InvalidInput, match="cannot be stepped"):
        await provider.plan(snapshot, cohort(5), target)
    strategy = strategies(unleash_server, target)[0]
    changed = {**body, "title": "Changed", "parameters": {"rollout": "90"}, "constraints": []}
    unleash_server.request("PUT", f"{place}/strategies/{strategy['id']}", changed).raise_for_status()
    assert isinstance(await provider.off(target, "key", "reason"), Applied)
    outcome = await provider.restore(snapshot, target, "key", "reason")
    assert isinstance(outcome, Applied), outcome
    assert outcome.state.native == snapshot.native


async def test_a_foreign_edit_is_a_conflict_and_stands_in_the_history(
    unleash_server: UnleashServer, provider: UnleashProvider, target: Target
) -> None:
    assert isinstance(await step(provider, target, cohort(5)), Applied)
    state = await provider.read(target)
    change = await provider.plan(state, cohort(30), target)
    foreign_edit(unleash_server, target, "77")
    outcome = await provider.apply(change, target, "key", "reason")
    assert isinstance(outcome, Conflict)
    assert outcome.actual.cohort == cohort(77)
    (edit,) = await provider.history(target, state.token)
    assert edit.who == "admin"
    assert edit.what.endswith("rollout 5 → 77")


@pytest.mark.parametrize(("fault", "landed"), [(LoseAnswer(), True), (LoseRequest(), False)])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_lost_answer_is_unknown_and_a_fresh_read_tells_the_truth(
    unleash_server: UnleashServer, target: Target, method: str, fault: LoseAnswer | LoseRequest, *, landed: bool
) -> None:
    with running_fault_proxy(unleash_server.url) as proxy:
        provider = provider_at(unleash_server, proxy.url)
        change = await provider.plan(await provider.read(target), cohort(20), target)
        proxy.script(fault, method=method, path="/strategies")
        assert isinstance(await provider.apply(change, target, "key", "reason"), Unknown)
        found = strategies(unleash_server, target)
        if method == "POST":
            assert len(found) == (1 if landed else 0)
        else:
            assert found[0]["parameters"]["rollout"] == ("20" if landed else "0")
        state = await provider.read(target)
        assert state.effective == OFF, "created at 0, raised, but not on yet: nobody was served at any time"
        again = await provider.plan(state, cohort(20), target)
        assert isinstance(await provider.apply(again, target, "key", "reason"), Applied)
        assert len(strategies(unleash_server, target)) == 1
        assert [request.method for request in proxy.arrived].count("POST") == (2 if method == "PATCH" or landed else 3)
        await provider.close()


async def test_an_off_whose_answer_is_lost_is_off(unleash_server: UnleashServer, target: Target) -> None:
    with running_fault_proxy(unleash_server.url) as proxy:
        provider = provider_at(unleash_server, proxy.url)
        assert isinstance(await step(provider, target, cohort(50)), Applied)
        proxy.script(LoseAnswer(), method="POST", path="/off")
        assert isinstance(await provider.off(target, "key", "reason"), Applied)
        assert not (await provider.read(target)).enabled
        await provider.close()


async def test_a_hung_database_is_unknown_and_never_applied(
    unleash_server: UnleashServer, provider: UnleashProvider, target: Target
) -> None:
    assert isinstance(await step(provider, target, cohort(50)), Applied)
    change = await provider.plan(await provider.read(target), cohort(60), target)
    unleash_server.pause_database()
    try:
        with pytest.raises(ProviderUnreachable):
            await provider.read(target)
        outcome = await provider.off(target, "key", "reason")
        assert isinstance(outcome, Unknown), outcome
        assert not isinstance(await provider.apply(change, target, "key", "reason"), Applied)
    finally:
        unleash_server.resume_database()
    await asyncio.sleep(1)
    outcome = await provider.off(target, "key", "reason")
    assert isinstance(outcome, Applied)
    assert not (await provider.read(target)).enabled


async def test_two_writers_are_never_both_told_applied_for_what_is_not_there(
    unleash_server: UnleashServer, target: Target
) -> None:
    one, other = provider_at(unleash_server), provider_at(unleash_server)
    assert isinstance(await step(one, target, cohort(5)), Applied)
    for round_ in range(5):
        outcomes = await asyncio.gather(step(one, target, cohort(20 + round_)), step(other, target, cohort(60 + round_)))
        state = await one.read(target)
        assert len(strategies(unleash_server, target)) == 1
        for outcome, percent in zip(outcomes, (20 + round_, 60 + round_), strict=True):
            assert isinstance(outcome, Applied | Conflict)
            if isinstance(outcome, Applied):
                assert outcome.state.cohort == cohort(percent)
        if all(isinstance(outcome, Applied) for outcome in outcomes):
            assert state.cohort in {cohort(20 + round_), cohort(60 + round_)}, "one after the other"
    await one.close()
    await other.close()
