"""Who gets the canary: our evaluation against the formula, the shares, and the real SDK's engine."""

from itertools import pairwise

import mmh3
import pytest

from rolloutctl.demo.evaluation import ClientFeature, CompiledFlag, normalised_hash
from rolloutctl.demo.users import CHANNEL_SHARES, Channel, Population

IDS = [f"user-{number}" for number in range(20_000)]


def flag(*strategies: dict, enabled: bool = True) -> CompiledFlag:
    return CompiledFlag(ClientFeature.model_validate({"name": "ranker", "enabled": enabled, "strategies": strategies}))


def rollout(percent: str, **more: object) -> dict:
    return {"name": "flexibleRollout", "parameters": {"rollout": percent, "stickiness": "userId", "groupId": "g"}, **more}


def served(compiled: CompiledFlag) -> set[str]:
    return {user for user in IDS if compiled.serves(user)}


def test_the_hash_is_murmur3_from_1_to_100():
    assert normalised_hash("g", "user-1") == mmh3.hash("g:user-1", 0, signed=False) % 100 + 1
    assert {normalised_hash("g", user) for user in IDS} == set(range(1, 101))


@pytest.mark.parametrize("percent", [0, 1, 5, 30, 50, 99, 100])
def test_shares(percent):
    assert len(served(flag(rollout(str(percent))))) / len(IDS) == pytest.approx(percent / 100, abs=0.006)


def test_a_higher_percentage_keeps_everybody_who_was_in():
    steps = [served(flag(rollout(str(percent)))) for percent in (0, 5, 30, 100)]
    assert steps[0] == set()
    assert steps[-1] == set(IDS)
    assert all(low < high for low, high in pairwise(steps))


def test_off_is_nobody_and_strategies_are_ored():
    constraint = {"contextName": "userId", "operator": "IN", "values": ["user-1", "user-2"]}
    audience = rollout("100", constraints=[constraint])
    assert served(flag(rollout("100"), enabled=False)) == set()
    assert served(flag(audience)) == {"user-1", "user-2"}
    assert served(flag(audience, rollout("5"))) == served(flag(rollout("5"))) | {"user-1", "user-2"}
    outside = rollout("100", constraints=[constraint | {"operator": "NOT_IN"}])
    assert served(flag(outside)) == set(IDS) - {"user-1", "user-2"}
    assert served(flag(rollout("100", constraints=[constraint | {"operator": "STR_CONTAINS"}]))) == set()


@pytest.mark.parametrize("text", ["12.5", "abc", "-5", ""])
def test_what_is_not_a_whole_number_is_nobody(text):
    assert served(flag(rollout(text))) == set()


def test_the_real_engine_agrees(tmp_path):
    """The same documents, asked of the engine that Unleash's own SDKs use."""
    import json

    from yggdrasil_engine.engine import UnleashEngine

    values = IDS[:50]
    constraint = {"contextName": "userId", "operator": "IN", "values": values}
    document = {
        "name": "ranker",
        "enabled": True,
        "strategies": [rollout("30"), rollout("100", constraints=[constraint])],
    }
    engine = UnleashEngine()
    engine.take_state(json.dumps({"version": 2, "features": [{**document, "type": "release"}]}))
    compiled = CompiledFlag(ClientFeature.model_validate(document))
    users = IDS[:3000]
    assert [engine.is_enabled("ranker", {"userId": user}).is_enabled for user in users] == [
        compiled.serves(user) for user in users
    ]


def test_the_population_is_what_it_says():
    population = Population()
    everybody = population.share(lambda _: True)
    assert everybody.overall == 1
    employees = set(population.employees)
    share = population.share(lambda user: user in employees)
    assert share.overall == pytest.approx(0.01)
    assert share.by_channel == pytest.approx(dict.fromkeys(Channel, 0.01))
    assert sum(CHANNEL_SHARES.values()) == pytest.approx(1)
