"""The provider on the model: what each call answers when the network behaves."""

import json
from typing import Any

import httpx
import pytest

from flags.parts import TARGET, RealClock, cohort, over, settings
from flags.unleash_model import ADMIN, CLIENT, UnleashModel
from rolloutctl.config import Secret
from rolloutctl.errors import InvalidInput, ProviderUnreachable
from rolloutctl.flags.unleash import UnleashProvider
from rolloutctl.flags.unleash_plan import environment_path
from rolloutctl.model.cohort import OFF, Cohort, CohortState
from rolloutctl.model.outcome import Applied, Conflict, Outcome, Rejected, Unchanged, Unknown

PATH = environment_path(TARGET)


async def step(provider: UnleashProvider, want: Cohort) -> Outcome:
    change = await provider.plan(await provider.read(TARGET), want, TARGET)
    return await provider.apply(change, TARGET, "key", "reason")


async def stepped(model: UnleashModel, *wants: Cohort) -> UnleashProvider:
    provider = over(model)
    for want in wants:
        assert isinstance(await step(provider, want), Applied)
    model.writes.clear()
    return provider


def foreign_edit(model: UnleashModel, rollout: str, who: str = "mallory") -> None:
    """Somebody sets the first strategy's rollout, once."""
    model.after_write = lambda: None
    strategy = model.places["production"].strategies[0]["id"]
    body = [{"op": "replace", "path": "/parameters/rollout", "value": rollout}]
    model.who = who
    model.answer("PATCH", f"{PATH}/strategies/{strategy}", ADMIN, json.dumps(body).encode())
    model.who = "admin"


@pytest.mark.parametrize("search_events", [True, False])
async def test_up_and_down_and_off(*, search_events: bool) -> None:
    model = UnleashModel(search_events=search_events)
    provider = over(model)
    for want in (cohort(0, "staff"), cohort(5, "staff"), cohort(30, "beta", "staff"), cohort(10, "beta"), cohort(100)):
        outcome = await step(provider, want)
        assert isinstance(outcome, Applied)
        assert outcome.state.effective is not None
        assert (outcome.state.effective.percent, set(outcome.state.effective.audiences)) == (want.percent, set(want.audiences))
        assert outcome.state == await provider.read(TARGET)
        assert (await provider.verify(TARGET, want)).seen
        assert isinstance(await step(provider, want), Unchanged)
    outcome = await provider.off(TARGET, "key", "reason")
    assert isinstance(outcome, Applied)
    assert outcome.state.effective == OFF
    assert (await provider.verify(TARGET, OFF)).seen
    assert isinstance(await provider.off(TARGET, "key", "reason"), Applied), "off is repeatable"
    await provider.close()


async def test_off_for_a_flag_that_is_off_plans_nothing() -> None:
    provider = over(UnleashModel())
    change = await provider.plan(await provider.read(TARGET), OFF, TARGET)
    assert change.requests == ()
    assert isinstance(await provider.apply(change, TARGET, "key", "reason"), Unchanged)


async def test_a_foreign_edit_before_the_write_is_a_conflict_and_nothing_is_written() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(5))
    change = await provider.plan(await provider.read(TARGET), cohort(30), TARGET)
    foreign_edit(model, "7")
    model.writes.clear()
    outcome = await provider.apply(change, TARGET, "key", "reason")
    assert isinstance(outcome, Conflict)
    assert "rollout 7 instead of 5" in outcome.why
    assert outcome.actual.cohort == cohort(7)
    assert model.writes == []


async def test_a_foreign_edit_after_the_write_is_a_conflict_that_names_who() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(5))
    change = await provider.plan(await provider.read(TARGET), cohort(30), TARGET)
    model.after_write = lambda: foreign_edit(model, "99")
    outcome = await provider.apply(change, TARGET, "key", "reason")
    assert isinstance(outcome, Conflict)
    assert "rollout 99 instead of 30" in outcome.why
    assert "mallory" in outcome.why
    assert "rollout 30 → 99" in outcome.why


async def test_a_foreign_edit_that_leaves_no_difference_is_still_found() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(5))
    change = await provider.plan(await provider.read(TARGET), cohort(30), TARGET)

    def there_and_back() -> None:
        foreign_edit(model, "99")
        foreign_edit(model, "30", who="eve")

    model.after_write = there_and_back
    outcome = await provider.apply(change, TARGET, "key", "reason")
    assert isinstance(outcome, Conflict)
    assert "mallory" in outcome.why
    assert "eve" in outcome.why


