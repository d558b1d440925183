"""A folder with a config and a journal of a few rollouts, and the cards of it."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from rolloutctl.engine.cards import file as card_file
from rolloutctl.engine.cards.card import Card
from rolloutctl.engine.cards.glance import Glance, glance, keep
from rolloutctl.engine.cards.making import card_of
from rolloutctl.engine.config.files import Surroundings
from rolloutctl.engine.config.settings import read_settings
from rolloutctl.journal.sqlite import SqliteJournal, open_sqlite
from rolloutctl.model import events as ev
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import Purpose
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Author

NOW = datetime(2026, 3, 12, 13, 22, 10, 250_000, tzinfo=UTC)
WHO = Author("ana", "host")
PLAN = """
format = 1
name = "{name}"
owner = "ana"
[flag]
provider = "flags"
key = "{name}"
environment = "production"
[metrics]
source = "metrics"
canary = 'version="2"'
baseline = 'version="1"'
[[criteria]]
id = "load"
type = "value"
test = "threshold"
expr = 'sum(up{{$arm}})'
min = 0
[[phases]]
name = "five"
owner = "ana"
cohort = {{ percent = 5 }}
bake = "2h"
[[phases]]
name = "everyone"
owner = "ana"
cohort = {{ percent = 100 }}
bake = "1h"
"""
CONFIG = """
format = 1
[journal]
url = "sqlite:///{folder}/journal.db"
"""


def served(percent: int) -> CohortState:
    return CohortState(enabled=percent > 0, cohort=Cohort(percent=Fraction(percent)), native="{}")


class House:
    """A folder with a config and a journal of a few rollouts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG.format(folder=folder))
        self.path = folder / "journal.db"
        self.surroundings = Surroundings(folder, {}, folder / "xdg", folder / "state")
        self.journal: SqliteJournal = open_sqlite(self.path, 0o600, lambda: NOW)
        for name in ("one", "two", "three"):
            self.seal(name)
        lease = self.journal.take_lease("rollout/two#1", "ana@host:1", 3600, WHO, force=False)
        assert lease is not None
        intent = self.journal.append_held(
            lease,
            ev.FlagIntent(purpose=Purpose.ADVANCE, phase="five", index=0, want=Cohort(percent=Fraction(5)), before="off"),
            WHO,
        )
        self.journal.append_held(lease, ev.FlagApplied(intent=intent.seq, state=served(5), at=NOW, settle_until=NOW), WHO)
        self.journal.append_held(lease, ev.PhaseBaking(phase="five", attempt=1, started_at=NOW), WHO)
        self.journal.append("rollout/three#1", ev.RolloutEnded(status="ABORTED", reason="enough", at=NOW), WHO)

    def seal(self, name: str) -> None:
        text = PLAN.format(name=name)
        sealed = ev.RolloutSealed(
            plan=name,
            attempt=1,
            title=name,
            owner="ana",
            target=Target(provider="flags", key=name, environment="production", project="default"),
            plan_digest="ab" * 32,
            plan_blob=self.journal.put_blob(text.encode()),
            snapshot=served(0),
            source="metrics",
        )
        self.journal.append(f"rollout/{name}#1", sealed, WHO)

    def cards(self) -> dict[str, Card]:
        made = {}
        for stream in self.journal.streams():
            state = fold(self.journal.read(stream))
            assert state is not None
            made[state.id] = card_of(read_plan(self.journal.get_blob(state.plan_blob).decode(), "plan"), state)
        return made

    def keep(self) -> None:
        digest = read_settings(self.config, self.surroundings).digest
        keep(self.path, 0o600, digest, self.cards().values())

    def look(self) -> Glance | None:
        return glance(self.config, self.surroundings)

    def missing(self) -> set[str]:
        seen = self.look()
        assert seen is not None
        return {each.rollout for each in seen.rollouts if each.card is None}

    @property
    def file(self) -> Path:
        return card_file.place_of(self.path)
