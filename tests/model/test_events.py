"""The journal's event form: canonical JSON, the hash, bodies that round-trip, and what is refused (`journal.md`)."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rolloutctl.errors import JournalCorrupt
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.events import BODIES, KIND_OF, canonical
from rolloutctl.model.kinds import GENESIS, EventClass, Kind, Purpose, class_of
from rolloutctl.model.run_events import ListedStep
from rolloutctl.model.run_words import Section
from rolloutctl.model.signed import Signed

AT = datetime(2026, 1, 5, 10, 0, 0, 123456, tzinfo=UTC)

# --- one strategy per type, so that a body is built from nothing but its fields -------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-9))])
instants = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=zones)  # noqa: DTZ001 -- hypothesis adds the zone
percents = st.fractions(0, 100, max_denominator=10_000)
cohorts = st.builds(Cohort, audiences=st.lists(texts, max_size=2).map(tuple), percent=percents)
states = st.builds(
    CohortState,
    enabled=st.booleans(),
    cohort=st.none() | cohorts,
    native=texts,
    token=texts,
    why_foreign=texts,
    warnings=st.tuples(texts),
)
durations = st.integers(0, 10**12).map(lambda micros: timedelta(microseconds=micros))
targets = st.builds(Target, provider=texts, key=texts, environment=texts, project=texts, stickiness=texts)
listed = st.builds(
    ListedStep, id=texts, section=st.sampled_from(Section), type=texts, critical=st.booleans(), effect=st.booleans()
)
FIELDS = {
    "str": texts,
    "int": st.integers(-(2**53), 2**53),
    "bool": st.booleans(),
    "datetime": instants,
    "timedelta": durations,
    "tuple[str, ...]": st.lists(texts, max_size=3).map(tuple),
    "dict[str, str]": st.dictionaries(texts, texts, max_size=3),
    "Cohort": cohorts,
    "CohortState": states,
    "CohortState | None": st.none() | states,
    "Signed | None": st.none() | st.builds(Signed, key=texts, statement=texts, signature=texts),
    "Target": targets,
    "Target | None": st.none() | targets,
    "tuple[ListedStep, ...]": st.lists(listed, max_size=2).map(tuple),
}


def field_values(annotation):
    if get_origin(annotation) in (Union, UnionType) and get_origin(get_args(annotation)[0]) is Annotated:
        return st.none() | field_values(get_args(get_args(annotation)[0])[0])
    name = getattr(annotation, "__name__", "") if isinstance(annotation, type) and not hasattr(annotation, "__args__") else ""
    shown = name or re.sub(r"rolloutctl\.model\.(cohort|run_events|signed)\.", "", str(annotation))
    if shown in FIELDS:
        return FIELDS[shown]
    if shown.startswith("typing.Literal"):
        return st.sampled_from(annotation.__args__)
    return st.sampled_from(annotation)


def bodies_of(kind):
    model = BODIES[kind]
    return st.builds(model, **{key: field_values(field.annotation) for key, field in model.model_fields.items()})


@pytest.mark.parametrize("kind", Kind)
def test_every_body_round_trips(kind):
    @given(bodies_of(kind))
    def round_trips(body):
        text = ev.body_json(body)
        known, again = ev.parse_body(kind.value, text, 7)
        assert known is kind
        assert ev.body_json(again) == text, "reading and writing again changes nothing"
        assert type(again) is BODIES[kind]

    round_trips()


@given(bodies_of(Kind.FLAG_RECONCILED))
def test_a_body_is_equal_to_itself_after_the_journal(body):
    import unicodedata

    again = ev.parse_body(Kind.FLAG_RECONCILED, ev.body_json(body), 1)[1]
    assert again.at == body.at
    assert again.settle_until == body.settle_until
    assert again.why == unicodedata.normalize("NFC", body.why)
    if body.state is not None and body.state.cohort is not None:
        assert again.state.cohort.percent == body.state.cohort.percent


@pytest.mark.parametrize("percent", [Fraction(1, 3), Fraction(1, 1000), Fraction(100), Fraction(0), Fraction(33333, 1000)])
def test_percentages_stay_exact(percent):
    body = ev.FlagIntent(purpose=Purpose.ADVANCE, want=Cohort(percent=percent), before="off")
    again = ev.parse_body(Kind.FLAG_INTENT, ev.body_json(body), 1)[1]
    assert again.want.percent == percent


# --- canonical JSON -------------------------------------------------------------------------------------------


def test_canonical_json_is_sorted_tight_utf8_and_composed():
    assert canonical({"b": 1, "a": ["x", None, True], "e\u0301": "e\u0301"}) == '{"a":["x",null,true],"b":1,"é":"é"}'


@pytest.mark.parametrize("value", [1.5, [1.0], {"a": {"b": (2, 0.1)}}, float("nan")])
def test_a_float_has_no_canonical_form(value):
    with pytest.raises(TypeError, match="write it as a string"):
        canonical(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcd", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_canonical_json_is_a_fixed_point(value):
    text = canonical(value)
    assert canonical(json.loads(text)) == text


@given(st.dictionaries(st.text("abcd", max_size=3), st.integers(), max_size=4), st.randoms())
def test_the_order_of_keys_makes_no_difference(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert canonical(dict(items)) == canonical(value)


# --- the hash -------------------------------------------------------------------------------------------------

GOLDEN = "5d5c9301d32ee6718d46483c88d4402de56be580ef53c860461f3220ec5ea683"
ROW = (1, AT, "ana", "host-1", "rollout/checkout#1", "note.added", 0, '{"text":"hello","v":1}', GENESIS)


def test_the_hash_of_a_fixed_event_never_changes():
    """Written journals depend on it: a change here breaks every chain there is."""
    assert ev.event_hash(*ROW) == GOLDEN


def test_the_hash_is_what_the_design_says():
    import hashlib

    row = json.dumps([1, "2026-01-05T10:00:00.123456Z", *ROW[2:]], separators=(",", ":"), ensure_ascii=False)
    assert ev.event_hash(*ROW) == hashlib.sha256(b"rolloutctl-journal-1\0" + row.encode()).hexdigest()


@pytest.mark.parametrize("column", range(len(ROW)))
def test_every_column_is_in_the_hash(column):
    other = {int: lambda v: v + 1, str: lambda v: v + "x", datetime: lambda v: v + timedelta(microseconds=1)}
    changed = list(ROW)
    changed[column] = other[type(ROW[column])](ROW[column])
    assert ev.event_hash(*changed) != ev.event_hash(*ROW)


def test_the_hash_does_not_depend_on_the_zone_a_time_is_written_in():
    elsewhere = AT.astimezone(timezone(timedelta(hours=9)))
    assert ev.event_hash(ROW[0], elsewhere, *ROW[2:]) == ev.event_hash(*ROW)


def test_columns_cannot_run_into_each_other():
    one = ev.event_hash(1, AT, 'ana","b', "c", *ROW[4:])
    other = ev.event_hash(1, AT, "ana", 'b","c', *ROW[4:])
    assert one != other


# --- what is refused ------------------------------------------------------------------------------------------


def test_a_kind_of_a_newer_version_is_a_sentence():
    with pytest.raises(JournalCorrupt) as error:
        ev.parse_body("run.paused", "{}", 12)
    assert str(error.value).startswith('event 12 has the kind "run.paused", which this version does not know.')
    assert "journal verify" in error.value.remedy


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{}", "text"),
        ('{"text":"a","v":2}', "v"),
        ('{"text":"a","more":1}', "more"),
        ('{"text":1}', "text"),
        ("not json", ""),
        ("[]", ""),
        ("", ""),
    ],
)
def test_a_body_that_cannot_be_read_is_a_sentence_that_names_the_event_and_the_key(text, key):
    with pytest.raises(JournalCorrupt) as error:
        ev.parse_body("note.added", text, 12)
    assert str(error.value).startswith(f"event 12 (note.added) has a body this version cannot read: {key}: ")


@given(st.sampled_from(Kind), st.text(max_size=30) | json_values.map(json.dumps))
def test_whatever_a_body_holds_it_is_read_or_refused_with_a_sentence(kind, text):
    try:
        parsed = ev.parse_body(kind, text, 1)
    except JournalCorrupt as error:
        said = str(error)
    else:
        said = f"event 1 is a {type(parsed[1]).__name__}"
        assert type(parsed[1]) is BODIES[kind]
    assert said.startswith("event 1 ")


@pytest.mark.parametrize("at", [AT.replace(tzinfo=None), "2026-01-05T10:00:00", "yesterday", 5])
def test_a_time_without_a_zone_is_refused(at):
    with pytest.raises(ValidationError):
        ev.PhaseReady(phase="five", at=at)


def test_a_body_is_frozen():
    with pytest.raises(ValidationError):
        ev.NoteAdded(text="a").text = "b"


# --- the closed list ------------------------------------------------------------------------------------------

CLASSES = {
    EventClass.REQUEST: """advance.requested back.requested hold.requested resume.requested rollback.requested abort.requested
        approval.given gate.signed countdown.postponed note.added rollback.checked amend.requested""",
    EventClass.FACT: """rollout.sealed plan.amended phase.waiting phase.baking phase.ready verdict.changed breach.latched decision.made
        hold.set hold.cleared countdown.started rollout.ended judge.checkpoint sample.recorded""",
    EventClass.EFFECT: """flag.intent flag.applied flag.unchanged flag.conflict flag.needs_approval flag.rejected flag.failed
        flag.unknown flag.reconciled flag.drifted run.created run.ended step.intent step.ok step.failed step.unknown
        step.reconciled notified""",
    EventClass.HOUSEKEEPING: "lease.taken lease.released head.witnessed journal.recovered",
}


def test_the_classes_are_those_of_the_design():
    assert {cls: {kind.value for kind in Kind if class_of(kind) is cls} for cls in EventClass} == {
        cls: set(names.split()) for cls, names in CLASSES.items()
    }


def test_every_kind_has_one_body_and_every_body_one_kind():
    assert set(BODIES) == set(Kind)
    assert len(KIND_OF) == len(BODIES)
    assert all(BODIES[KIND_OF[model]] is model for model in BODIES.values())
