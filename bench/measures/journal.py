"""A journal that has grown for years."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.figures import Most, Row, Unit, at_least, pairs, row
from bench.plans import four_criteria, plan_text, write_config
from bench.processes import ROLLOUTCTL, as_installed, timed
from bench.registry import Benchmark, Run
from rolloutctl.journal.chain import row_hash
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.cohort import OFF, CohortState, Target
from rolloutctl.model.events import RolloutSealed, VerdictChanged, body_json
from rolloutctl.model.kinds import Kind, rollout_stream
from rolloutctl.plan.canonical import plan_digest
from rolloutctl.plan.read import read_plan
from rolloutctl.ports import Author, Journal
from rolloutctl.units import show_time

ROLLOUTS = 10
SMALL, LARGE = 1_000, 1_000_000
_SCAN = """
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("SELECT sum(length(body) + length(hash)) FROM events").fetchone()
"""


def journal_of(folder: Path, events: int) -> Path:
    """A config whose journal has so many events: rollouts whose verdicts have changed ever since; returns the config."""
    config = write_config(folder, "http://127.0.0.1:9", "http://127.0.0.1:9", "15s")
    path, author = folder / "journal.db", Author("ana", "bench")
    journal = open_sqlite(path, 0o600, lambda: datetime.now(UTC))
    streams = [_seal(journal, number, author) for number in range(ROLLOUTS)]
    head, digest = journal.head()
    journal.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        marks = ", ".join("?" * 10)
        db.executemany(f"INSERT INTO events VALUES ({marks})", _rows(streams, head, digest, events - head, author))
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return config


def _seal(journal: Journal, number: int, author: Author) -> str:
    text = plan_text(number, four_criteria(number))
    plan = read_plan(text, "plan.toml")
    stream = rollout_stream(plan.name, 1)
    body = RolloutSealed(
        plan=plan.name,
        attempt=1,
        title=plan.shown,
        owner=plan.owner,
        target=Target(provider="flags", key=plan.name, environment="production", project="default"),
        plan_digest=plan_digest(plan),
        plan_blob=journal.put_blob(text.encode()),
        snapshot=CohortState(enabled=False, cohort=OFF, native="{}", token="0"),
        source=plan.metrics.source,
    )
    journal.append(stream, body, author)
    return stream


def _rows(streams: list[str], head: int, digest: str, count: int, author: Author) -> Iterator[tuple[object, ...]]:
    """Chained as the journal chains them; only the guard against gaps is left to SQLite's triggers."""
    at = datetime.now(UTC) - timedelta(days=300)
    bodies = [
        body_json(
            VerdictChanged(
                phase="bake",
                attempt=1,
                criterion="errors",
                segment="",
                state=state,
                was=was,
                why="canary 0.2 %, baseline 0.2 %, bound 3 %",
                at=at,
                evidence={"canary": "0.002", "baseline": "0.002", "bound": "0.03", "events_canary": "61000.0"},
            )
        )
        for state, was in (("PASS", "PENDING"), ("PENDING", "PASS"))
    ]
    kind = Kind.VERDICT_CHANGED.value
    for number in range(count):
        seq, body, stream = head + 1 + number, bodies[number // len(streams) % 2], streams[number % len(streams)]
        shown = show_time(at + timedelta(seconds=20 * number))
        place = (seq, shown, author.actor, author.host, stream, kind, 0, body, digest)
        digest = row_hash(*place)
        yield (*place, digest)


def measure(run: Run) -> list[Row]:
    large = LARGE // 20 if run.quick else LARGE
    small_config = journal_of(run.folder / "small", SMALL)
    large_config = journal_of(run.folder / "large", large)
    environment = {**as_installed(), "XDG_STATE_HOME": str(run.folder / "state"), "XDG_CONFIG_HOME": str(run.folder / "none")}

    def status(config: Path) -> float:
        return timed([*ROLLOUTCTL, "--config", str(config), "status", "--json"], environment, run.folder)

    began = time.perf_counter()
    first = status(large_config)
    status(small_config)
    mine, theirs = pairs(run.times, lambda: status(large_config), lambda: status(small_config))
    path = large_config.parent / "journal.db"
    verify = [*ROLLOUTCTL, "--config", str(large_config), "journal", "verify", str(path), "--json"]
    slow, scans = pairs(
        max(3, run.times - 2),
        lambda: timed(verify, environment, run.folder),
        lambda: timed([sys.executable, "-c", _SCAN, str(path)], environment, run.folder),
    )
    run.notes.append(f"The first `status` on the large journal, which had never been read: {first:.2f} s.")
    run.notes.append(f"Measured in {time.perf_counter() - began:.0f} s, with {large:,} events of {ROLLOUTS} rollouts.")
    return [
        row(f"`status --json`, {large:,} events against {SMALL:,}", Unit.SECONDS, mine, theirs, Most(times=2.0)),
        row(f"`journal verify`, {large:,} events", Unit.SECONDS, slow, scans),
        at_least("`journal verify`, events", Unit.PER_S, [large / seconds for seconds in slow], 100_000),
    ]


BENCHMARK = Benchmark(
    "journal",
    "`status --json` on a journal of a million events against the same command on one of a thousand, with as many rollouts;"
    " and `journal verify` from process start to end, beside a bare SQLite scan of the same rows.",
    measure,
)
