"""`journal show | follow | verify | witness | export | copy`.

`show --json`: {"events": [event_shape], "head_seq", "head_hash"}; `follow --json`: one event_shape a line;
`verify --json`: {"ok", "events", "head_seq", "head_hash", "witnesses": number, "vouched": seq or null, "signed": number,
"unauthenticated": number, "findings": [{seq what}], "claims"}; `witness --json`: {"seq", "hash", "file": path or null};
`copy --json`: {"from", "to", "events", "blobs", "head_seq", "head_hash"}; `export`: see `journal/moving.py`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import tzinfo
from pathlib import Path

from rolloutctl.cli.beginning import refuse_read_only, settings_of
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import journal_of, resolve, stream_of, utc_now
from rolloutctl.cli.sentences import stamp, zone_of
from rolloutctl.cli.shapes import event_shape
from rolloutctl.cli.signatures import NO_KEYS, Signatures, check_signatures, has_keys
from rolloutctl.cli.toplevel import Globals
from rolloutctl.config import OperatorRole
from rolloutctl.engine.config.paths import SQLITE, on_a_server
from rolloutctl.engine.config.settings import journal_path, journal_shown
from rolloutctl.engine.opening import author, journal_begun, open_configured, open_store
from rolloutctl.engine.world.witness import add_witness, parse_witness, read_witnesses, show_witness
from rolloutctl.errors import ExitCode, InvalidInput, Refused
from rolloutctl.journal.moving import copy, export, is_export, verify_export
from rolloutctl.journal.verify import verify_file
from rolloutctl.model.events import Event, HeadWitnessed
from rolloutctl.model.kinds import GENESIS, JOURNAL_STREAM, rollout_of
from rolloutctl.ports import Verified, Witness
from rolloutctl.signing.openssh import OpenSsh, tools
from rolloutctl.telling import sentence

_LOOK_S = 0.25
_AT_LEAST_S = 5.0


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
            if journal is not None:
                with closing(journal.news()) as news:
                    while True:
                        for event in journal.read(stream, after):
                            after = event.seq
                            if as_json:
                                put_json(event_shape(event))
                            else:
                                put(_line(event, zone))
                        news.wait(_AT_LEAST_S)
        time.sleep(_LOOK_S)


def verify(globals_: Globals, file: Path | None, given: Sequence[str], witness_file: Path | None, *, as_json: bool) -> ExitCode:
    """Compared are the witnesses that are given, those of `witness_file`, and those of the config for the config's journal."""
    seen = [parse_witness(each) for each in given]
    if witness_file is None and file is None:
        kept = settings_of(globals_).config.journal.witness
        if kept is not None and not Path(kept).exists():
            say(f"There is no witness file at {kept}: nothing is compared with it.")
        elif kept is not None:
            witness_file = Path(kept)
    if witness_file is not None:
        seen += read_witnesses(witness_file)
    where, verified = _verified(globals_, file, seen)
    signatures, about = _signatures(globals_, file, verified)
    found = (*verified.findings, *signatures.findings)
    if as_json:
        findings = [{"seq": finding.seq, "what": finding.what} for finding in found]
        put_json(
            {
                "ok": not findings,
                "events": verified.events,
                "head_seq": verified.head_seq,
                "head_hash": verified.head_hash,
                "witnesses": len(seen),
                "vouched": verified.vouched or None,
                "signed": signatures.good,
                "unauthenticated": signatures.unauthenticated,
                "findings": findings,
                "claims": f"{verified.claims} {about}",
            }
        )
    else:
        for finding in found:
            put(f"event {finding.seq}: {finding.what}")
        what = f"{len(found)} findings" if found else "nothing wrong was found"
        put(f"{where}: {verified.events} events, {what}")
        put(f"head: {verified.head_seq} {verified.head_hash}")
        if seen:
            from_file = f" of {witness_file}" if witness_file is not None else ""
            agree = f"up to event {verified.vouched} they agree" if verified.vouched else "none agrees"
            put(f"witnesses: {len(seen)}{from_file}; {agree}")
        if signatures.good or signatures.unauthenticated:
            put(f"decisions: {signatures.good} signed, {signatures.unauthenticated} unauthenticated")
        say(f"{verified.claims} {about}")
    return ExitCode.FAILED if found else ExitCode.OK


def _signatures(globals_: Globals, file: Path | None, verified: Verified) -> tuple[Signatures, str]:
    """(what was found, what it claims). A journal that is damaged is not folded."""
    try:
        config = settings_of(globals_).config
    except InvalidInput:
        # A file is checked without any config, too.
        if file is None:
            raise
        return Signatures(), NO_KEYS
    if not has_keys(config):
        return Signatures(), NO_KEYS
    if verified.findings:
        return Signatures(), "Signatures were not looked at, because of what was found."
    from rolloutctl.cli.replaying import reads_of  # loads numpy

    with reads_of(globals_, file) as journal:
        found = check_signatures(journal, config, OpenSsh(None, tools()))
    return found, found.claims


def witness(globals_: Globals, *, as_json: bool) -> ExitCode:
    """Print number and hash of the newest event, keep them in the config's witness file, and journal that this was done."""
    refuse_read_only(globals_)
    settings = settings_of(globals_)
    config, who = settings.config, author(settings.config)
    if config.role_of(who.actor) is OperatorRole.VIEWER:
        raise Refused(
            f"{who.actor} is a viewer; only operators and approvers add to the journal (config, [operators]).",
            remedy="`rolloutctl journal show --json` has number and hash of the newest event, too.",
        )
    if not journal_begun(settings):
        raise InvalidInput(f"there is no journal at {journal_shown(settings)} yet.")
    file = Path(config.journal.witness) if config.journal.witness is not None else None
    with closing(open_configured(settings, read_only=False)) as journal:
        seq, digest = journal.head()
        if not seq:
            raise InvalidInput("the journal is empty: there is nothing to witness yet.")
        if file is not None:
            add_witness(file, (seq, digest), utc_now(), who)
        where = f"file {file}" if file is not None else "receipt"
        journal.append(JOURNAL_STREAM, HeadWitnessed(seq=seq, hash=digest, where=where), who)
    if as_json:
        put_json({"seq": seq, "hash": digest, "file": str(file) if file is not None else None})
        return ExitCode.OK
    put(show_witness((seq, digest)))
    kept = f"Kept in {file}." if file is not None else "Keep it where nobody who can write to the journal can change it."
    say(f'{kept} `rolloutctl journal verify` compares: --witness "SEQ HASH".')
    return ExitCode.OK


def _verified(globals_: Globals, file: Path | None, seen: Sequence[Witness]) -> tuple[str, Verified]:
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
