"""Moving a whole history: from store to store, and to a file of lines, with every hash kept.

A journal is only copied when its chain holds and the target is empty; what arrives is checked against what left. Leases come
along as expired ones with their epochs: a copy is driven by nobody, and no old driver can write to it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rolloutctl.errors import InvalidInput, JournalCorrupt, Refused
from rolloutctl.journal.blobs import digest_of
from rolloutctl.journal.chain import COLUMNS, Chain, Findings, Row, check_chain
from rolloutctl.journal.claims import claims
from rolloutctl.model.kinds import GENESIS
from rolloutctl.ports import Finding, Verified, Witness

FORMAT = "rolloutctl-journal-export"
VERSION = 1
_NAMES = tuple(COLUMNS.split(", "))
_NUMBERS = frozenset({"seq", "epoch"})


class Store(Protocol):
    """What a store gives and takes beyond `ports.Journal`."""

    def head(self) -> tuple[int, str]: ...

    def raw(self) -> Iterator[Row]:
        """Every event as it is stored, in order."""
        ...

    def raw_blobs(self) -> Iterator[tuple[str, bytes]]:
        """Digest and content of every blob. Raises JournalCorrupt for one that is not its digest's."""
        ...

    def adopt(self, rows: Iterable[Row], blobs: Iterable[bytes], chain: Chain) -> None:
        """Fill an empty store with events as they are, in one transaction. Raises Refused where it is not empty."""
        ...


@dataclass(frozen=True, slots=True)
class Moved:
    events: int
    blobs: int
    head_seq: int
    head_hash: str


def copy(source: Store, target: Store) -> Moved:
    """Raises Refused (the target is not empty), JournalCorrupt (the chain does not hold), and what the stores raise."""
    refuse_unless_empty(target)
    findings = Findings()
    chain = check_chain(source.raw(), findings)
    if findings.all():
        raise _broken(findings.all()[0])
    blobs = dict(source.raw_blobs())
    # Whatever was added since stays behind: the copy ends where the check did.
    target.adopt((row for row in source.raw() if row[0] <= chain.head_seq), blobs.values(), chain)
    if target.head() != (chain.head_seq, chain.head_hash):
        raise JournalCorrupt(
            f"the copy ends at event {target.head()[0]} and not at event {chain.head_seq}, where the original ended.",
            remedy="Remove the copy and try again; the original was not touched.",
        )
    return Moved(chain.events, len(blobs), chain.head_seq, chain.head_hash)


def refuse_unless_empty(target: Store) -> None:
    if target.head() != (0, GENESIS):
        raise Refused(
            f"the target holds a journal already: it ends at event {target.head()[0]}.",
            remedy="Copy into a new file or an empty database; two histories cannot be joined.",
        )


def export(source: Store) -> Iterator[str]:
    """Lines of JSON: a heading, then every event with its columns by name, then every blob."""
    yield _line({"format": FORMAT, "version": VERSION})
    for row in source.raw():
        yield _line({"event": dict(zip(_NAMES, row, strict=True))})
    for digest, content in source.raw_blobs():
        yield _line({"blob": digest, "content": base64.b64encode(content).decode()})


def is_export(path: Path) -> bool:
    """Whether the file begins as an export does."""
    try:
        with path.open("rb") as file:
            first = file.readline(200)
        heading = json.loads(first)
    except (OSError, ValueError):
        return False
    return isinstance(heading, dict) and heading.get("format") == FORMAT


def verify_export(path: Path, witnesses: Sequence[Witness] = ()) -> Verified:
    """Chain, fencing and blobs of an export. Raises InvalidInput, naming the line, for what is no line of one."""
    findings = Findings()
    stored: set[str] = set()

    def rows() -> Iterator[Row]:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                found = _parsed(path, number, line)
                if isinstance(found, str):
                    stored.add(found)
                elif found is not None:
                    yield found

    chain = check_chain(rows(), findings, witnesses)
    for digest, seq in chain.blobs.items():
        if digest not in stored:
            findings.add(seq, f"names blob {digest}, which is missing")
    return Verified(chain.events, chain.head_seq, chain.head_hash, findings.all(), claims(witnesses), chain.vouched)


def _parsed(path: Path, number: int, line: bytes) -> Row | str | None:
    """A row, the digest of a sound blob, or nothing for the heading."""

    def wrong(why: str) -> InvalidInput:
        return InvalidInput(f"{path}, line {number}: {why}.", remedy="Export the journal again.")

    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise wrong("this is no line of JSON; the file was cut off or changed") from None
    if not isinstance(data, dict):
        raise wrong("this is no object")
    if number == 1:
        if data.get("format") != FORMAT:
            raise wrong("this is no export of a journal")
        if data.get("version") != VERSION:
            raise wrong(f"this export has version {data.get('version')!r}; this rolloutctl reads version {VERSION}")
        return None
    if "event" in data:
        return _row(data["event"], wrong)
    if isinstance(data.get("blob"), str) and isinstance(data.get("content"), str):
        try:
            content = base64.b64decode(data["content"], validate=True)
        except (binascii.Error, ValueError):
            raise wrong("the content of this blob is no base64") from None
        if digest_of(content) != data["blob"]:
            raise wrong(f"the blob {data['blob']} does not match its digest")
        return str(data["blob"])
    raise wrong("this is neither an event nor a blob")


def _row(event: Any, wrong: Any) -> Row:
    if not isinstance(event, dict) or set(event) != set(_NAMES):
        raise wrong(f"an event has the columns {COLUMNS}")
    for name in _NAMES:
        if type(event[name]) is not (int if name in _NUMBERS else str):
            raise wrong(f'the column "{name}" is not of its type')
    return tuple(event[name] for name in _NAMES)


def _line(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=True, separators=(",", ":"))


def _broken(finding: Finding) -> JournalCorrupt:
    return JournalCorrupt(
        f"the journal does not verify, so it is not copied: event {finding.seq} {finding.what}.",
        remedy="Run `rolloutctl journal verify` and look at every finding first.",
    )
