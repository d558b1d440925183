"""The hash chain: one pass over rows, pure.

Invariant: text is hashed exactly as it is stored. `event_hash` normalises; here nothing is, so that an edit which only
changes the spelling of a character (NFC to NFD) is found too. Writers store normalised text, so both agree on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from json.encoder import encode_basestring as quote
from typing import TypeAlias

from rolloutctl.model.kinds import GENESIS, HASH_DOMAIN, EventClass, Kind, class_of
from rolloutctl.ports import Finding, Witness

Row: TypeAlias = tuple[int, str, str, str, str, str, int, str, str, str]
"""One event as stored, in the order of `COLUMNS`."""
COLUMNS = "seq, at, actor, host, stream, kind, epoch, body, prev, hash"
MOST_FINDINGS = 200

_EFFECTS = frozenset(kind.value for kind in Kind if class_of(kind) is EventClass.EFFECT)
_HAS_BLOB = re.compile(r'blob":"[^"]')


def row_hash(seq: int, at: str, actor: str, host: str, stream: str, kind: str, epoch: int, body: str, prev: str) -> str:
    """`event_hash` of text that is already normalised. Raises TypeError or UnicodeEncodeError for what is no text."""
    row = f"[{seq},{quote(at)},{quote(actor)},{quote(host)},{quote(stream)},{quote(kind)},{epoch},{quote(body)},{quote(prev)}]"
    return sha256(HASH_DOMAIN + row.encode()).hexdigest()


class Findings:
    """Keeps the first `MOST_FINDINGS`; a rewritten million must not fill the memory."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._more = 0

    def add(self, seq: int, what: str) -> None:
        if len(self._kept) < MOST_FINDINGS:
            self._kept.append(Finding(seq, what))
        else:
            self._more += 1

    def all(self) -> tuple[Finding, ...]:
        more = (Finding(0, f"{self._more} more findings are not listed"),) if self._more else ()
        return (*self._kept, *more)


@dataclass(slots=True)
class StreamLease:
    """What the chain says about the lease of one stream: body of the newest `lease.taken`, and whether it was given back."""

    epoch: int
    taken: str
    released: bool = False

    @property
    def holder(self) -> str:
        """Empty where the event does not say."""
        try:
            return str(json.loads(self.taken)["holder"])
        except (ValueError, KeyError, TypeError):
            return ""


@dataclass(slots=True)
class Chain:
    """What one pass has seen: the newest event, the newest lease of every stream, and the first event that needs each blob."""

    events: int = 0
    head_seq: int = 0
    head_hash: str = GENESIS
    vouched: int = 0
    """Newest event that a witness has seen as it is."""
    leases: dict[str, StreamLease] = field(default_factory=dict)
    blobs: dict[str, int] = field(default_factory=dict)


def check_chain(rows: Iterable[Row], findings: Findings, witnesses: Sequence[Witness] = ()) -> Chain:
    """Walk the rows in stored order; whatever breaks the chain, the fencing or a witness goes into `findings`."""
    chain = Chain()
    head_seq, head = 0, GENESIS
    witnessed = frozenset(seq for seq, _ in witnesses)
    stored_at = {0: GENESIS}
    leases = chain.leases
    count = 0
    for seq, at, actor, host, stream, kind, epoch, body, prev, stored in rows:
        count += 1
        if seq != head_seq + 1 and not _jump(findings, head_seq, seq):
            continue
        if prev != head:
            findings.add(seq, "is not linked to the event before it: something was changed, removed or put in between")
        try:
            right = row_hash(seq, at, actor, host, stream, kind, epoch, body, prev) == stored
        except (TypeError, UnicodeEncodeError):
            right = False
        if not right or type(epoch) is not int:
            findings.add(seq, "does not match its own hash: a column was changed")
        elif epoch or kind in _EFFECTS:
            _fence(leases, findings, seq, stream, kind, epoch, body)
        if right and _HAS_BLOB.search(body):
            _note_blobs(chain.blobs, seq, body)
        if seq in witnessed:
            stored_at[seq] = stored
        head_seq, head = seq, stored
    chain.events, chain.head_seq, chain.head_hash = count, head_seq, head
    _compare(chain, findings, witnesses, stored_at)
    return chain


def _jump(findings: Findings, before: int, seq: object) -> bool:
    """Say what is between two events; False when the second has no number at all."""
    if type(seq) is not int:
        findings.add(0, f"an event behind event {before} has no number")
        return False
    first, last = before + 1, seq - 1
    if last < first:
        findings.add(seq, f"does not follow event {before}: events were re-ordered or put in")
    else:
        missing = f"event {first} is missing" if first == last else f"events {first} to {last} are missing"
        findings.add(seq, f"comes right after event {before}: {missing}")
    return True


def _fence(leases: dict[str, StreamLease], findings: Findings, seq: int, stream: str, kind: str, epoch: int, body: str) -> None:
    lease = leases.get(stream)
    current = lease.epoch if lease else 0
    if kind == Kind.LEASE_TAKEN:
        if epoch != current + 1:
            findings.add(seq, f"takes the lease of {stream} with epoch {epoch}, but {current + 1} was next")
        leases[stream] = StreamLease(epoch, body)
    elif lease is None or epoch != current or lease.released:
        held = f"epoch {current}" if lease and not lease.released else "nobody's"
        findings.add(seq, f"was written with epoch {epoch} while the lease of {stream} was {held}")
    elif kind == Kind.LEASE_RELEASED:
        lease.released = True


def _note_blobs(blobs: dict[str, int], seq: int, body: str) -> None:
    try:
        fields = json.loads(body)
    except ValueError:
        return
    if isinstance(fields, dict):
        for name in ("plan_blob", "blob"):
            if digest := fields.get(name):
                blobs.setdefault(str(digest), seq)


def _compare(chain: Chain, findings: Findings, witnesses: Sequence[Witness], stored_at: Mapping[int, str]) -> None:
    right = {seq for seq, digest in witnesses if stored_at.get(seq) == digest.strip().lower()}
    chain.vouched = max(right, default=0)
    wrong = sorted({seq for seq, digest in witnesses if seq <= chain.head_seq and stored_at.get(seq) != digest.strip().lower()})
    if wrong:
        before = max((seq for seq in right if seq < wrong[0]), default=0)
        since = f" after event {before}, which a witness has seen as it is" if before else ""
        more = f"; {len(wrong) - 1} later witnesses differ too" if len(wrong) > 1 else ""
        findings.add(wrong[0], f"is not the event the witness saw: the journal was rewritten{since}{more}")
    newest = max((seq for seq, _ in witnesses), default=0)
    if newest > chain.head_seq:
        findings.add(
            chain.head_seq,
            f"is the newest event, but the witness saw event {newest}: the journal was cut off or put back to an old copy",
        )
