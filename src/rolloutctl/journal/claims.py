"""What a verification shows, and what it cannot: the same words for every store."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.ports import Witness

_DETECTS = (
    "Every column, link and number of every event, every blob and the lease table were checked. Detected are edits, insertions,"
    " re-ordering and the removal of events from the beginning or the middle; blobs that are missing or changed; effects written"
    " without the lease."
)
_SPARES = "Blobs that no event names, and who held a lease until when, are not covered by the chain."


def claims(witnesses: Sequence[Witness]) -> str:
    if not witnesses:
        end = (
            "Without a witness, a journal that was cut off at the end, put back to an old copy or rewritten as a whole is not"
            " detected."
        )
    else:
        which = "the witness" if len(witnesses) == 1 else f"the newest of {len(witnesses)} witnesses"
        end = (
            f"Up to event {max(seq for seq, _ in witnesses)}, {which}, a cut-off end, an old copy put back and a rewrite of the"
            " whole are detected too; after it they are not."
        )
    return f"{_DETECTS} {end} {_SPARES}"
