"""What a verification shows, and what it cannot: the same words for every store."""

from __future__ import annotations

_DETECTS = (
    "Every column, link and number of every event, every blob and the lease table were checked. Detected are edits, insertions,"
    " re-ordering and the removal of events from the beginning or the middle; blobs that are missing or changed; effects written"
    " without the lease."
)
_SPARES = "Blobs that no event names, and who held a lease until when, are not covered by the chain."


def claims(witness: tuple[int, str] | None) -> str:
    if witness is None:
        end = (
            "Without a witness, a journal that was cut off at the end, put back to an old copy or rewritten as a whole is not"
            " detected."
        )
    else:
        end = (
            f"Up to event {witness[0]}, the witness, a cut-off end, an old copy put back and a rewrite of the whole are detected"
            " too; after it they are not."
        )
    return f"{_DETECTS} {end} {_SPARES}"
