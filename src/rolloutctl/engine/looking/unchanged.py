"""Which flags need not be read again, because the provider's log of changes has not grown since they were.

Invariants: the log is asked before the flags are read, so a change in between is seen at the next look; whatever is in
doubt is read. As a log may lack an entry (a database put back, an entry committed late), every flag is read whole at least
every `WHOLE_AGAIN_S` seconds. Steps and rollbacks never come here: they read the flag themselves, before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil

from rolloutctl.engine.world.record import RolloutRecord

WHOLE_AGAIN_S = 300.0


def unchanged(rollouts: Sequence[RolloutRecord], revision: str, now: datetime, every_s: float) -> list[RolloutRecord]:
    """Those of which the newest reading still holds at `revision` (empty: nobody can tell), but for some of the oldest readings.

    `every_s` is the time between looks. From half of `WHOLE_AGAIN_S` on, so many are left out at each look that all have been
    read whole when it is over: never all at once.
    """
    known = [rollout for rollout in rollouts if revision and _holds(rollout, revision)]
    most = ceil(len(rollouts) * min(1.0, 2 * every_s / WHOLE_AGAIN_S))
    old = sorted((rollout for rollout in known if _age_s(rollout, now) >= WHOLE_AGAIN_S / 2), key=lambda each: -_age_s(each, now))
    again = {rollout.id for rollout in old[:most]}
    return [rollout for rollout in known if rollout.id not in again]


def seen_again(rollout: RolloutRecord, now: datetime) -> None:
    """The reading is as good as one taken now."""
    reading = replace(rollout.observed.flag, read_at=now, drift=rollout.state.drifted)
    rollout.observed = replace(rollout.observed, flag=reading)


def _holds(rollout: RolloutRecord, revision: str) -> bool:
    observed, state = rollout.observed, rollout.state
    return (
        observed.flag_revision == revision
        and observed.flag.state is not None
        and not observed.flag.error
        and observed.flag_change == state.settled_seq
        and state.open_intent is None
    )


def _age_s(rollout: RolloutRecord, now: datetime) -> float:
    whole = rollout.observed.flag_read_whole
    return (now - whole).total_seconds() if whole is not None else WHOLE_AGAIN_S