async def test_a_change_that_has_landed_already_is_unchanged() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(5))
    change = await provider.plan(await provider.read(TARGET), cohort(30, "staff"), TARGET)
    assert isinstance(await provider.apply(change, TARGET, "key", "reason"), Applied)
    model.writes.clear()
    assert isinstance(await provider.apply(change, TARGET, "key", "reason"), Unchanged)
    assert model.writes == []


async def test_a_foreign_document_is_shown_refused_and_can_be_turned_off() -> None:
    model = UnleashModel()
    model.answer("POST", f"{PATH}/strategies", ADMIN, b'{"name":"default"}')
    model.answer("POST", f"{PATH}/on", ADMIN)
    provider = over(model)
    state = await provider.read(TARGET)
    assert state.cohort is None
    assert "of type default" in state.why_foreign
    with pytest.raises(InvalidInput, match="cannot be stepped"):
        await provider.plan(state, cohort(5), TARGET)
    assert not (await provider.verify(TARGET, cohort(100))).seen
    outcome = await provider.off(TARGET, "key", "reason")
    assert isinstance(outcome, Applied)
    assert model.served() == frozenset()
    assert isinstance(await provider.restore(state, TARGET, "key", "reason"), Applied)
    assert (await provider.read(TARGET)).native == state.native


async def test_restore_and_restore_again() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(20, "beta"))
    snapshot = await provider.read(TARGET)
    assert isinstance(await step(provider, cohort(80, "staff")), Applied)
    outcome = await provider.restore(snapshot, TARGET, "key", "reason")
    assert isinstance(outcome, Applied)
    assert outcome.state.native == snapshot.native
    model.writes.clear()
    assert isinstance(await provider.restore(snapshot, TARGET, "key", "reason"), Unchanged)
    assert model.writes == []


async def test_a_strangers_strategy_survives_a_restore_and_is_told_where_it_matters() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(20))
    on = await provider.read(TARGET)
    body = {"name": "flexibleRollout", "title": "Mine", "parameters": {"rollout": "50", "stickiness": "userId"}}
    model.answer("POST", f"{PATH}/strategies", ADMIN, json.dumps(body).encode())
    outcome = await provider.restore(on, TARGET, "key", "reason")
    assert isinstance(outcome, Conflict)
    assert '"Mine"' in outcome.why
    off = on.model_copy(update={"native": on.native.replace('"enabled":true', '"enabled":false')})
    assert isinstance(await provider.restore(off, TARGET, "key", "reason"), Applied)
    assert model.served() == frozenset()


async def test_history_tells_who_and_what_after_a_token() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(5))
    since = (await provider.read(TARGET)).token
    assert await provider.history(TARGET, since) == []
    foreign_edit(model, "7")
    model.answer("POST", PATH.replace("production", "development") + "/on", ADMIN)
    (edit,) = await provider.history(TARGET, since)
    assert (edit.who, edit.what) == ("mallory", 'changed the strategy "rolloutctl percent": rollout 5 → 7')
    assert len(await provider.history(TARGET, "")) == 4


async def test_history_reads_page_after_page() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(5))
    for number in range(250):
        foreign_edit(model, str(number % 2))
    edits = await provider.history(TARGET, "")
    assert len(edits) == 253
    assert [int(edit.token) for edit in edits] == sorted(int(edit.token) for edit in edits)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"key": "chekout"}, "no flag chekout.*Did you mean checkout"),
        ({"environment": "prodution"}, "no environment prodution.*Did you mean production"),
        ({"project": "defualt"}, "no project defualt.*Did you mean default"),
    ],
)
async def test_what_is_not_there_is_named_with_the_nearest(changes: dict[str, str], sentence: str) -> None:
    model = UnleashModel()
    provider, target = over(model), TARGET.model_copy(update=changes)
    with pytest.raises(InvalidInput, match=sentence):
        await provider.read(target)
    for outcome in (
        await provider.off(target, "key", "reason"),
        await provider.restore(_state(), target, "key", "reason"),
    ):
        assert isinstance(outcome, Rejected)
    assert all(method == "POST" and path.endswith("/off") for method, path, _ in model.writes)


@pytest.mark.parametrize(("key", "asks"), [("chekout", " Did you mean checkout?"), ("qqqqqq", "")])
async def test_turning_off_what_is_not_there_asks_for_the_name_and_not_for_a_new_flag(key: str, asks: str) -> None:
    outcome = await over(UnleashModel()).off(TARGET.model_copy(update={"key": key}), "key", "reason")
    assert isinstance(outcome, Rejected)
    assert outcome.why.endswith(f"So nothing is on under this name: check it.{asks}")
    assert "Create" not in outcome.why


