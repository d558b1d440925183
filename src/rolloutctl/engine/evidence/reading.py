"""From the blobs of checkpoints to what a process knows of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rolloutctl.engine.evidence.checkpoint import Checkpoint, decode_checkpoint, together
from rolloutctl.engine.evidence.kept import Kept
from rolloutctl.engine.evidence.packing import Asked
from rolloutctl.engine.evidence.recording import begins_of
from rolloutctl.model.samples import Labels, Samples

Load = Callable[[str], bytes]
"""Content of a blob by its digest. Raises JournalCorrupt."""


def learnt(kept: Kept, attempt: int, checkpoints: tuple[str, ...], load: Load) -> Kept:
    """`kept`, or anew where it is of other checkpoints: the newest and the first few tell enough. Raises JournalCorrupt."""
    if (kept.attempt, kept.checkpoints) == (attempt, checkpoints):
        return kept
    if not checkpoints:
        return Kept(attempt)
    newest = decode_checkpoint(load(checkpoints[-1]))
    begins: dict[Asked, Mapping[Labels, float]] = {}
    for digest in checkpoints:
        if newest.known.keys() <= begins.keys():
            break
        begins = begins_of(decode_checkpoint(load(digest)).answers) | begins
    return Kept(attempt, checkpoints, newest.until, newest.known, begins)


def with_samples(kept: Kept, load: Load) -> Kept:
    """With all that the checkpoints hold. Raises JournalCorrupt."""
    if kept.samples is not None:
        return kept
    return replace(kept, samples=samples_of(kept.checkpoints, load))


def samples_of(checkpoints: tuple[str, ...], load: Load) -> Mapping[Asked, Samples]:
    """Raises JournalCorrupt."""
    return together(_decoded(checkpoints, load))


def _decoded(checkpoints: tuple[str, ...], load: Load) -> list[Checkpoint]:
    return [decode_checkpoint(load(digest)) for digest in checkpoints]
