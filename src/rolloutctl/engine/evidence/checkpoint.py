"""A checkpoint: the samples of a phase attempt since the checkpoint before, as a blob. Pure.

`rolloutctl-checkpoint`, version 1, canonical JSON:

    {"format", "v", "rollout", "phase", "attempt", "until", "answers": [see `packing`],
     "known": [{…query…, "until", "digest"}]}

`known` says of every query how far all checkpoints up to this one go together, and the digest of its samples until then. An
answer whose `after` is null stands for all that earlier checkpoints said: the source has changed its past meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rolloutctl.engine.evidence.kept import Stored
from rolloutctl.engine.evidence.packing import Asked, Packed, pack, pack_asked, unpack, unpack_asked
from rolloutctl.engine.evidence.parts import joined
from rolloutctl.engine.evidence.text import decoded, encoded
from rolloutctl.model.samples import Samples

FORMAT, VERSION = "rolloutctl-checkpoint", 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    rollout: str
    phase: str
    attempt: int
    until: float
    """Unix s."""
    answers: tuple[Packed, ...]
    known: Mapping[Asked, Stored]


def encode_checkpoint(checkpoint: Checkpoint, scrub: Callable[[str], str]) -> bytes:
    known = [
        {**pack_asked(asked), "until": repr(stored.until), "digest": stored.digest} for asked, stored in checkpoint.known.items()
    ]
    return encoded(
        {
            "format": FORMAT,
            "v": VERSION,
            "rollout": checkpoint.rollout,
            "phase": checkpoint.phase,
            "attempt": checkpoint.attempt,
            "until": repr(checkpoint.until),
            "answers": [pack(each, scrub) for each in checkpoint.answers],
            "known": known,
        }
    )


def decode_checkpoint(content: bytes) -> Checkpoint:
    """Raises JournalCorrupt."""
    return decoded(content, FORMAT, VERSION, _checkpoint)


def _checkpoint(document: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(
        rollout=str(document["rollout"]),
        phase=str(document["phase"]),
        attempt=int(document["attempt"]),
        until=float(document["until"]),
        answers=tuple(unpack(each) for each in document["answers"]),
        known={unpack_asked(each): Stored(float(each["until"]), str(each["digest"])) for each in document["known"]},
    )


def together(checkpoints: Iterable[Checkpoint]) -> dict[Asked, Samples]:
    """What checkpoints of one phase attempt, oldest first, hold of each query."""
    stretches: dict[Asked, list[Samples]] = {}
    for checkpoint in checkpoints:
        for asked, after, answer in checkpoint.answers:
            if isinstance(answer, Samples):
                before = stretches.get(asked, []) if after is not None else []
                stretches[asked] = [*before, answer]
    return {asked: joined(each) for asked, each in stretches.items()}
