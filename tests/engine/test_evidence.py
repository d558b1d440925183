"""What verdicts rest on: kept with them, judged again from it, and completed from it when the source has forgotten."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Generating
from hypothesis import strategies as st

from engine.evidence import ANA, STREAM, Phase, at
from judge.worlds import START, World
from rolloutctl.engine.evidence import due, recording
from rolloutctl.engine.evidence.kept import Kept
from rolloutctl.engine.evidence.look import decode_look
from rolloutctl.engine.evidence.packing import Packed, asked_of, pack
from rolloutctl.engine.evidence.recording import checkpoint, evidence
from rolloutctl.engine.evidence.replaying import replay
from rolloutctl.engine.evidence.text import digest_of, encoded
from rolloutctl.errors import InvalidInput, JournalCorrupt, LeaseLost
from rolloutctl.journal.exported import Exported
from rolloutctl.journal.moving import export
from rolloutctl.journal.sqlite import SqliteJournal, open_sqlite
from rolloutctl.judge.needs import needs
from rolloutctl.model import events as ev
from rolloutctl.model.samples import Answer, FailureKind, Query, QueryKind, Samples, Series, SourceFailure
from rolloutctl.model.verdict import State
from rolloutctl.plan.read import read_plan

PLAN = """
format = 1
name = "p"
owner = "ana"
[flag]
provider = "flags"
key = "k"
environment = "production"
[metrics]
source = "metrics"
canary = 'version="2"'
baseline = 'version="1"'
host = "instance"
max_sample_age = "1m"
history = "20m"
[[criteria]]
id = "errors"
type = "ratio"
bad = "bad{$arm}"
total = "req{$arm}"
[[criteria]]
id = "cost"
type = "value"
expr = "cost{$arm}"
versus = "baseline"
tolerate = "5%"
[[criteria]]
id = "queue"
type = "value"
test = "threshold"
expr = "queue{$arm}"
max = 100
[[phases]]
name = "five"
owner = "ana"
cohort = { percent = 5 }
bake = "1h"
"""


def busy(seed: int, until: float, worse: float = 1.0) -> World:
    """Three baseline and two canary hosts with noise, resets and a gap."""
    draw, world = random.Random(seed), World()
    for version, host in (("1", "a"), ("1", "b"), ("1", "c"), ("2", "d"), ("2", "e")):
        marks = {"version": version, "instance": host}
        factor = worse if version == "2" else 1.0
        offset = draw.choice([0.0, 3.0, 7.5])
        times = [START - 1200 + offset + 15 * n for n in range(int((until + 1200) // 15))]
        times = [time for time in times if not draw.random() < 0.01]
        for name, mean in (("req", 300.0), ("bad", 6.0 * factor)):
            shown, values = 1000.0, []
            for _ in times:
                shown = 0.0 if draw.random() < 0.002 else shown + round(draw.gauss(mean, mean**0.5))
                values.append(max(0.0, shown))
            world.add(name, times, values, **marks)
        world.add("cost", times, [factor * draw.gauss(2.0, 0.1) for _ in times], **marks)
        world.add("queue", times, [float(draw.randrange(90)) for _ in times], **marks)
    return world


@pytest.fixture
def new_journal(tmp_path: Path) -> Iterator[Callable[[], SqliteJournal]]:
    opened: list[SqliteJournal] = []

    def make() -> SqliteJournal:
        opened.append(open_sqlite(tmp_path / f"{len(opened)}.db", 0o600, lambda: datetime.now(UTC)))
        return opened[-1]

    yield make
    for journal in opened:
        journal.close()


@pytest.fixture
def phase(new_journal: Callable[[], SqliteJournal]) -> Phase:
    return Phase(new_journal(), PLAN, busy(1, 6000))


@pytest.fixture(autouse=True)
def _checkpoints_are_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "EVERY_S", 600.0)


def test_every_verdict_of_a_phase_is_the_same_again(phase: Phase) -> None:
    phase.begin()
    before, written = None, []
    for seconds in (15, 300, 700, 1500, 1515, 2600):
        before, events = phase.look(seconds, before)
        written += events
    assert len([event for event in phase.journal.read(STREAM) if isinstance(event.body, ev.JudgeCheckpoint)]) >= 3
    for event in written:
        found = replay(phase.journal, event.seq)
        assert found.differences == ()
        assert found.said
    states = {event.body.state for event in written if isinstance(event.body, ev.VerdictChanged)}
    assert len(states) > 1
    assert phase.journal.verify().findings == ()


def test_what_the_evidence_of_a_later_look_adds_is_only_what_came_since_the_checkpoint(phase: Phase) -> None:
    phase.begin()
    phase.look(2600)
    before = phase.journal.get_blob(phase.look(2615)[1][0].body.blob)  # type: ignore[attr-defined]
    phase.look(2630)
    looks = [decode_look(before), decode_look(evidence(phase.judged(phase.judgement(2630)), Kept(), str) or b"")]
    sizes = [sum(len(s) for a in look.answers if isinstance(a.answer, Samples) for s in a.answer.series) for look in looks]
    assert 0 < sizes[0] * 10 < sizes[1]


@settings(
    max_examples=8, deadline=None, phases=[Generating.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 1000), worse=st.sampled_from([1.0, 1.0, 1.6, 4.0]), forgotten=st.integers(-1100, 2400))
def test_a_source_that_forgets_the_beginning_changes_no_verdict(
    new_journal: Callable[[], SqliteJournal], seed: int, worse: float, forgotten: int
) -> None:
    phase = Phase(new_journal(), PLAN, busy(seed, 3600, worse))
    phase.begin()
    for seconds in (15, 900, 1605, 2505):
        phase.look(seconds)
    later = phase.another_process()
    uninterrupted = later.judgement(3300)
    # What a checkpoint does not have yet must still be there: sources remember days, checkpoints are hours apart.
    newest = phase.kept.until
    assert newest is not None
    later = replace(phase.another_process(), forgets_before=min(START + forgotten, newest - 1))
    assert later.judgement(3300) == uninterrupted
    assert later.judgement(3300).verdicts[0].evidence == uninterrupted.verdicts[0].evidence


def test_without_checkpoints_forgetting_would_change_the_verdicts(phase: Phase) -> None:
    """So the test above can fail."""
    phase.begin()
    whole = phase.judgement(2505)
    phase.forgets_before = START + 1500
    assert phase.judgement(2505) != whole


def test_a_sample_that_changed_in_the_past_is_believed_and_still_replays(phase: Phase) -> None:
    phase.begin()
    phase.look(1500)
    phase.look(1515)
    index, old = next((i, one) for i, one in enumerate(phase.world.series) if one.label("__name__") == "bad")
    phase.world.series[index] = Series(old.labels, old.times[:20] + old.times[21:], old.values[:20] + old.values[21:])
    _, events = phase.look(1530)
    look = decode_look(phase.journal.get_blob(events[0].body.blob))  # type: ignore[attr-defined]
    assert {each.after is None for each in look.answers} == {True, False}
    assert replay(phase.journal, events[0].seq).differences == ()
    _, events = phase.look(2600)
    later = replace(phase.another_process(), forgets_before=START + 1000)
    assert later.judgement(2700) == phase.judgement(2700)
    assert replay(phase.journal, events[0].seq).differences == ()


def test_a_source_that_was_down_is_down_in_the_replay_too(phase: Phase) -> None:
    phase.begin()
    first, _ = phase.look(300)
    phase.world.failures["bad"] = SourceFailure(FailureKind.DOWN, "the source refuses the connection.")
    second, _ = phase.look(315, first)
    third, events = phase.look(900, second)
    down = next(event for event in events if event.body.state == State.SOURCE_DOWN)  # type: ignore[attr-defined]
    found = replay(phase.journal, down.seq)
    assert found.differences == ()
    assert next(each for each in found.said if each.criterion == "errors").grace_over
    assert third.phase.state == "HOLD"


def test_a_decision_replays_with_the_verdict_of_its_phase(phase: Phase) -> None:
    phase.begin()
    found = phase.judgement(900)
    content = evidence(phase.judged(found), phase.kept, str)
    assert content is not None
    ready = phase.effect(ev.PhaseReady(phase="five", at=at(900), blob=digest_of(content)), content)
    assert replay(phase.journal, ready.seq).differences == ()
    lied = json.loads(content)
    lied["phase_state"] = "READY" if found.phase.state != "READY" else "HOLD"
    other = json.dumps(lied, sort_keys=True, separators=(",", ":")).encode()
    ready = phase.effect(ev.PhaseReady(phase="five", at=at(900), blob=digest_of(other)), other)
    assert [each.what for each in replay(phase.journal, ready.seq).differences] == ["phase"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda body: body.model_copy(update={"state": "PASS" if body.state != "PASS" else "BREACH"}), "state"),
        (lambda body: body.model_copy(update={"why": "because"}), "why"),
        (lambda body: body.model_copy(update={"evidence": {**body.evidence, "canary": "0.5"}}), "canary"),
        (lambda body: body.model_copy(update={"segment": "voice"}), "evidence"),
    ],
)
def test_an_event_that_says_something_else_than_its_evidence_differs(
    phase: Phase, change: Callable[[ev.VerdictChanged], ev.VerdictChanged], what: str
) -> None:
    phase.begin()
    body = phase.look(300)[1][0].body
    assert isinstance(body, ev.VerdictChanged)
    event = phase.effect(change(body))
    assert any(what in each.what for each in replay(phase.journal, event.seq).differences)


def test_samples_that_were_changed_give_other_verdicts(phase: Phase) -> None:
    phase.begin()
    _, events = phase.look(1500)
    body = next(event.body for event in events if isinstance(event.body, ev.VerdictChanged) and event.body.criterion == "errors")
    document = json.loads(phase.journal.get_blob(body.blob))
    for answer in document["answers"]:
        if answer["text"].startswith("bad") and 'version="2"' in answer["text"]:
            for _, _, values in answer["series"]:
                values["d"] = [each * 5 for each in values["d"]]
    other = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    event = phase.effect(body.model_copy(update={"blob": digest_of(other)}), other)
    found = replay(phase.journal, event.seq)
    assert any(each.what == "errors state" for each in found.differences)


def test_events_without_evidence_say_so_and_where_there_is_some(phase: Phase) -> None:
    phase.begin()
    _, events = phase.look(300)
    note = phase.journal.append(STREAM, ev.NoteAdded(text="x"), ANA)
    with pytest.raises(InvalidInput, match=f"rests on no evidence.*event {events[-1].seq}"):
        replay(phase.journal, note.seq)
    bare = phase.effect(ev.VerdictChanged(phase="five", attempt=1, criterion="errors", state="PASS", why="x", at=at(1)))
    with pytest.raises(InvalidInput, match="without its evidence"):
        replay(phase.journal, bare.seq)
    with pytest.raises(InvalidInput, match="no event 999"):
        replay(phase.journal, 999)
    older = b'{"queries": [], "cells": []}'
    old = phase.effect(
        ev.VerdictChanged(phase="five", attempt=1, criterion="errors", state="PASS", why="x", at=at(1), blob=digest_of(older)),
        older,
    )
    with pytest.raises(InvalidInput, match="no samples"):
        replay(phase.journal, old.seq)


@pytest.mark.parametrize("version", [2, None])
def test_evidence_of_a_newer_version_is_refused_with_a_sentence(phase: Phase, version: int | None) -> None:
    phase.begin()
    body = phase.look(300)[1][0].body
    assert isinstance(body, ev.VerdictChanged)
    document = json.loads(phase.journal.get_blob(body.blob))
    document["v"] = version
    other = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    event = phase.effect(body.model_copy(update={"blob": digest_of(other)}), other)
    with pytest.raises(JournalCorrupt, match="version"):
        replay(phase.journal, event.seq)


def test_an_export_replays_on_another_machine(phase: Phase, tmp_path: Path) -> None:
    phase.begin()
    phase.look(1500)
    _, events = phase.look(1515)
    file = tmp_path / "journal.jsonl"
    file.write_text("\n".join(export(phase.journal)) + "\n")
    found = replay(Exported(file), events[0].seq)
    assert (found.differences, found.said) == ((), replay(phase.journal, events[0].seq).said)
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if '"blob":"' not in line[:10]))
    with pytest.raises(JournalCorrupt, match="no blob"):
        replay(Exported(file), events[0].seq)
    file.write_text("\n".join([lines[0], "{"]))
    with pytest.raises(InvalidInput, match="line 2"):
        Exported(file)


def test_evidence_and_event_are_one_transaction(phase: Phase) -> None:
    phase.begin()
    taken = phase.journal.take_lease(STREAM, "another", 60, ANA, force=True)
    assert taken is not None
    body = ev.VerdictChanged(phase="five", criterion="errors", state="PASS", why="x", at=at(1), blob=digest_of(b"cells"))
    with pytest.raises(LeaseLost):
        phase.effect(body, b"cells")
    with pytest.raises(JournalCorrupt):
        phase.journal.get_blob(digest_of(b"cells"))


def test_a_day_of_twelve_hosts_is_small() -> None:
    """As the docs say: about 0.15 MB for a ratio."""
    world = World()
    draw = random.Random(3)
    for host in range(12):
        marks = {"version": "2" if host < 4 else "1", "instance": f"checkout-{host}"}
        times = [START - 3600 + host * 1.25 + 15 * n for n in range(24 * 240 + 240)]
        for name, mean in (("req", 300.0), ("bad", 3.0)):
            shown, values = 1000.0, []
            for _ in times:
                shown += max(0, round(draw.gauss(mean, mean**0.5)))
                values.append(shown)
            world.add(name, times, values, **marks)
    plan = read_plan(PLAN.split('[[criteria]]\nid = "cost"', maxsplit=1)[0] + PLAN[PLAN.index("[[phases]]") :], "plan")
    queries = needs(plan, 0, START, START + 86_400)
    stored = encoded({"answers": [pack(Packed(asked_of(query), None, world.answer(query)), str) for query in queries]})
    assert 50_000 < len(zlib.compress(stored)) < 250_000


def test_nothing_is_kept_that_is_more_than_the_journal_takes(phase: Phase, monkeypatch: pytest.MonkeyPatch) -> None:
    phase.begin()
    judged = phase.judged(phase.judgement(1500))
    monkeypatch.setattr(recording, "MOST_SAMPLES", 100)
    assert evidence(judged, phase.kept, str) is None
    assert checkpoint(judged, phase.kept, str) is None


def test_a_checkpoint_is_due_when_enough_has_settled(phase: Phase) -> None:
    phase.begin()
    run, plan = phase.state.run, phase.plan
    assert run is not None

    def is_due(seconds: float, kept: Kept, every_s: float = 3600.0) -> bool:
        return due.is_due(plan, run, START + seconds, kept, every_s)

    # Twenty minutes of history, and the newest minute may still change.
    assert not is_due(2459, Kept())
    assert is_due(2460, Kept())
    assert is_due(15, Kept(), due.AFTER_EVIDENCE_S)
    kept = Kept(until=START + 2400)
    assert not is_due(6059, kept)
    assert is_due(6060, kept)
    by_threshold = read_plan(PLAN[: PLAN.index("[[criteria]]")] + PLAN[PLAN.index('[[criteria]]\nid = "queue"') :], "plan")
    assert not due.is_due(by_threshold, run, START + 3659, Kept(), 3600)
    assert due.is_due(by_threshold, run, START + 3660, Kept(), 3600)


class Rules:
    """A source that also tells which alerting rules it evaluates."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.firing = False

    def answer(self, query: Query) -> Answer:
        match query.kind:
            case QueryKind.RULE:
                return Samples((Series((("__health__", "ok"),), (query.end - 3,), (15.0,)),))
            case QueryKind.ANNOUNCED:
                return Samples(())
            case _ if query.text.startswith("ALERTS"):
                times = [query.end - 30, query.end - 15, query.end - 1]
                labels = (("__name__", "ALERTS"), ("alertname", "HighErrors"), ("alertstate", "firing"))
                return Samples((Series(labels, times, [1.0] * 3),)) if self.firing else Samples(())
            case _:
                return self.world.answer(query)


def test_an_alert_is_judged_again_as_it_was(new_journal: Callable[[], SqliteJournal]) -> None:
    text = PLAN.replace("[[phases]]", '[[criteria]]\nid = "pages"\ntype = "alert"\nalert = "HighErrors"\n[[phases]]', 1)
    source = Rules(busy(1, 3000))
    phase = Phase(new_journal(), text, source)
    phase.begin()
    _, quiet = phase.look(1500)
    source.firing = True
    _, firing = phase.look(2600)
    states = [event.body.state for event in (*quiet, *firing) if event.body.criterion == "pages"]  # type: ignore[attr-defined]
    assert states == ["PASS", "BREACH"]
    assert all(replay(phase.journal, event.seq).differences == () for event in (*quiet, *firing))
