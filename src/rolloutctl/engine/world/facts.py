"""From what was observed to the facts policy decides by: nothing stale passes as present."""

from __future__ import annotations

from datetime import timedelta

from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.policy.decide import LOOK_AGAIN
from rolloutctl.policy.facts import Facts

_FLAG_GRACE = timedelta(seconds=60)
"""A flag reading older than this is no longer the flag's state."""


def facts_of(world: World, rollout: RolloutRecord) -> Facts:
    state, observed, now = rollout.state, rollout.observed, world.time.of(rollout.plan).now()
    judgement = observed.judgement
    current = (
        judgement if judgement is not None and state.run is not None and judgement.phase_attempt == state.run.attempt else None
    )
    flag = observed.flag
    fresh = (
        flag.read_at is not None
        and world.clock.now() - flag.read_at < _FLAG_GRACE
        and observed.flag_change == state.settled_seq
        and state.open_intent is None
    )
    seen = observed.seen if observed.seen is not None and observed.seen.change == state.settled_seq else None
    return Facts(
        now=now,
        config=world.config,
        driving_since=rollout.driving_since or now,
        verdicts=current.verdicts if current is not None else (),
        phase_verdict=current.phase if current is not None else None,
        flag=flag.state if fresh else None,
        flag_error=flag.error,
        next_problem=observed.next_problem if fresh else "",
        exposure_off=observed.exposure_off,
        verification=seen.verification if seen is not None else None,
        checked=rollout.checked,
        proposed=rollout.proposed,
        proof=rollout.way_back.proof(now) if rollout.way_back is not None else None,
        verify_due=seen is not None and now - seen.at >= LOOK_AGAIN,
    )
