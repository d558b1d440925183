"""When the head of the journal is witnessed: every minute while this process drives, and when a process that may write leaves.

Without `journal.witness` in the config nothing is written; the receipt is the same number and hash, for whoever reads it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from rolloutctl.engine.world.witness import add_witness, show_witness
from rolloutctl.engine.world.world import World
from rolloutctl.errors import RolloutctlError
from rolloutctl.ports import Witness

EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Receipt:
    text: str
    """"SEQ HASH"; empty: there is no event, or the journal could not be read."""
    trouble: str = ""
    """Why the witness file was not written; empty: it was, or there is none."""


async def witness_head(world: World) -> str:
    """Into the file of the config, if there is one; answers "SEQ HASH". Raises JournalUnreachable or JournalCorrupt."""
    head: Witness = await world.journal.call(lambda journal: journal.head())
    if not head[0]:
        return ""
    if (file := world.config.journal.witness) is not None:
        await asyncio.to_thread(add_witness, Path(file), head, world.clock.now(), world.author)
    return show_witness(head)


async def receipt(world: World) -> Receipt:
    """What a command ends with; does not raise: its work is done."""
    try:
        return Receipt(await witness_head(world))
    except RolloutctlError as error:
        trouble = str(error) if world.config.journal.witness is not None else ""
        return Receipt("", trouble)
