"""`journal show | follow | verify`.

`show --json`: {"events": [event_shape], "head_seq", "head_hash"}; `follow --json`: one event_shape a line;
`verify --json`: {"ok", "events", "head_seq", "head_hash", "findings": [{seq what}], "claims"}.
"""

from __future__ import annotations

import re
import time
from datetime import tzinfo
from pathlib import Path

from rolloutctl.cli.options import Globals
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import journal_of, resolve, settings_of, stream_of
from rolloutctl.cli.sentences import sentence, stamp, zone_of
from rolloutctl.cli.shapes import event_shape
from rolloutctl.engine.settings import journal_path
from rolloutctl.errors import ExitCode, InvalidInput
from rolloutctl.journal.verify import verify_file
from rolloutctl.model.events import GENESIS, Event

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
    path = file if file is not None else journal_path(settings_of(globals_))
    verified = verify_file(path, seen)
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
        put(f"{path}: {verified.events} events, {what}")
        put(f"head: {verified.head_seq} {verified.head_hash}")
        say(verified.claims)
    return ExitCode.FAILED if verified.findings else ExitCode.OK


def _line(event: Event, zone: tzinfo | None) -> str:
    stream = event.stream.removeprefix("rollout/")
    return f"{event.seq:>6}  {stamp(event.at, zone)}  {stream}  {event.kind:<20}  {sentence(event)}"
