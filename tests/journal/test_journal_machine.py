"""Appends, leases and take-overs in any order, by several connections, against a simple model."""

import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from independent_verifier import problems

from rolloutctl.errors import LeaseLost
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import FlagFailed, NoteAdded
from rolloutctl.ports import Author

ANA = Author("ana", "host-1")
AT = datetime(2026, 1, 5, tzinfo=UTC)
streams = st.sampled_from(["rollout/a#1", "rollout/b#1"])
holders = st.sampled_from(["one", "two", "three"])
who = st.integers(0, 1)


class Model:
    """Holder, epoch and state of every stream's lease, and the kinds and epochs of all events."""

    def __init__(self):
        self.events = []
        self.leases = {}

    def stands(self, lease):
        holder, epoch, state = self.leases[lease.stream]
        return state != "released" and (holder, epoch) == (lease.holder, lease.epoch)


class Machine(RuleBasedStateMachine):
    handed_out = Bundle("handed_out")

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.db"
        self.journals = [self.opened(), self.opened()]
        self.model = Model()

    def opened(self):
        return open_sqlite(self.path, 0o600, lambda: AT)

    @rule(who=who, stream=streams, text=st.text("ab\u00e9", max_size=3))
    def note(self, who, stream, text):
        self.journals[who].append(stream, NoteAdded(text=text), ANA)
        self.model.events.append((stream, "note.added", 0))

    @rule(target=handed_out, who=who, stream=streams, holder=holders, force=st.booleans())
    def take(self, who, stream, holder, force):
        had, epoch, state = self.model.leases.get(stream, ("", 0, "none"))
        lease = self.journals[who].take_lease(stream, holder, 1000, ANA, force=force)
        if had == holder and state in {"alive", "expired"}:
            assert lease.epoch == epoch
        elif state == "alive" and not force:
            assert lease is None
            return multiple()
        else:
            epoch += 1
            assert (lease.holder, lease.epoch) == (holder, epoch)
            event = self.journals[who].read(stream)[-1]
            assert event.body.takeover_of == (had if state == "alive" else "")
            self.model.events.append((stream, "lease.taken", epoch))
        self.model.leases[stream] = (holder, epoch, "alive")
        return lease

    @rule(who=who, lease=handed_out)
    def act(self, who, lease):
        if self.model.stands(lease):
            self.journals[who].append_held(lease, FlagFailed(intent=1, at=AT), ANA)
            self.model.events.append((lease.stream, "flag.failed", lease.epoch))
            self.model.leases[lease.stream] = (lease.holder, lease.epoch, "alive")
        else:
            with pytest.raises(LeaseLost):
                self.journals[who].append_held(lease, FlagFailed(intent=1, at=AT), ANA)

    @rule(who=who, lease=handed_out)
    def renew(self, who, lease):
        if self.model.stands(lease):
            (renewed,) = self.journals[who].renew_leases([lease], 1000)
            assert renewed.epoch == lease.epoch
            self.model.leases[lease.stream] = (lease.holder, lease.epoch, "alive")
        else:
            assert self.journals[who].renew_leases([lease], 1000) == [None]

    @rule(who=who, lease=handed_out)
    def release(self, who, lease):
        self.journals[who].release_lease(lease, ANA, "done")
        if self.model.stands(lease):
            self.model.events.append((lease.stream, "lease.released", lease.epoch))
            self.model.leases[lease.stream] = (lease.holder, lease.epoch, "released")

    @precondition(lambda self: any(state == "alive" for *_, state in self.model.leases.values()))
    @rule()
    def time_passes(self):
        """Every lease runs out, as if nobody had renewed it."""
        db = sqlite3.connect(self.path)
        db.execute("UPDATE leases SET expires_at = 0")
        db.commit()
        db.close()
        for stream, (holder, epoch, state) in self.model.leases.items():
            self.model.leases[stream] = (holder, epoch, "expired" if state == "alive" else state)

    @rule(who=who)
    def reopen(self, who):
        self.journals[who].close()
        self.journals[who] = self.opened()

    @invariant()
    def events_and_leases_are_the_models(self):
        for journal in self.journals:
            assert [(e.stream, e.kind, e.epoch) for e in journal.read()] == self.model.events
            assert journal.head()[0] == len(self.model.events)
            for stream, (holder, epoch, state) in self.model.leases.items():
                lease = journal.lease(stream)
                assert (lease.holder, lease.epoch, lease.expires_in_s > 0) == (holder, epoch, state == "alive")

    def teardown(self):
        if hasattr(self, "journals"):
            for journal in self.journals:
                assert journal.verify([journal.head()]).findings == ()
                journal.close()
            assert problems(self.path) == []
            self.folder.cleanup()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
