"""The seams: what the engine needs of the world, and nothing of how it is done.

`runner` and `engine` see adapters only through these protocols; `engine/wiring.py` is the one place that builds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:  # a lease is read in places that must not load pydantic
    from rolloutctl.model.cohort import Cohort, CohortState, Target
    from rolloutctl.model.events import Body, Event
    from rolloutctl.model.exchange import Exchange, Request
    from rolloutctl.model.message import Delivery, Message
    from rolloutctl.model.outcome import Capabilities, Change, ForeignEdit, Health, Outcome, Verification
    from rolloutctl.model.samples import Answer, Query


class Clock(Protocol):
    def now(self) -> datetime:
        """This machine's time, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Source(Protocol):
    """A metrics source; every method may be called from the engine's loop, none blocks it."""

    async def probe(self) -> Health:
        """An authenticated query, never just a health page; does not raise."""
        ...

    async def now(self) -> datetime:
        """The source's own time, UTC. Raises SourceUnreachable."""
        ...

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        """An answer for every query; a source that fails is an answer (SourceFailure), not an exception."""
        ...

    async def close(self) -> None: ...


class Provider(Protocol):
    """A flag service. `key` is the idempotency key of the intent; `reason` is kept where the provider keeps reasons."""

    capabilities: Capabilities

    async def probe(self) -> Health:
        """An authenticated read, never just a health page; does not raise."""
        ...

    async def read(self, target: Target) -> CohortState:
        """Raises ProviderUnreachable (no usable answer) or InvalidInput (no such flag, environment or project)."""
        ...

    async def plan(self, state: CohortState, want: Cohort, target: Target) -> Change:
        """Changes nothing. Raises InvalidInput for what cannot be expressed, or is not safe, in a sentence."""
        ...

    async def apply(self, change: Change, target: Target, key: str, reason: str) -> Outcome: ...

    async def off(self, target: Target, key: str, reason: str) -> Outcome:
        """The shortest path to nobody; own timeouts, own connection, repeatable; reads back."""
        ...

    async def restore(self, snapshot: CohortState, target: Target, key: str, reason: str) -> Outcome: ...

    async def verify(self, target: Target, want: Cohort) -> Verification:
        """Looks at what clients are served, not through the admin path. Raises ProviderUnreachable."""
        ...

    async def history(self, target: Target, since: str) -> Sequence[ForeignEdit]:
        """Entries of the flag's event log after the token `since`, oldest first. Raises ProviderUnreachable."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class TellsChanges(Protocol):
    """A provider that also tells, by one cheap request, whether anything was changed at all."""

    async def newest_change(self) -> str:
        """Another text whenever a flag was changed; empty: it cannot tell. Raises ProviderUnreachable or InvalidInput."""
        ...


class Adapter(Protocol):
    """A named HTTP endpoint of the config, with one client for all its requests; may be called many times at once."""

    async def send(self, request: Request) -> Exchange:
        """Send once; retries are the caller's. Never raises but for cancellation: whatever a network can do is a value.

        Credentials are read when they are used, and read again and tried once more after a 401.
        """
        ...

    async def close(self) -> None: ...


class Channel(Protocol):
    """A named place where people are told something."""

    async def notify(self, message: Message) -> Delivery:
        """Tell people, with a few attempts where none of them can have told twice. Never raises but for cancellation."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, and where: `actor` is the operator, `host` the machine."""

    actor: str
    host: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A row of the lease table; `expires_in_s` by the journal's clock (negative: expired)."""

    stream: str
    holder: str
    epoch: int
    expires_in_s: float
    expires_at: datetime


Witness: TypeAlias = tuple[int, str]
"""(seq, hash) of an event that was the head once, as somebody has it who does not have the journal."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What `verify` found wrong."""

    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    events: int
    head_seq: int
    head_hash: str
    findings: tuple[Finding, ...]
    claims: str
    """What this verification shows and what it cannot."""
    vouched: int = 0
    """Newest event that one of the witnesses has seen as it is; 0: none has."""


class Signer(Protocol):
    """Signs statements with a person's key and says whether a signature is good. Blocks: never called on a loop."""

    def sign(self, statement: str, key: str) -> str:
        """The armoured signature of the private half of the public `key`. Raises Refused or Failed with a sentence."""
        ...

    def verify(self, statement: str, signature: str, key: str) -> str:
        """Why it is not a good signature of `key`, as a sentence; empty: it is. Raises Failed where it cannot be told."""
        ...


class News(Protocol):
    """Tells when the journal may hold something new; one thread waits, which need not be the journal's."""

    def wait(self, at_most_s: float) -> bool:
        """True: something may be new, so look. False: nothing is known of, and the time is over or it was woken.

        Does not raise: while the journal cannot be reached it says True, every second or two.
        """
        ...

    def wake(self) -> None:
        """End the wait that is under way, or the next one; from any thread."""
        ...

    def close(self) -> None:
        """By the thread that waits."""
        ...


class Journal(Protocol):
    """The append-only event log. Synchronous and bound to the thread that opened it.

    Raises JournalUnreachable (locked, disk full, unreadable) or JournalCorrupt, each with a sentence.
    """

    def append(self, stream: str, body: Body, author: Author) -> Event:
        """Commit a request, a fact or a housekeeping event; returns once it is durable. Refuses effects (TypeError)."""
        ...

    def append_held(self, lease: Lease, body: Body, author: Author, contents: Sequence[bytes] = ()) -> Event:
        """Commit a fact or an effect as the driver, fenced by the lease's epoch in the same transaction. Raises LeaseLost.

        `contents` are blobs that the body names, stored in that transaction too.
        """
        ...

    def read(self, stream: str | None = None, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        """Events in order of `seq`, of one stream or of all."""
        ...

    def streams(self) -> Sequence[str]:
        """Every rollout's stream, oldest first."""
        ...

    def runs(self) -> Sequence[str]:
        """Every run's stream, oldest first."""
        ...

    def patience(self, seconds: float) -> AbstractContextManager[None]:
        """Inside it, another writer is waited for no longer than this: a rollback does not stand in a queue."""
        ...

    def head(self) -> tuple[int, str]:
        """(seq, hash) of the newest event; (0, 64 zeros) when empty."""
        ...

    def take_lease(self, stream: str, holder: str, ttl_s: float, author: Author, *, force: bool) -> Lease | None:
        """Take a free or expired lease (None: somebody else holds it); `force` takes it over at once, for rollback.

        The epoch rises by one whenever the holder changes and `lease.taken` is appended in the same transaction.
        """
        ...

    def renew_leases(self, held: Sequence[Lease], ttl_s: float) -> Sequence[Lease | None]:
        """All at once, in their order; None for one that was lost, which keeps none of the others from being renewed."""
        ...

    def release_lease(self, lease: Lease, author: Author, why: str) -> None: ...

    def lease(self, stream: str) -> Lease | None: ...

    def put_blob(self, content: bytes) -> str:
        """Store by content; returns its SHA-256, hex."""
        ...

    def get_blob(self, digest: str) -> bytes:
        """Raises JournalCorrupt when it is missing or does not match its digest."""
        ...

    def verify(self, witnesses: Sequence[Witness] = ()) -> Verified: ...

    def news(self) -> News:
        """With a connection of its own; whoever asks for it closes it. Does not raise."""
        ...

    def close(self) -> None: ...
