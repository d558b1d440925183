"""A run's events in a real journal: fenced by the lease of the run's stream, read back to the same state, verified."""

from datetime import UTC, datetime, timedelta

import pytest

from model.test_run import AT, created, good
from rolloutctl.errors import LeaseLost
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model import events as ev
from rolloutctl.model.rehearsal import RehearsalState, rehearsal_of, rehearsal_state
from rolloutctl.model.run import fold_run
from rolloutctl.model.run_words import run_stream
from rolloutctl.ports import Author
from rolloutctl.runbook.digest import exec_digest
from rolloutctl.runbook.read import read_runbook
from runbook.texts import WELL, edited, well

ANA = Author("ana", "host")
STREAM = run_stream("r1")


@pytest.fixture
def journal(tmp_path):
    opened = open_sqlite(tmp_path / "journal.db", 0o600, lambda: datetime(2026, 1, 5, tzinfo=UTC))
    yield opened
    opened.close()


def test_a_run_is_journalled_and_its_rehearsal_is_of_these_bytes_alone(journal):
    lease = journal.take_lease(STREAM, "h", 60, ANA, force=False)
    blob = journal.put_blob(WELL.encode())
    first, *rest = good(exec_digest=exec_digest(well()), blob=blob)
    # The lease is an event too, so that the numbers of intents are one higher here.
    for body in [first, *rest]:
        intent = getattr(body, "intent", None)
        journal.append_held(lease, body if intent is None else body.model_copy(update={"intent": intent + 1}), ANA)
    record = rehearsal_of(fold_run(journal.read(STREAM)))
    assert journal.verify().findings == ()
    kept = read_runbook(journal.get_blob(record.blob), "b")
    assert exec_digest(kept) == record.exec_digest

    def state(text):
        digest = exec_digest(read_runbook(text, "b"))
        return rehearsal_state([record], digest, "a1", timedelta(minutes=5), timedelta(days=30), AT).state

    assert state(WELL) is RehearsalState.REHEARSED
    assert state(edited(('owner = "team-checkout"', 'owner = "other"'))) is RehearsalState.REHEARSED
    assert state(edited(('path = "/generation/${flag}"', 'path = "/x"'))) is RehearsalState.EDITED


def test_without_the_lease_of_the_run_nothing_of_it_is_written(journal):
    with pytest.raises(TypeError, match="needs a lease"):
        journal.append(STREAM, created(), ANA)
    lease = journal.take_lease(STREAM, "h", 60, ANA, force=False)
    journal.append_held(lease, created(), ANA)
    journal.take_lease(STREAM, "other", 60, ANA, force=True)
    with pytest.raises(LeaseLost):
        journal.append_held(lease, ev.StepIntent(step="off", at=AT), ANA)
