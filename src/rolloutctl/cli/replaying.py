"""`replay`: a journalled verdict judged again from its stored evidence, offline.

JSON: {"seq", "kind", "rollout", "phase", "attempt", "at", "same", "verdicts": [{"criterion", "segment", "state", "why",
"numbers": {name: decimal}}], "differences": [{"what", "journalled", "replayed"}]}. `at` is the source's time of the look;
`segment` is null for the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import journal_of
from rolloutctl.cli.sentences import stamp, zone_of
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.config.settings import journal_shown
from rolloutctl.engine.evidence.replaying import Reads, Replayed
from rolloutctl.engine.evidence.replaying import replay as judged_again
from rolloutctl.errors import ExitCode, InvalidInput
from rolloutctl.journal.exported import Exported
from rolloutctl.journal.moving import is_export
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.verdict import shown_as
from rolloutctl.telling import sentence, words


def replay(globals_: Globals, seq: int, file: Path | None, *, as_json: bool) -> ExitCode:
    zone = None
    if file is None:
        zone = zone_of(settings_of(globals_).config.operator.timezone)
    with reads_of(globals_, file) as journal:
        found = judged_again(journal, seq)
    if as_json:
        put_json(_shape(found))
    else:
        put(f"event {seq}: {sentence(found.event)}")
        put(f"  {found.rollout}, phase {found.phase}, look of {stamp(found.at, zone)}")
        for said in found.said:
            put(f"  {words(said.state):<13}  {shown_as(said.criterion, said.segment)}: {said.why}")
        for each in found.differences:
            put(f"  differs: {each.what}")
            put(f"    journalled  {each.journalled}")
            put(f"    replayed    {each.replayed}")
        put("The evidence gives the same verdicts." if not found.differences else f"{len(found.differences)} differences.")
        if found.differences:
            say("Either the journal was changed (`rolloutctl journal verify` tells), or another version judges otherwise.")
    return ExitCode.FAILED if found.differences else ExitCode.OK


@contextmanager
def reads_of(globals_: Globals, file: Path | None) -> Iterator[Reads]:
    if file is not None and is_export(file):
        yield Exported(file)
    elif file is not None:
        with closing(open_sqlite(file, 0o600, lambda: datetime.now(UTC), read_only=True)) as journal:
            yield journal
    else:
        settings = settings_of(globals_)
        with journal_of(settings) as configured:
            if configured is None:
                raise InvalidInput(f"there is no journal at {journal_shown(settings)} yet.")
            yield configured


def _shape(found: Replayed) -> dict[str, Any]:
    return {
        "seq": found.event.seq,
        "kind": found.event.kind.value,
        "rollout": found.rollout,
        "phase": found.phase,
        "attempt": found.attempt,
        "at": found.at,
        "same": not found.differences,
        "verdicts": [
            {
                "criterion": each.criterion,
                "segment": each.segment or None,
                "state": each.state,
                "why": each.why,
                "numbers": dict(each.numbers),
            }
            for each in found.said
        ],
        "differences": [
            {"what": each.what, "journalled": each.journalled, "replayed": each.replayed} for each in found.differences
        ],
    }
