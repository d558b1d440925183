"""The journal in PostgreSQL while the server, the network and other people's sessions misbehave."""

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest

from rolloutctl.errors import JournalCorrupt, JournalUnreachable, LeaseLost
from rolloutctl.journal.postgres.schema import FUNCTIONS, LOCK, TRIGGERS
from rolloutctl.journal.postgres.store import PostgresJournal, open_postgres
from rolloutctl.model.events import FlagFailed, NoteAdded, VerdictChanged
from rolloutctl.model.kinds import Kind
from rolloutctl.ports import Author
from servers.cutproxy import Cut, CutProxy, cut_proxy
from servers.places import work_folder
from servers.postgres import SUPERUSER, PostgresServer, running_postgres

ANA = Author("ana", "host-1")
AT = datetime(2026, 1, 5, 10, 0, 0, 7, tzinfo=UTC)
STREAM = "rollout/checkout#1"
EFFECT = FlagFailed(intent=1, at=AT)


@dataclass
class Site:
    server: PostgresServer
    database: str
    proxy: CutProxy

    def url(self, port: int = 0) -> str:
        return f"postgresql://{SUPERUSER}@127.0.0.1:{port or self.server.port}/{self.database}"

    def journal(self, **more: float) -> PostgresJournal:
        """Through the proxy."""
        return open_postgres(self.url(self.proxy.port), lambda: AT, **more)  # type: ignore[arg-type]

    def direct(self) -> PostgresJournal:
        return open_postgres(self.url(), lambda: AT)

    def session(self) -> psycopg.Connection:
        return psycopg.connect(self.url(), autocommit=True)


