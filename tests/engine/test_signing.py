"""Signed decisions through a whole engine: made by one process, believed or refused by the one that drives."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from rolloutctl.cli.signatures import Signatures, check_signatures
from rolloutctl.config import Config
from rolloutctl.engine.engine import Drives, Engine, EngineOptions
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.engine.world.signatures import signed_body
from rolloutctl.errors import ExitCode
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import ApprovalGiven, Body, Event
from rolloutctl.model.signed import signed_of
from rolloutctl.ports import Author, Journal
from rolloutctl.signing.openssh import OpenSsh, tools
from rolloutctl.telling import sentence
from servers.ssh_keys import KeyPair, key_pair

from .worlds import PLAN, TestWorld, plan, until

APPROVED = PLAN.replace('name = "five"', 'approvals = 1\nname = "five"')
APPROVE = Command(CommandKind.APPROVE, "checkout#1")
STREAM = "rollout/checkout#1"


def appended(journal: Journal, body: Body, author: Author) -> Event:
    return journal.append(STREAM, body, author)


class Site:
    """Engines of several people on one journal; each signs with a key of their own."""

    def __init__(self, folder: Path) -> None:
        self.keys = {name: key_pair(folder, name) for name in ("ana", "ben", "stranger")}
        self.world = TestWorld(folder)
        self.world.config = self.config({name: {"ssh_key": self.keys[name].public} for name in ("ana", "ben")})
        self.engines: list[Engine] = []

    def config(self, keys: Mapping[str, Mapping[str, object]]) -> Config:
        people = {name: {"role": "approver", **keys.get(name, {})} for name in ("ana", "ben", "cleo")}
        return Config.model_validate({"operators": people, "ui": {"interval": "200ms"}, "journal": {"lease": "2s"}})

    async def engine(self, actor: str, signs_with: KeyPair | None, *, drives: Drives = Drives.NONE) -> Engine:
        world = self.world.world(actor)
        world.signer = OpenSsh(signs_with.file if signs_with is not None else None, tools())
        engine = Engine(world, EngineOptions(drives=drives, holder=actor), lambda _: None)
        self.engines.append(engine)
        if drives is Drives.FREE:
            await seal(world, plan(APPROVED), APPROVED, adopt=False)
        await engine.start()
        return engine

    def verified(self, config: Config) -> Signatures:
        journal = open_sqlite(self.world.folder / "journal.db", 0o600, lambda: datetime.now(UTC), read_only=True)
        try:
            return check_signatures(journal, config, OpenSsh(None, tools()))
        finally:
            journal.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    yield made
    for engine in reversed(made.engines):
        await engine.stop()
        await engine.close()


async def test_a_signed_approval_is_believed_by_whoever_drives(site: Site) -> None:
    driver = await site.engine("ana", site.keys["ana"], drives=Drives.FREE)
    await until(driver, "driven", lambda s: s.driver.holder)
    ben = await site.engine("ben", site.keys["ben"])
    reply = await ben.command(APPROVE)
    assert reply.code is ExitCode.OK, reply.sentence
    seen = await until(ben, "approved", lambda s: s.state.approvals)
    assert seen.state.signed_approvals == {("five", "ben")}
    found = site.verified(site.world.config)
    assert (found.good, found.unauthenticated, found.findings) == (1, 0, ())
    assert "made for that very rollout" in found.claims


async def test_the_journal_shows_who_is_unauthenticated(site: Site) -> None:
    driver = await site.engine("ana", site.keys["ana"], drives=Drives.FREE)
    cleo = await site.engine("cleo", None)
    assert (await cleo.command(APPROVE)).code is ExitCode.OK
    events = await driver.world.journal.call(lambda journal: journal.read(STREAM))
    (given,) = [event for event in events if isinstance(event.body, ApprovalGiven)]
    assert sentence(given) == "cleo approves entering five (unauthenticated)"
    assert site.verified(site.world.config).unauthenticated == 1


async def test_a_key_that_is_not_the_configs_signs_nothing(site: Site) -> None:
    await site.engine("ana", site.keys["ana"], drives=Drives.FREE)
    ben = await site.engine("ben", site.keys["stranger"])
    reply = await ben.command(APPROVE)
    assert reply.code is ExitCode.REFUSED
    assert "not the key that the config names for you" in reply.sentence
    events = await ben.world.journal.call(lambda journal: journal.read(STREAM))
    assert not [event for event in events if isinstance(event.body, ApprovalGiven)]


async def test_an_approval_in_another_name_and_one_replayed_are_refused(site: Site) -> None:
    driver = await site.engine("ana", site.keys["ana"], drives=Drives.FREE)
    ben = await site.engine("ben", site.keys["ben"])
    assert (await ben.command(APPROVE)).code is ExitCode.OK
    events = await driver.world.journal.call(lambda journal: journal.read(STREAM))
    given = next(event.body for event in events if isinstance(event.body, ApprovalGiven))
    forged = Author("ben", "elsewhere")
    bodies = (
        ApprovalGiven(phase="five"),
        given,
        given.model_copy(update={"phase": "everyone"}),
        given.model_copy(update={"signed": signed_of(given).model_copy(update={"signature": "x"})}),  # type: ignore[union-attr]
    )
    for body in bodies:
        event = await driver.world.journal.call(partial(appended, body=body, author=forged))
        await until(driver, "answered", lambda _, seq=event.seq: seq in driver.records["checkout#1"].answers)
        assert not driver.records["checkout#1"].answers[event.seq].accepted
    assert site.verified(site.world.config).good == 1


async def test_revoked_keys_stay_verifiable_and_forgotten_ones_do_not(site: Site) -> None:
    await site.engine("ana", site.keys["ana"], drives=Drives.FREE)
    ben = await site.engine("ben", site.keys["ben"])
    assert (await ben.command(APPROVE)).code is ExitCode.OK
    key = site.keys["ben"].public
    kept = {"revoked_keys": [{"ssh_key": key, "valid_until": datetime.now(UTC).isoformat()}]}
    assert site.verified(site.config({"ben": kept})).good == 1
    early = {"revoked_keys": [{"ssh_key": key, "valid_until": "2026-01-01T00:00:00Z"}]}
    (finding,) = site.verified(site.config({"ben": early})).findings
    assert "revoked at 2026-01-01" in finding.what
    (finding,) = site.verified(site.config({"ben": {"ssh_key": site.keys["stranger"].public}})).findings
    assert "does not name for ben" in finding.what


async def test_a_rollback_does_not_wait_for_a_signature_to_be_checked(site: Site) -> None:
    released = threading.Event()

    class Slow:
        def sign(self, statement: str, key: str) -> str:
            return ""

        def verify(self, statement: str, signature: str, key: str) -> str:
            released.wait(30)
            return ""

    driver = await site.engine("ana", site.keys["ana"], drives=Drives.FREE)
    ben = await site.engine("ben", site.keys["ben"])
    driver.world.signer = Slow()
    try:
        signed = await signed_body(ben.world, driver.records["checkout#1"], ApprovalGiven(phase="five"))
        await driver.world.journal.call(lambda journal: journal.append(STREAM, signed, Author("ben", "h")))
        await until(driver, "asked", lambda s: s.state.requests)
        reply = await driver.command(Command(CommandKind.ROLLBACK, "checkout#1", why="now"))
        assert reply.code is ExitCode.OK
    finally:
        released.set()
