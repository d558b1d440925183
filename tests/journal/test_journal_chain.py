"""The chain as a pure function of rows."""

import json
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rolloutctl.errors import InvalidInput, JournalCorrupt
from rolloutctl.journal.chain import MOST_FINDINGS, Findings, check_chain, row_hash
from rolloutctl.journal.rows import draft, event_of, row_of
from rolloutctl.model.events import NoteAdded, event_hash
from rolloutctl.model.kinds import GENESIS
from rolloutctl.ports import Author
from rolloutctl.units import show_time

AT = datetime(2026, 1, 5, 10, 0, 0, 7, tzinfo=UTC)
ANA = Author("ana", "host-1")
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def rows_of(count):
    head, rows = GENESIS, []
    for seq in range(1, count + 1):
        rows.append(row_of(draft("rollout/a#1", 0, NoteAdded(text=str(seq)), ANA).place(seq, AT, head)))
        head = rows[-1][-1]
    return rows


def findings_of(rows, witness=None):
    findings = Findings()
    check_chain(rows, findings, [witness] if witness else ())
    return [(finding.seq, finding.what) for finding in findings.all()]


def reseal(rows):
    """What somebody does who can write everything: every hash computed anew."""
    head, fresh = GENESIS, []
    for row in rows:
        columns = (*row[:8], head)
        head = row_hash(*columns)
        fresh.append((*columns, head))
    return fresh


@given(words, words, words, words)
@example("ana", "host-1", "\n\u0301", "a#1")
def test_what_is_written_verifies_or_is_refused(actor, host, text, stream):
    try:
        event = draft("rollout/" + stream, 0, NoteAdded(text=text), Author(actor, host)).place(1, AT, GENESIS)
    except InvalidInput:
        return
    row = row_of(event)
    assert row_hash(*row[:-1]) == event.hash
    assert event_of(row) == event
    assert findings_of([row]) == []


@given(words.filter(lambda text: text.isascii()), st.integers(1, 2**62), st.integers(0, 2**62))
def test_row_hash_is_event_hash(text, seq, epoch):
    columns = (text, "host", "stream", "note.added", epoch, json.dumps({"text": text}), GENESIS)
    assert row_hash(seq, show_time(AT), *columns) == event_hash(seq, AT, *columns)


def test_half_a_character_is_refused():
    with pytest.raises(InvalidInput, match="nothing was journalled"):
        draft("rollout/a#1", 0, NoteAdded.model_construct(text="\ud800"), ANA)


def test_a_clean_chain():
    rows = rows_of(5)
    assert findings_of(rows) == []
    assert findings_of(rows, (3, rows[2][-1])) == []


@pytest.mark.parametrize(
    ("gone", "said"), [((1, 1), "event 1 is missing"), ((3, 3), "event 3 is missing"), ((2, 4), "events 2 to 4 are missing")]
)
def test_removed(gone, said):
    rows = [row for row in rows_of(6) if not gone[0] <= row[0] <= gone[1]]
    found = findings_of(rows)
    assert [seq for seq, _ in found] == [gone[1] + 1, gone[1] + 1]
    assert found[0][1].endswith(said)
    assert "not linked" in found[1][1]


def test_swapped():
    rows = rows_of(4)
    rows[1], rows[2] = rows[2], rows[1]
    assert {seq for seq, _ in findings_of(rows)} == {2, 3, 4}


def test_a_fork():
    rows = rows_of(4)
    twin = row_of(draft("rollout/a#1", 0, NoteAdded(text="other"), ANA).place(4, AT, rows[2][-1]))
    found = findings_of([*rows, twin])
    assert found[0] == (4, "does not follow event 4: events were re-ordered or put in")
    assert "not linked" in found[1][1]


@pytest.mark.parametrize(("column", "wrong"), [(0, 99), *product(range(1, 10), [None, b"x", 1.5, "x", 99])])
def test_a_column_of_any_other_type_or_value(column, wrong):
    rows = rows_of(3)
    changed = list(rows[1])
    changed[column] = wrong
    rows[1] = tuple(changed)
    found = findings_of(rows)
    assert any("hash" in what or "linked" in what for _, what in found)


def test_another_spelling_of_the_same_character_is_an_edit():
    row = row_of(draft("rollout/a#1", 0, NoteAdded(text="x"), Author("Am\xe9lie", "h")).place(1, AT, GENESIS))
    assert findings_of([(*row[:2], "Ame\u0301lie", *row[3:])]) == [(1, "does not match its own hash: a column was changed")]


def test_a_full_rewrite_is_seen_by_the_witness_alone():
    rows = rows_of(5)
    rewritten = reseal([(*row[:2], "eve", *row[3:]) if row[0] == 3 else row for row in rows])
    assert findings_of(rewritten) == []
    assert findings_of(rewritten, (2, rows[1][-1])) == [], "what the witness has not seen"
    for seq in (3, 4, 5):
        assert findings_of(rewritten, (seq, rows[seq - 1][-1])) == [
            (seq, "is not the event the witness saw: the journal was rewritten")
        ]


def test_a_cut_end_is_seen_by_the_witness_alone():
    rows = rows_of(5)
    assert findings_of(rows[:3]) == []
    ((seq, what),) = findings_of(rows[:3], (5, rows[4][-1]))
    assert seq == 3
    assert "the witness saw event 5" in what


@pytest.mark.parametrize(
    ("kind", "epoch"), [("flag.intent", 0), ("flag.applied", 2), ("lease.released", 1), ("lease.taken", 2), ("phase.ready", 1)]
)
def test_an_epoch_that_was_nobodys(kind, epoch):
    rows = rows_of(3)
    rows[1] = (*rows[1][:5], kind, epoch, '{"holder":"x"}', *rows[1][8:])
    (found,) = findings_of(reseal(rows))
    assert found[0] == 2
    assert "epoch" in found[1]


def test_a_ruined_journal_does_not_fill_the_memory():
    rows = [(*row[:2], "eve", *row[3:]) for row in rows_of(MOST_FINDINGS + 50)]
    found = findings_of(rows)
    assert len(found) == MOST_FINDINGS + 1
    assert found[-1] == (0, "50 more findings are not listed")


@pytest.mark.parametrize(
    ("column", "wrong"), [(1, "yesterday"), (1, "2026-01-05T10:00:00"), (1, None), (2, b"x"), (5, "no.kind"), (7, "{")]
)
def test_a_row_that_cannot_be_read_names_its_event(column, wrong):
    row = list(rows_of(1)[0])
    row[column] = wrong
    with pytest.raises(JournalCorrupt, match="event 1 "):
        event_of(tuple(row))
