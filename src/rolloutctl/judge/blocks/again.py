"""A look that goes on from the look before it: test B is only asked about cells that are new.

Equal to judging all cells, since no cell knows of later ones; where known cells have changed, all are judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from rolloutctl.judge.blocks.inputs import BlockInputs, BlockTrack, Floats, Settings
from rolloutctl.judge.blocks.track import judge_blocks


@dataclass(slots=True)
class BlockMemory:
    """What was judged at the newest look, by what it was judged for. Only speed: it may be thrown away at any time."""

    known: dict[tuple[str, Settings], tuple[BlockInputs, BlockTrack]] = field(default_factory=dict)

    def judge(self, segment: str, inputs: BlockInputs) -> BlockTrack:
        before = self.known.get((segment, inputs.settings))
        if before is None or not _goes_on(before[0], inputs):
            track = judge_blocks(inputs)
        elif len(before[0].canary) == len(inputs.canary):
            track = before[1]
        else:
            track = _joined(before[1], judge_blocks(inputs, len(before[0].canary)))
        self.known[segment, inputs.settings] = inputs, track
        return track


def _goes_on(before: BlockInputs, now: BlockInputs) -> bool:
    """Whether all that was known is still so."""
    cells = len(before.canary)
    return (
        before.cell_s == now.cell_s
        and cells > 0
        and _same(before.canary, now.canary[:cells])
        and _same(before.baseline, None if now.baseline is None else now.baseline[:cells])
        and _same(before.history, now.history)
    )


def _same(one: Floats | None, other: Floats | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=True)


def _joined(before: BlockTrack, now: BlockTrack) -> BlockTrack:
    """Known cells as they were judged, new ones as they are."""
    known = len(before.log_e)
    found: dict[str, object] = {}
    for each in fields(BlockTrack):
        old, new = getattr(before, each.name), getattr(now, each.name)
        found[each.name] = np.concatenate((old, new[known:])) if isinstance(old, np.ndarray) else new
    return BlockTrack(**found)  # type: ignore[arg-type]  # its own fields
