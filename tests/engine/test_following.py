"""Following a journal that goes away in the middle: nothing is lost, and it is said meanwhile."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.world.following import Following
from rolloutctl.errors import JournalUnreachable

from .worlds import PLAN, TestWorld, plan

STREAM = "rollout/checkout#1"


class Away:
    """A journal's thread that fails at the calls named."""

    def __init__(self, journal: Any, fails: set[int]) -> None:
        self.journal, self.fails, self.calls = journal, fails, 0

    async def call(self, work: Any) -> Any:
        self.calls += 1
        if self.calls in self.fails:
            raise JournalUnreachable("the connection was cut.")
        return await self.journal.call(work)


async def test_a_rollout_that_could_not_be_read_is_read_at_the_next_round(tmp_path: Path) -> None:
    engine = TestWorld(tmp_path).engine()
    try:
        await seal(engine.world, plan(), PLAN, adopt=False)
        records: dict[str, Any] = {}
        journal = Away(engine.world.journal, fails={2})  # the news are read, the rollout is not
        following = Following(SimpleNamespace(journal=journal, config=engine.world.config), records)  # type: ignore[arg-type]
        assert await following.sync()
        assert records == {}
        assert "until the journal answers: the connection was cut." in following.broken[STREAM]
        assert await following.sync(), "though nothing is new"
        assert following.broken == {}
        head = await engine.world.journal.call(lambda j: j.head()[0])
        assert (records["checkout#1"].state.seq, following.seq) == (head, head)
        assert not await following.sync()
    finally:
        await engine.close()
