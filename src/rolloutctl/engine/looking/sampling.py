"""Asking adapters for the numbers of `http` criteria, and writing them into the journal: nobody else keeps them.

Only the driver asks, so that every process sees the same numbers. What an endpoint does not answer is not recorded: the
evidence grows old, which is a state of its own. Nothing here raises but for cancellation.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rolloutctl.engine.world.commit import commit
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.errors import InvalidInput, JournalUnreachable, LeaseLost
from rolloutctl.model.events import SampleRecorded
from rolloutctl.model.exchange import NOT_JSON, Answered, Request
from rolloutctl.model.json_path import picked
from rolloutctl.model.recorded import Recorded
from rolloutctl.plan.model import HttpCriterion, Plan

_log = logging.getLogger(__name__)
_EARLY = 0.5
"""Of a poll's interval: so much earlier than `every` an endpoint may be asked, or it would be asked one poll too late."""
Due = tuple[RolloutRecord, HttpCriterion]


class Sampler:
    """`rollouts` gives the live records; `interval_s` says how often `look` is called."""

    def __init__(self, world: World, rollouts: Callable[[], Sequence[RolloutRecord]], interval_s: Callable[[], float]) -> None:
        self._world = world
        self._rollouts = rollouts
        self._interval_s = interval_s
        self._asked: dict[tuple[str, int, str], float] = {}
        """When each was asked last, by the monotonic clock: one that fails is not asked more often than one that answers."""

    async def look(self) -> None:
        """Ask whatever is due, all at once; an adapter has limits of its own."""
        due = [each for rollout in self._rollouts() for each in self._due(rollout)]
        await asyncio.gather(*(self._take(rollout, criterion) for rollout, criterion in due))

    def _due(self, rollout: RolloutRecord) -> Iterator[Due]:
        run, now = rollout.state.run, self._world.clock.monotonic()
        if rollout.held is None or run is None or not rollout.state.judged:
            return
        known = {key: at for key, at in self._asked.items() if key[0] != rollout.id or key[1] == run.attempt}
        self._asked = known
        for criterion in rollout.plan.judged_of(run.index):
            if isinstance(criterion, HttpCriterion):
                key = rollout.id, run.attempt, criterion.id
                every = criterion.every.total_seconds() - _EARLY * min(self._interval_s(), criterion.every.total_seconds())
                if now - self._asked.get(key, -math.inf) >= every:
                    self._asked[key] = now
                    yield rollout, criterion

    async def _take(self, rollout: RolloutRecord, criterion: HttpCriterion) -> None:
        world, run = self._world, rollout.state.run
        assert run is not None
        request = Request("GET", criterion.path, tuple(criterion.query.items()))
        try:
            answer = await world.adapter(criterion.adapter).send(request)
        except InvalidInput as error:
            world.log(criterion.adapter, str(request), str(error), 0.0)
            return
        world.log(criterion.adapter, str(request), answer.why, answer.elapsed_s)
        if not isinstance(answer, Answered) or not answer.ok:
            return
        body = _sample(rollout.plan, run.index, run.attempt, criterion, answer.document, world.time.of(rollout.plan).now())
        newest = run.recorded.get(criterion.id, Recorded()).newest
        if newest is None or newest.at < body.at.timestamp():
            await self._record(rollout, body)

    async def _record(self, rollout: RolloutRecord, body: SampleRecorded) -> None:
        run = rollout.state.run
        if rollout.held is None or run is None or run.attempt != body.attempt:
            return
        try:
            await commit(self._world, rollout, rollout.held, body)
        except LeaseLost:
            rollout.held = None
        except JournalUnreachable as error:
            rollout.trouble = str(error)


def _sample(plan: Plan, index: int, attempt: int, criterion: HttpCriterion, document: Any, now: datetime) -> SampleRecorded:
    at = now if criterion.at is None else _time(picked(document, criterion.at), now)
    return SampleRecorded(
        phase=plan.phases[index].name,
        attempt=attempt,
        criterion=criterion.id,
        at=now if at is None else at,
        # A number from nobody knows when is no number.
        canary=_number(document, criterion.value) if at is not None else "nan",
        baseline="" if criterion.baseline is None else _number(document, criterion.baseline),
    )


def _number(document: Any, path: str) -> str:
    found = None if document is NOT_JSON else picked(document, path)
    if isinstance(found, bool) or not isinstance(found, int | float) or not _is_finite(found):
        return "nan"
    return repr(float(found))


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _time(found: Any, now: datetime) -> datetime | None:
    """Never later than now; None: it is no time."""
    try:
        if isinstance(found, str):
            said = datetime.fromisoformat(found)
            return min(said.astimezone(UTC), now) if said.tzinfo is not None else None
        if isinstance(found, int | float) and not isinstance(found, bool):
            return min(datetime.fromtimestamp(found, UTC), now)
    except (ValueError, OverflowError, OSError):
        return None
    return None
