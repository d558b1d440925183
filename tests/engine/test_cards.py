"""Cards: shown alike whether fresh or kept, and ignored whenever anything about them is not as it was."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rolloutctl
from carded import NOW, PLAN, WHO, House, served
from rolloutctl.engine.cards import file as card_file
from rolloutctl.engine.cards import keeper as card_keeper
from rolloutctl.engine.cards.card import FORMAT, from_json, to_json
from rolloutctl.engine.cards.glance import glance, keep
from rolloutctl.engine.cards.making import card_of
from rolloutctl.engine.config.files import raw_config
from rolloutctl.engine.config.settings import read_settings
from rolloutctl.engine.view.snapshot import Driving
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort, Target
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import HoldKind, Purpose
from rolloutctl.model.state import Countdown, Hold, OpenIntent, PhaseRun, RolloutState, Status, Step
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Lease


def the_plan(name: str = "ranker") -> Plan:
    return read_plan(PLAN.format(name=name), "plan")


# -- every state -----------------------------------------------------------------------------------------------------------

times = st.datetimes(NOW.replace(tzinfo=None) - timedelta(days=2), NOW.replace(tzinfo=None), timezones=st.just(UTC))
texts = st.text(max_size=20)
breaches = st.builds(
    ev.BreachLatched,
    phase=st.just("five"),
    criterion=st.sampled_from(["load", "errors"]),
    segment=st.sampled_from(["", "web"]),
    role=st.sampled_from(["guardrail", "signal", "info"]),
    at=times,
    why=texts,
)
runs = st.builds(
    PhaseRun,
    index=st.just(0),
    attempt=st.integers(1, 4),
    started_at=times,
    of_phase=st.integers(1, 3),
    held=st.timedeltas(timedelta(), timedelta(hours=3)),
    breaches=st.lists(breaches, max_size=2).map(tuple),
    deadline_waived=st.booleans(),
)
holds = st.builds(
    Hold,
    by=st.sampled_from(HoldKind),
    code=st.sampled_from(["person", "evidence", "drift"]),
    reason=texts,
    since=times,
    actor=texts,
    seq=st.integers(1, 99),
)
countdowns = st.builds(
    Countdown,
    criterion=texts,
    segment=texts,
    reason=texts,
    fires_at=times,
    length=st.just(timedelta(minutes=1)),
    postponed=st.integers(0, 2),
)
intents = st.builds(
    OpenIntent,
    seq=st.integers(1, 99),
    intent=st.just(ev.FlagIntent(purpose=Purpose.ADVANCE, want=Cohort(percent=Fraction(5)), before="off")),
    unknown=texts,
)
states = st.builds(
    RolloutState,
    plan=st.just("ranker"),
    attempt=st.integers(1, 12),
    title=texts,
    owner=texts,
    target=st.just(Target(provider="flags", key="ranker", environment="production", project="default")),
    plan_digest=st.just("ab" * 32),
    plan_blob=st.just("cd" * 32),
    snapshot=st.sampled_from([served(0), served(1)]),
    source=st.just("metrics"),
    sealed_at=times,
    sealed_by=texts,
    status=st.sampled_from(Status),
    phase=st.integers(-1, 1),
    entering=st.integers(0, 2),
    step=st.sampled_from(Step),
    run=st.none() | runs,
    holds=st.lists(holds, max_size=2).map(tuple),
    held_since=st.none() | times,
    countdown=st.none() | countdowns,
    open_intent=st.none() | intents,
    expected=st.none() | st.sampled_from([served(0), served(5)]),
    verdicts=st.dictionaries(st.sampled_from(["load", "errors/web"]), st.sampled_from(["PASS", "NO_DATA"])),
    waiting_for=st.lists(texts, max_size=2).map(tuple),
    flag_failure=texts,
    last_change=st.none() | times,
    drifted=st.sampled_from(["", "25 %"]),
    rollback_why=texts,
    rollback_by=texts,
    rollback_at=st.none() | times,
    ended_at=st.none() | times,
    ended_why=texts,
    seq=st.integers(1, 10**6),
)
leases = st.none() | st.builds(
    Lease, st.just("rollout/ranker#1"), st.just("ana@host:1"), st.integers(1, 9), st.floats(-9, 9), times
)


@given(states, leases, st.timedeltas(timedelta(days=-1), timedelta(days=3)))
def test_a_kept_card_is_shown_like_a_fresh_one_in_every_state_at_every_time(
    state: RolloutState, lease: Lease | None, later: timedelta
):
    fresh = card_of(the_plan(), state)
    kept = card_file.KeptCard.of(fresh, "ef" * 32).card()
    assert kept is not None
    assert kept == fresh
    now = NOW + later
    assert json.dumps(kept.driven(lease, now)) == json.dumps(fresh.driven(lease, now))
    assert kept.condition(now) == fresh.condition(now)
    assert kept.driving(lease, now) is fresh.driving(lease, now)


@given(states, st.timedeltas(timedelta(days=-1), timedelta(days=3)))
def test_the_bake_clock_of_a_card_is_that_of_the_state(state: RolloutState, later: timedelta):
    card, now = card_of(the_plan(), state), NOW + later
    assert card.baked(now) == (None if state.run is None else min(state.baked(now), card.bake))


def test_what_makes_a_card_is_pinned_so_that_a_change_of_it_raises_the_format():
    card = to_json(card_of(the_plan(), next(iter(seeded("ranker")))))
    assert FORMAT == 2
    assert sorted(card) == sorted(
        ["rollout", "seq", "status", "mark", "words", "doing", "clocked", "clock", "bake", "watched_until", "shape"]
    )
    assert from_json(json.loads(json.dumps(card))).rollout == "ranker#1"


def test_the_version_at_hand_is_that_of_the_package():
    from importlib.metadata import version

    assert version("rolloutctl") == rolloutctl.VERSION


# -- a journal ---------------------------------------------------------------------------------------------------------------


def seeded(name: str) -> list[RolloutState]:
    target = Target(provider="flags", key=name, environment="production", project="default")
    return [
        RolloutState(
            plan=name,
            attempt=1,
            title=name,
            owner="ana",
            target=target,
            plan_digest="ab" * 32,
            plan_blob="cd" * 32,
            snapshot=served(0),
            source="metrics",
            sealed_at=NOW,
            sealed_by="ana",
            seq=1,
        )
    ]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_glance_says_what_the_events_say(house: House):
    house.keep()
    seen = house.look()
    assert seen is not None
    assert {each.rollout: each.card for each in seen.rollouts} == house.cards()
    assert [each.rollout for each in seen.rollouts] == ["one#1", "two#1", "three#1"]
    assert seen.head == house.journal.head()
    leases = {each.rollout: each.lease.holder if each.lease else None for each in seen.rollouts}
    assert leases == {"one#1": None, "two#1": "ana@host:1", "three#1": None}
    assert (house.file.stat().st_mode & 0o777) == 0o600


def test_an_event_that_matters_makes_only_its_own_card_stale(house: House):
    house.keep()
    house.journal.append("rollout/one#1", ev.NoteAdded(text="look"), WHO)
    assert house.missing() == {"one#1"}
    house.keep()
    assert house.missing() == set()


def test_a_lease_that_changes_hands_changes_nothing_but_the_number(house: House):
    house.keep()
    house.journal.take_lease("rollout/two#1", "ben@host:2", 3600, WHO, force=True)
    seen = house.look()
    assert seen is not None
    assert house.missing() == set()
    assert {each.rollout: each.card for each in seen.rollouts} == house.cards()
    two = next(each for each in seen.rollouts if each.rollout == "two#1")
    assert two.lease is not None
    assert two.lease.holder == "ben@host:2"
    assert two.card is not None
    assert two.card.driving(two.lease, NOW) is Driving.ELSEWHERE


def test_a_rollout_without_a_card_is_said_to_be_missing(house: House):
    house.keep()
    house.seal("four")
    assert house.missing() == {"four#1"}


def _edit(change: Callable[[dict[str, list[str]]], None]) -> Callable[[House], None]:
    def spoil(house: House) -> None:
        document = json.loads(house.file.read_text())
        change(document["cards"])
        house.file.write_text(json.dumps(document))

    return spoil


def _lie(cards: dict[str, list[str]]) -> None:
    cards["two#1"][2] = cards["two#1"][2].replace("5 %", "0 %")


def _other_event(cards: dict[str, list[str]]) -> None:
    cards["two#1"][0] = "00" * 32


def _swap(cards: dict[str, list[str]]) -> None:
    cards["two#1"] = cards["one#1"]


def _no_card(cards: dict[str, list[str]]) -> None:
    text = "[]"
    cards["two#1"] = ["00" * 32, card_file._digest("00" * 32, text), text]


@pytest.mark.parametrize("change", [_lie, _other_event, _swap, _no_card])
def test_a_card_that_was_tampered_with_is_not_believed(house: House, change: Callable[[dict[str, list[str]]], None]):
    house.keep()
    _edit(change)(house)
    assert house.missing() == {"two#1"}


def test_a_card_of_another_journal_is_not_believed(house: House, tmp_path: Path):
    house.keep()
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other")
    other.journal.append("rollout/two#1", ev.NoteAdded(text="not the same"), WHO)
    other.keep()
    kept = json.loads(other.file.read_text())
    kept["configs"] = json.loads(house.file.read_text())["configs"]
    house.file.write_text(json.dumps(kept))
    assert "two#1" in house.missing()


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"made_by": 1}', b"\xff\xfe", b'{"made_by": "0 0.0.0", "cards": {}, "configs": []}']
)
def test_a_damaged_or_foreign_file_is_as_good_as_none(house: House, raw: bytes):
    house.keep()
    house.file.write_bytes(raw)
    assert card_file.read(house.file) == card_file.CardFile()
    assert house.look() is None
    house.keep()
    assert house.missing() == set()


@given(st.integers(0, 4000), st.integers(1, 255))
def test_no_flipped_byte_makes_a_card_say_something_else(tmp_path_factory: pytest.TempPathFactory, place: int, flip: int):
    card = card_of(the_plan(), seeded("ranker")[0])
    folder = tmp_path_factory.mktemp("flip")
    path = folder / "cards"
    card_file.write(path, card_file.CardFile({"ranker#1": card_file.KeptCard.of(card, "ef" * 32)}, ("ab",)), 0o600)
    raw = bytearray(path.read_bytes())
    raw[place % len(raw)] ^= flip
    path.write_bytes(bytes(raw))
    kept = card_file.read(path).cards.get("ranker#1")
    assert kept is None or kept.card() in (None, card)
    shutil.rmtree(folder)


def test_another_config_or_a_variable_needs_a_proper_look(house: House):
    house.keep()
    assert house.look() is not None
    with_variable = replace(house.surroundings, environ={"ROLLOUTCTL_UI__THEME": "light"})
    assert glance(house.config, with_variable) is None
    house.config.write_text(house.config.read_text() + "\n[ui]\ntheme = 'neon'\n")
    assert house.look() is None


def test_a_config_that_is_no_toml_or_keeps_its_journal_elsewhere_has_no_glance(house: House):
    house.keep()
    for text in ("= nonsense", '[journal]\nurl = "postgresql://host/db"', "[journal]\nurl = 5"):
        house.config.write_text(text)
        assert raw_config(house.config, house.surroundings) is None
    house.config.unlink()
    assert raw_config(house.config, house.surroundings) is None


def test_the_raw_config_finds_the_journal_and_the_digest_that_settings_find(house: House):
    (house.folder / "rolloutctl.toml").write_text('[journal]\nurl = "sqlite:///elsewhere/j.db"\n')
    for explicit in (None, house.config):
        raw, settings = raw_config(explicit, house.surroundings), read_settings(explicit, house.surroundings)
        assert raw is not None
        assert f"sqlite:///{raw.journal}" == settings.config.journal.url
        assert raw.digest == settings.digest != ""
        assert raw.files == settings.files


def test_a_config_that_was_not_looked_at_whole_is_not_called_valid(house: House):
    assert read_settings(house.config, house.surroundings, frozenset({"sources"})).digest == ""
    keep(house.path, 0o600, "", house.cards().values())
    assert card_file.read(house.file).configs == ()
    assert house.look() is None


def test_where_nothing_may_be_written_nothing_is_said_of_it(house: House, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(card_file, "write", full)
    house.keep()
    assert not house.file.exists()


def test_nothing_is_kept_beside_what_is_no_file(tmp_path: Path):
    keep(tmp_path / "postgresql:" / "db", 0o600, "digest", [])
    assert list(tmp_path.iterdir()) == []


def test_keeping_the_same_again_writes_nothing(house: House):
    house.keep()
    before = house.file.stat()
    house.keep()
    assert house.file.stat().st_ino == before.st_ino
    assert sorted(path.name for path in house.folder.glob("*cards*")) == ["journal.db-cards"]


def test_a_journal_that_cannot_be_read_has_no_glance(house: House):
    house.keep()
    house.journal.close()
    for path in house.folder.glob("journal.db-*"):
        if path != house.file:
            path.unlink()
    house.path.write_bytes(b"not a database at all" * 100)
    assert house.look() is None


def test_a_glance_costs_the_same_however_long_the_journal_is(house: House):
    """Counted in steps of the database, which no busy machine changes."""

    def steps() -> int:
        from rolloutctl.journal import newest

        counted = 0

        def one_more() -> int:
            nonlocal counted
            counted += 1
            return 0

        db = sqlite3.connect(f"file:{house.path}?mode=ro", uri=True)
        db.set_progress_handler(one_more, 10)
        seen = newest.Newest(db)
        seen.head()
        seen.ends()
        db.close()
        return counted

    few = steps()
    for number in range(2000):
        house.journal._db.execute("BEGIN") if not house.journal._db.in_transaction else None
        house.journal._insert(_note(number))
    house.journal._db.execute("COMMIT")
    assert steps() <= few + 5


def _note(number: int):
    from rolloutctl.journal.rows import draft

    return draft("rollout/one#1", 0, ev.NoteAdded(text=f"note {number}"), WHO)


# -- the keeper --------------------------------------------------------------------------------------------------------------


class FakeFleet:
    def __init__(self, house: House) -> None:
        self.rollouts = []
        for stream in house.journal.streams():
            state = fold(house.journal.read(stream))
            assert state is not None
            plan = read_plan(house.journal.get_blob(state.plan_blob).decode(), "plan")
            self.rollouts.append(FakeRollout(state.id, plan, state))


class FakeRollout:
    def __init__(self, name: str, plan: Plan, state: RolloutState) -> None:
        self.id, self.plan, self.state = name, plan, state


def test_the_keeper_waits_writes_once_and_follows(house: House, monkeypatch: pytest.MonkeyPatch):
    clock = [100.0]
    monkeypatch.setattr(card_keeper, "monotonic", lambda: clock[0])
    digest = read_settings(house.config, house.surroundings).digest
    keeper = card_keeper.Keeper(house.path, 0o600, digest)
    fleet = FakeFleet(house)
    keeper.see(fleet)  # type: ignore[arg-type]
    assert not house.file.exists(), "nothing is written in the first seconds: a rollback may be under way"
    clock[0] += 2.5
    keeper.see(fleet)  # type: ignore[arg-type]
    with keeper._busy:
        assert house.missing() == set()
    written = house.file.stat().st_ino
    clock[0] += 2.5
    keeper.see(fleet)  # type: ignore[arg-type]
    with keeper._busy:
        assert house.file.stat().st_ino == written
    house.journal.append("rollout/one#1", ev.NoteAdded(text="look"), WHO)
    keeper.see(FakeFleet(house))  # type: ignore[arg-type]
    with keeper._busy:
        assert house.missing() == set()


def test_who_leaves_early_keeps_what_was_shown_last(house: House):
    keeper = card_keeper.Keeper(house.path, 0o600, read_settings(house.config, house.surroundings).digest)
    keeper.leave(FakeFleet(house))  # type: ignore[arg-type]
    assert house.missing() == set()
    written = house.file.stat().st_ino
    keeper.leave(FakeFleet(house))  # type: ignore[arg-type]
    assert house.file.stat().st_ino == written, "nothing new, so nothing is written"
