"""`journal show | follow | verify | export | copy`.

`show --json`: {"events": [event_shape], "head_seq", "head_hash"}; `follow --json`: one event_shape a line;
`verify --json`: {"ok", "events", "head_seq", "head_hash", "findings": [{seq what}], "claims"};
`copy --json`: {"from", "to", "events", "blobs", "head_seq", "head_hash"}; `export`: see `journal/moving.py`.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from datetime import tzinfo
from pathlib import Path

from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import journal_of, resolve, settings_of, stream_of
from rolloutctl.cli.sentences import stamp, zone_of
from rolloutctl.cli.shapes import event_shape
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.config.paths import SQLITE, on_a_server
from rolloutctl.engine.config.settings import journal_path, journal_shown
from rolloutctl.engine.opening import journal_begun, open_configured, open_store
from rolloutctl.errors import ExitCode, InvalidInput
from rolloutctl.journal.moving import copy, export, is_export, verify_export
from rolloutctl.journal.verify import verify_file
from rolloutctl.model.events import Event
from rolloutctl.model.kinds import GENESIS, rollout_of
from rolloutctl.ports import Verified
from rolloutctl.telling import sentence

_LOOK_S = 0.25
_WITNESS = re.compile(r"(\d{1,18})\s+([0-9a-f]{64})", re.ASCII)


def show(globals_: Globals, rollout: str, after: int | None, limit: int, *, as_json: bool) -> ExitCode:
    settings = settings_of(globals_)
    with journal_of(settings) as journal:
        stream = stream_of(resolve(journal, rollout)) if rollout else None
        head = journal.head() if journal is not None else (0, GENESIS)
        events: tuple[Event, ...] = ()
        if journal is not None:
            # Without a start the newest are wanted; of one stream they are few, of all they end at the head.
            begin = after if after is not None else (0 if stream else max(0, head[0] - limit))
            found = journal.read(stream, begin, limit if after is not None or not stream else None)
            events = tuple(found)[-limit:]
    if as_json:
        put_json({"events": [event_shape(event) for event in events], "head_seq": head[0], "head_hash": head[1]})
        return ExitCode.OK
    zone = zone_of(settings.config.operator.timezone)
    for event in events:
        put(_line(event, zone))
    say(f"head: {head[0]} {head[1]}" if head[0] else "The journal is empty.")
    return ExitCode.OK


def follow(globals_: Globals, rollout: str, *, as_json: bool) -> ExitCode:
    """Until interrupted."""
    settings = settings_of(globals_)
    zone = zone_of(settings.config.operator.timezone)
    with journal_of(settings) as journal:
        stream = stream_of(resolve(journal, rollout)) if rollout else None
        after = journal.head()[0] if journal is not None else 0
    while True:
        with journal_of(settings) as journal:
            while journal is not None:
                for event in journal.read(stream, after):
                    after = event.seq
                    if as_json:
                        put_json(event_shape(event))
                    else:
                        put(_line(event, zone))
                time.sleep(_LOOK_S)
        time.sleep(_LOOK_S)


def verify(globals_: Globals, file: Path | None, witness: str, *, as_json: bool) -> ExitCode:
    seen: tuple[int, str] | None = None
    if witness:
        parsed = _WITNESS.fullmatch(witness.strip())
        if parsed is None:
            raise InvalidInput("a witness is a number and 64 hex digits.", remedy='Write --witness "SEQ HASH" as it was printed.')
        seen = int(parsed[1]), parsed[2]
    where, verified = _verified(globals_, file, seen)
    if as_json:
        findings = [{"seq": finding.seq, "what": finding.what} for finding in verified.findings]
        put_json(
            {
                "ok": not findings,
                "events": verified.events,
                "head_seq": verified.head_seq,
                "head_hash": verified.head_hash,
                "findings": findings,
                "claims": verified.claims,
            }
        )
    else:
        for finding in verified.findings:
            put(f"event {finding.seq}: {finding.what}")
        what = f"{len(verified.findings)} findings" if verified.findings else "nothing wrong was found"
        put(f"{where}: {verified.events} events, {what}")
        put(f"head: {verified.head_seq} {verified.head_hash}")
        say(verified.claims)
    return ExitCode.FAILED if verified.findings else ExitCode.OK


def _verified(globals_: Globals, file: Path | None, seen: tuple[int, str] | None) -> tuple[str, Verified]:
    if file is not None:
        return str(file), verify_export(file, seen) if is_export(file) else verify_file(file, seen)
    settings = settings_of(globals_)
    path = journal_path(settings)
    if path is not None:
        return str(path), verify_file(path, seen)
    with closing(open_configured(settings, read_only=True)) as journal:
        return journal_shown(settings), journal.verify(seen)


def export_all(globals_: Globals) -> ExitCode:
    """Every event and blob as lines of JSON."""
    settings = settings_of(globals_)
    if not journal_begun(settings):
        raise InvalidInput(f"there is no journal at {journal_shown(settings)} yet.")
    with closing(open_configured(settings, read_only=True)) as journal:
        for line in export(journal):
            put(line)
    return ExitCode.OK


def copy_to(globals_: Globals, target: str, *, as_json: bool) -> ExitCode:
    """Raises Refused where the target holds a journal already, JournalCorrupt where ours does not verify."""
    settings = settings_of(globals_)
    if not journal_begun(settings):
        raise InvalidInput(f"there is no journal at {journal_shown(settings)} yet.")
    url = target if on_a_server(target) else str(Path(target.removeprefix(SQLITE)).expanduser().absolute())
    with closing(open_configured(settings, read_only=True)) as ours, closing(open_store(url)) as other:
        moved = copy(ours, other)
    if as_json:
        put_json(
            {
                "from": journal_shown(settings),
                "to": url,
                "events": moved.events,
                "blobs": moved.blobs,
                "head_seq": moved.head_seq,
                "head_hash": moved.head_hash,
            }
        )
    else:
        put(f"{moved.events} events and {moved.blobs} blobs copied to {url}")
        put(f"head: {moved.head_seq} {moved.head_hash}")
        say("Let `journal.url` in the config name the copy once nobody writes to the original any more.")
    return ExitCode.OK


def _line(event: Event, zone: tzinfo | None) -> str:
    return f"{event.seq:>6}  {stamp(event.at, zone)}  {rollout_of(event.stream)}  {event.kind:<20}  {sentence(event)}"