@pytest.fixture
def site(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    name = f"journal_{uuid.uuid4().hex[:12]}"
    postgres_server.create_database(name)
    monkeypatch.setenv("PGPASSWORD", postgres_server.password)
    with cut_proxy(postgres_server.port) as proxy:
        yield Site(postgres_server, name, proxy)


def sound(site: Site, events: int) -> None:
    journal = site.direct()
    verified = journal.verify()
    assert (verified.events, verified.findings) == (events, ())
    journal.close()


@pytest.mark.parametrize("how", list(Cut))
def test_a_commit_without_an_answer_is_looked_up(site: Site, how: Cut) -> None:
    journal = site.journal()
    journal.append(STREAM, NoteAdded(text="one"), ANA)
    site.proxy.cut_at(b"COMMIT", how)
    if how is Cut.ANSWER:
        event = journal.append(STREAM, NoteAdded(text="two"), ANA)
        assert event.seq == 2
    else:
        with pytest.raises(JournalUnreachable, match="event 2 was not recorded"):
            journal.append(STREAM, NoteAdded(text="two"), ANA)
    assert site.proxy.cuts == 1
    assert journal.append(STREAM, NoteAdded(text="three"), ANA).seq == (3 if how is Cut.ANSWER else 2)
    journal.close()
    sound(site, 3 if how is Cut.ANSWER else 2)


@pytest.mark.parametrize("how", list(Cut))
def test_a_commit_that_cannot_be_looked_up_says_so(site: Site, how: Cut) -> None:
    journal = site.journal()
    site.proxy.cut_at(b"COMMIT", how)
    threading.Timer(0, lambda: setattr(site.proxy, "refuse", True)).start()
    with pytest.raises(JournalUnreachable, match="whether it was recorded is not known"):
        journal.append(STREAM, NoteAdded(text="one"), ANA)
    site.proxy.refuse = False
    assert journal.head()[0] == (1 if how is Cut.ANSWER else 0)
    journal.close()


@pytest.mark.parametrize("text", [b"BEGIN", b"pg_advisory_xact_lock", b"INSERT INTO rolloutctl.events", b"SELECT seq, hash"])
@pytest.mark.parametrize("how", list(Cut))
def test_cut_before_the_commit_nothing_is_recorded_and_the_next_call_works(site: Site, how: Cut, text: bytes) -> None:
    journal = site.journal()
    lease = journal.take_lease(STREAM, "one", 60, ANA, force=False)
    assert lease is not None
    site.proxy.cut_at(text, how)
    with pytest.raises(JournalUnreachable):
        journal.append_held(lease, EFFECT, ANA)
    assert site.proxy.cuts == 1
    assert journal.append_held(lease, EFFECT, ANA).seq == 2
    journal.close()
    sound(site, 2)


def test_a_connection_that_died_while_idle_costs_nothing(site: Site) -> None:
    journal = site.journal()
    journal.append(STREAM, NoteAdded(text="one"), ANA)
    site.proxy.cut_all()
    assert journal.append(STREAM, NoteAdded(text="two"), ANA).seq == 2
    site.proxy.cut_all()
    assert len(journal.read()) == 2
    journal.close()


def test_a_server_that_is_killed_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with work_folder("postgres") as work, running_postgres(work=work) as server:
        server.create_database("journal")
        monkeypatch.setenv("PGPASSWORD", server.password)
        journal = open_postgres(f"postgresql://{SUPERUSER}@127.0.0.1:{server.port}/journal", lambda: AT)
        lease = journal.take_lease(STREAM, "one", 60, ANA, force=False)
        assert lease is not None
        server.stop()
        with pytest.raises(JournalUnreachable, match="does not answer"):
            journal.append_held(lease, EFFECT, ANA)
        server.start()
        assert journal.append_held(lease, EFFECT, ANA).seq == 2
        assert journal.verify().findings == ()
        journal.close()


@pytest.mark.parametrize("when", ["INSERT", "COMMIT"])
def test_the_disk_is_full_at_the_nth_append(site: Site, when: str) -> None:
    """At every event of a life: nothing of it is stored, it is said, and it goes on when there is room again."""
    journal = site.direct()
    deferred = "INITIALLY DEFERRED" if when == "COMMIT" else "INITIALLY IMMEDIATE"
    with site.session() as server:
        server.execute(
            "CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
            " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END$$"
        )
        for n in range(1, 8):
            server.execute(
                "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON rolloutctl.events"
                f" DEFERRABLE {deferred} FOR EACH ROW EXECUTE FUNCTION public.full_disk()".encode()
            )
            with pytest.raises(JournalUnreachable, match="cannot grow: could not extend file"):
                one_more(journal, n)
            assert journal.head()[0] == n - 1
            server.execute("DROP TRIGGER full_disk ON rolloutctl.events")
            one_more(journal, n)
            assert journal.head()[0] == n
    journal.close()
    sound(site, 7)


def one_more(journal: PostgresJournal, n: int) -> None:
    """The n-th event: a lease is taken, an effect, a note, and so on."""
    match n % 3:
        case 1:
            assert journal.take_lease(STREAM, f"driver {n}", 60, ANA, force=True) is not None
        case 2:
            lease = journal.lease(STREAM)
            assert lease is not None
            journal.append_held(lease, EFFECT, ANA)
        case _:
            journal.append(STREAM, NoteAdded(text=str(n)), ANA)


def test_a_writer_that_stands_still_is_waited_for_and_then_named(site: Site) -> None:
    journal = site.journal(busy_s=0.2)
    with site.session() as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        with pytest.raises(JournalUnreachable, match="is locked"):
            journal.append(STREAM, NoteAdded(text="one"), ANA)
        assert journal.head()[0] == 0, "reading waits for nobody"
    assert journal.append(STREAM, NoteAdded(text="one"), ANA).seq == 1
    journal.close()


def test_many_writers_make_one_chain(site: Site) -> None:
    def write(name: str) -> None:
        journal = site.direct()
        for n in range(20):
            journal.append(STREAM, NoteAdded(text=f"{name} {n}"), ANA)
        journal.close()

    writers = [threading.Thread(target=write, args=(name,)) for name in ("one", "two", "three")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    sound(site, 60)


def test_two_that_open_an_empty_database_at_once_make_one_journal(site: Site) -> None:
    opened: list[PostgresJournal] = []
    openers = [threading.Thread(target=lambda: opened.append(site.direct())) for _ in range(4)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join(30)
    assert len(opened) == 4
    for journal in opened:
        journal.append(STREAM, NoteAdded(text="x"), ANA)
        journal.close()
    sound(site, 4)


def test_a_stale_driver_writes_nothing(site: Site) -> None:
    paused, other = site.journal(), site.direct()
    lease = paused.take_lease(STREAM, "one", 0.05, ANA, force=False)
    assert lease is not None
    assert other.take_lease(STREAM, "two", 60, ANA, force=True) is not None
    before = other.head()
    with pytest.raises(LeaseLost, match="two holds it with epoch 2"):
        paused.append_held(lease, EFFECT, ANA)
    assert other.head() == before
    paused.close()
    other.close()


def test_every_new_event_is_told_to_whoever_listens(site: Site) -> None:
    journal = site.direct()
    with site.session() as listener:
        listener.execute("LISTEN rolloutctl_journal")
        journal.append(STREAM, NoteAdded(text="one"), ANA)
        (told,) = listener.notifies(timeout=5, stop_after=1)
    assert told.payload == "1"
    journal.close()


def filled(site: Site) -> None:
    journal = site.direct()
    lease = journal.take_lease(STREAM, "one", 60, ANA, force=False)
    assert lease is not None
    journal.append_held(lease, EFFECT, ANA)
    blob = journal.put_blob(b"cells " * 40)
    journal.append(STREAM, VerdictChanged(phase="five", criterion="errors", state="PASS", why="fine", at=AT, blob=blob), ANA)
    for n in range(3):
        journal.append(STREAM, NoteAdded(text=f"note {n}"), ANA)
    journal.close()


GUARDED = [
    "UPDATE events SET actor = 'eve' WHERE seq = 2",
    "DELETE FROM events WHERE seq = 5",
    "TRUNCATE events",
    "INSERT INTO events SELECT 9, at, actor, host, stream, kind, epoch, body, 'x', hash FROM events WHERE seq = 2",
    "UPDATE blobs SET content = '\\x00'",
    "DELETE FROM blobs",
    "TRUNCATE blobs",
    "DELETE FROM leases",
    "TRUNCATE leases",
    "UPDATE leases SET epoch = 0",
]


@pytest.mark.parametrize("statement", GUARDED)
def test_the_guards(site: Site, statement: str) -> None:
    filled(site)
    with site.session() as eve:
        eve.execute("SET search_path TO rolloutctl")
        with pytest.raises(psycopg.Error, match=r"never|only added at the end"):
            eve.execute(statement.encode())
    sound(site, 6)


TAMPERED = {
    **{
        f"another {column}": (f"UPDATE events SET {column} = {column} || 'x' WHERE seq = 3", "does not match its own hash")
        for column in ("at", "actor", "host", "stream", "body", "hash")
    },
    "another kind": ("UPDATE events SET kind = 'phase.ready' WHERE seq = 3", "does not match its own hash"),
    "another epoch": ("UPDATE events SET epoch = 7 WHERE seq = 2", "does not match its own hash"),
    "another link": ("UPDATE events SET prev = repeat('a', 64) WHERE seq = 3", "is not linked to the event before it"),
    "one is gone": ("DELETE FROM events WHERE seq = 3", "event 3 is missing"),
    "a blob is gone": ("DELETE FROM blobs", "which is missing"),
    "another blob": ("UPDATE blobs SET content = '\\x00'", "does not match its digest"),
    "another holder": ("UPDATE leases SET holder = 'eve'", "the lease table says eve holds"),
    "another lease epoch": ("UPDATE leases SET epoch = 9", "the lease table says epoch 9"),
    "no lease": ("DELETE FROM leases", "the lease table has no row"),
}


@pytest.mark.parametrize(("statement", "said"), TAMPERED.values(), ids=TAMPERED)
def test_an_edit_past_the_guards_is_found(site: Site, statement: str, said: str) -> None:
    filled(site)
    with site.session() as eve:
        eve.execute("SET search_path TO rolloutctl")
        eve.execute("SET session_replication_role = replica")
        eve.execute(statement.encode())
    journal = site.direct()
    assert any(said in finding.what for finding in journal.verify().findings), journal.verify().findings
    journal.close()


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_guard_that_is_switched_off_is_found(site: Site, name: str) -> None:
    filled(site)
    table = name.split("_", maxsplit=1)[0]
    with site.session() as eve:
        eve.execute(f"ALTER TABLE rolloutctl.{table} DISABLE TRIGGER {name}".encode())
    journal = site.direct()
    assert [f.what for f in journal.verify().findings] == [f"the guard {name} is missing or switched off"]
    journal.close()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_guard_that_was_hollowed_out_is_found(site: Site, name: str) -> None:
    filled(site)
    with site.session() as eve:
        body = "BEGIN RETURN NEW; END"
        eve.execute(f"CREATE OR REPLACE FUNCTION rolloutctl.{name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$".encode())
    journal = site.direct()
    assert [f.what for f in journal.verify().findings] == [f"the function rolloutctl.{name} is missing or was changed"]
    journal.close()


def test_a_role_that_may_only_add(site: Site) -> None:
    """What the page on a shared journal grants is enough, and no more."""
    filled(site)
    role = f"writer_{uuid.uuid4().hex[:8]}"
    with site.session() as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'only-in-this-test'".encode())
        owner.execute(f"GRANT USAGE ON SCHEMA rolloutctl TO {role}".encode())
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA rolloutctl TO {role}".encode())
        owner.execute(f"GRANT INSERT ON rolloutctl.events, rolloutctl.blobs, rolloutctl.leases TO {role}".encode())
        owner.execute(f"GRANT UPDATE ON rolloutctl.leases TO {role}".encode())
    url = site.url().replace(SUPERUSER, role)
    journal = open_postgres(url, lambda: AT, password="only-in-this-test")
    journal.append(STREAM, NoteAdded(text="x"), ANA)
    assert journal.take_lease(STREAM, "two", 60, ANA, force=True) is not None
    journal.put_blob(b"new")
    assert journal.verify().findings == ()
    journal.close()
    with psycopg.connect(url, password="only-in-this-test", autocommit=True) as writer:
        for statement in (
            "UPDATE rolloutctl.events SET actor = 'x'",
            "DELETE FROM rolloutctl.events",
            "DROP SCHEMA rolloutctl CASCADE",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute(statement)  # type: ignore[call-overload]


def test_a_role_that_may_only_look(site: Site) -> None:
    filled(site)
    role = f"viewer_{uuid.uuid4().hex[:8]}"
    with site.session() as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'only-in-this-test'".encode())
        owner.execute(f"GRANT USAGE ON SCHEMA rolloutctl TO {role}".encode())
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA rolloutctl TO {role}".encode())
    journal = open_postgres(site.url().replace(SUPERUSER, role), lambda: AT, password="only-in-this-test")
    assert len(journal.read()) == 6
    assert journal.verify().findings == ()
    writes: list[Callable[[], object]] = [
        lambda: journal.append(STREAM, NoteAdded(text="x"), ANA),
        lambda: journal.take_lease("rollout/other#1", "x", 60, ANA, force=False),
        lambda: journal.take_lease(STREAM, "x", 60, ANA, force=True),
        lambda: journal.put_blob(b"something new"),
    ]
    for write in writes:
        with pytest.raises(JournalUnreachable, match="may not do that"):
            write()
    news = journal.news()
    assert news.wait(60)
    with_rights = site.direct()
    with_rights.append(STREAM, NoteAdded(text="heard"), ANA)
    assert news.wait(60), "who may only look is told all the same"
    with_rights.close()
    news.close()
    journal.close()


def test_opening_read_only_writes_nothing(site: Site) -> None:
    with pytest.raises(JournalUnreachable, match="has no schema rolloutctl"):
        open_postgres(site.url(), lambda: AT, read_only=True)
    filled(site)
    journal = open_postgres(site.url(), lambda: AT, read_only=True)
    with pytest.raises(JournalUnreachable, match="read-only"):
        journal.append(STREAM, NoteAdded(text="x"), ANA)
    assert journal.head()[0] == 6
    journal.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("tests@", "nobody@"), "refuses the login|does not answer"),
        (("/journal", "/nothing"), "does not answer"),
        (("tests@", "tests:hunter2@"), "holds a password"),
        (("postgresql://", "postgresql://%zz"), "cannot be read"),
    ],
)
def test_a_wrong_url_gets_a_sentence(site: Site, change: tuple[str, str], said: str) -> None:
    with pytest.raises(JournalUnreachable, match=said) as refused:
        open_postgres(site.url().replace(*change), lambda: AT)
    assert "hunter2" not in str(refused.value)
    assert site.server.password not in str(refused.value)


def test_a_newer_journal_is_left_alone(site: Site) -> None:
    filled(site)
    with site.session() as owner:
        owner.execute("UPDATE rolloutctl.schema_version SET version = 99")
    with pytest.raises(JournalUnreachable, match="newer rolloutctl"):
        site.direct()


def test_a_table_that_is_gone(site: Site) -> None:
    filled(site)
    journal = site.direct()
    with site.session() as owner:
        owner.execute("DROP TABLE rolloutctl.leases")
    with pytest.raises(JournalCorrupt, match="lacks a part"):
        journal.lease(STREAM)
    journal.close()


def test_a_rolled_back_takeover_leaves_no_trace(site: Site) -> None:
    journal = site.journal()
    journal.take_lease(STREAM, "one", 60, ANA, force=False)
    site.proxy.cut_at(b"COMMIT", Cut.REQUEST)
    with pytest.raises(JournalUnreachable):
        journal.take_lease(STREAM, "two", 60, ANA, force=True)
    assert [event.kind for event in journal.read()] == [Kind.LEASE_TAKEN]
    lease = journal.lease(STREAM)
    assert lease is not None
    assert lease.holder == "one"
    journal.close()