async def test_an_audience_that_is_not_there_is_named_with_the_nearest() -> None:
    provider = over(UnleashModel())
    with pytest.raises(InvalidInput, match=r'no segment "staf".*Did you mean staff'):
        await provider.plan(await provider.read(TARGET), cohort(0, "staf"), TARGET)


@pytest.mark.parametrize("percent", [12.5, 0.1])
async def test_a_fraction_of_a_percent_is_refused(percent: float) -> None:
    provider = over(UnleashModel())
    with pytest.raises(InvalidInput, match="whole percents"):
        await provider.plan(await provider.read(TARGET), cohort(percent), TARGET)


async def test_without_a_client_token_only_the_admin_api_is_looked_at_and_that_is_said() -> None:
    model = UnleashModel()
    await stepped(model, cohort(5))
    provider = over(model, client=False)
    verification = await provider.verify(TARGET, cohort(5))
    assert verification.seen
    assert "admin API only" in verification.how
    assert provider.capabilities.verify == ""
    assert not (await provider.verify(TARGET, cohort(6))).seen


async def test_probe_tells_the_version() -> None:
    health = await over(UnleashModel()).probe()
    assert health.ok
    assert health.facts["version"] == "8.2.0"


async def test_a_secret_is_read_again_once_after_a_401() -> None:
    model, reads = UnleashModel(), 0
    model.admin_token = "*:*.rotated-token"

    def rotating(place: Secret) -> str:
        nonlocal reads
        reads += 1
        return ADMIN if reads == 1 else model.admin_token

    provider = UnleashProvider(settings(), rotating, RealClock(), transport=over(model)._line.client._transport)
    assert await provider.read(TARGET)
    assert reads == 2


@pytest.mark.parametrize(
    ("secret", "word"), [("", "empty"), ("a\nb-secret", "no header can carry"), ("ключ-secret", "no header can carry")]
)
async def test_a_secret_that_cannot_be_sent_is_a_sentence_without_it(secret: str, word: str) -> None:
    provider = UnleashProvider(settings(), lambda _: secret, RealClock())
    health = await provider.probe()
    assert not health.ok
    assert word in health.text
    assert "secret" not in health.text.replace("secret =", "")
    with pytest.raises(InvalidInput, match=word):
        await provider.read(TARGET)
    assert isinstance(await provider.off(TARGET, "key", "reason"), Rejected)


async def test_a_reader_of_secrets_that_breaks_tells_nothing_of_what_it_read() -> None:
    def broken(_: Secret) -> str:
        msg = f"cannot parse {ADMIN}"
        raise ValueError(msg)

    provider = UnleashProvider(settings(), broken, RealClock())
    with pytest.raises(ProviderUnreachable) as caught:
        await provider.read(TARGET)
    assert ADMIN not in str(caught.value)


@pytest.mark.parametrize(
    "then",
    [
        httpx.ConnectError("refused"),
        httpx.Response(404, stream=httpx.ByteStream(b"")),
        httpx.Response(429, stream=httpx.ByteStream(b"")),
    ],
)
async def test_an_off_that_may_have_arrived_stays_in_doubt_whatever_comes_after(then: httpx.Response | Exception) -> None:
    """The first attempt breaks after it was sent; that the next is refused says nothing about the first."""
    attempts = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise httpx.ReadError("reset")
        if isinstance(then, Exception):
            raise then
        return httpx.Response(then.status_code, stream=httpx.ByteStream(b""))

    transport = httpx.MockTransport(answer)
    provider = UnleashProvider(settings(), lambda _: ADMIN, RealClock(), random=lambda: 0.0, transport=transport)
    outcome = await provider.off(TARGET, "key", "reason")
    assert isinstance(outcome, Unknown), outcome
    assert "reset" in outcome.why


async def test_no_repr_holds_a_secret() -> None:
    provider = await stepped(UnleashModel(), cohort(5))
    shown: list[Any] = [provider, vars(provider), provider._line, provider._admin(), vars(provider._admin())]
    api = provider._admin()
    await api.get("/api/admin/environments")
    shown += [api, vars(api), provider._line.client]
    for each in shown:
        assert ADMIN not in repr(each)
        assert CLIENT not in repr(each)


def _state() -> CohortState:
    return CohortState(enabled=False, cohort=OFF, native='{"enabled":false,"strategies":[]}')
