"""A `flag` step: the rollout's flag through its provider. What it was before is kept whole, so that the undo restores it.

Invariants: turning off waits for no read longer than a moment; what the provider calls unknown only a read makes known.
"""

from __future__ import annotations

import asyncio
from typing import assert_never

from rolloutctl.errors import InvalidInput, RolloutctlError
from rolloutctl.model import outcome as out
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.kinds import Reality
from rolloutctl.model.run_words import Part, step_key
from rolloutctl.ports import Provider
from rolloutctl.runbook.steps import FlagStep
from rolloutctl.runner.deed import Failed, Look, Ok, Prepared, Result, Seen, Unknown, Unseen
from rolloutctl.runner.tools import Tools, named

_GLANCE_S = 2.0
"""How long turning off waits for what the flag was before."""
_TRIES = 4
_LONGEST_WAIT_S = 30.0


class FlagDeed:
    def __init__(
        self,
        step: FlagStep,
        part: Part,
        run: str,
        target: Target | None,
        snapshot: CohortState | None,
        tools: Tools,
        *,
        before: str = "",
    ) -> None:
        """`snapshot`: what the flag was before its rollout, or before the run."""
        self._step = step
        self._part = part
        self._run = run
        self._target_or_none = target
        self._snapshot = snapshot
        self._tools = tools
        self._before = CohortState.model_validate_json(before) if before else None

    async def prepare(self) -> Prepared:
        provider, target = self._provider(), self._target()
        if self._part is Part.UNDO:
            return Prepared((f"{target.provider}: {target.key} in {target.environment} → as before the run",))
        lines = (f"{target.provider}: {target.key} in {target.environment} → {self._words()}",)
        try:
            async with asyncio.timeout(_GLANCE_S if self._step.target.off else None):
                state = await provider.read(target)
        except TimeoutError:
            return Prepared(lines, difference="it was not read in time")
        except RolloutctlError as error:
            return Prepared(lines, difference=f"cannot be read: {error}", refusal=f"{error} Nothing was sent.")
        already = self._is_there(state)
        difference = f"already {self._words()}" if already else f"{state} → {self._words()}"
        return Prepared(lines, state.model_dump_json(), difference=difference, already=already)

    async def carry(self, prepared: Prepared) -> Result:
        if self._part is Part.UNDO and self._before is None:
            return Unknown("what the flag was before is not known")
        if prepared.already and not self._step.target.off:
            return Ok(unchanged=True, why=prepared.difference)
        for attempt in range(1, _TRIES + 1):
            outcome = await self._send()
            if isinstance(outcome, out.RateLimited) and attempt < _TRIES and outcome.retry_after_s <= _LONGEST_WAIT_S:
                if not await self._tools.pause(outcome.retry_after_s):
                    break
                continue
            if isinstance(outcome, out.Unavailable) and attempt < _TRIES:
                if not await self._tools.pause(0.2 * 2**attempt):
                    break
                continue
            break
        return self._told(outcome)

    async def look(self) -> Look:
        try:
            state = await self._provider().read(self._target())
        except RolloutctlError as error:
            return Unseen(str(error))
        there = self._is_undone(state) if self._part is Part.UNDO else self._is_there(state)
        return Seen(Reality.APPLIED if there else Reality.NOT_APPLIED, f"it is {state}")

    async def _send(self) -> out.Outcome:
        provider, target = self._provider(), self._target()
        key, reason = step_key(self._run, self._step.id, self._part), f"rolloutctl run {self._run}: {self._step.id}"
        if self._part is Part.UNDO:
            assert self._before is not None
            return await provider.restore(self._before, target, key, reason)
        if self._step.target.off:
            return await provider.off(target, key, reason)
        if self._step.target.snapshot:
            if self._snapshot is None:
                return out.Rejected("what the flag was before the rollout is not known")
            return await provider.restore(self._snapshot, target, key, reason)
        return await self._change(provider, target, key, reason)

    async def _change(self, provider: Provider, target: Target, key: str, reason: str) -> out.Outcome:
        want = self._want()
        assert want is not None, "only off and snapshot have no cohort of their own"
        try:
            change = await provider.plan(await provider.read(target), want, target)
        except InvalidInput as error:
            return out.Rejected(str(error))
        except RolloutctlError as error:
            return out.Unavailable(str(error))
        return await provider.apply(change, target, key, reason)

    def _told(self, outcome: out.Outcome) -> Result:
        match outcome:
            case out.Applied(state):
                return Ok({"flag": str(state)}, why=f"read back: {state}")
            case out.Unchanged(state):
                return Ok({"flag": str(state)}, unchanged=True, why=f"it was {state} already")
            case out.Conflict(actual, why):
                return Failed(f"it is {actual}: {why}", {"flag": str(actual)})
            case out.NeedsApproval(url, why):
                return Failed(f"it needs an approval at {url}: {why}")
            case out.Rejected(why):
                return Failed(f"the flag server refused it: {why}")
            case out.RateLimited(retry_after_s, why):
                return Failed(f"{why}; again in {retry_after_s:.0f} s")
            case out.Unavailable(why):
                return Failed(f"nothing was sent: {why}")
            case out.Unknown(why):
                return Unknown(why)
            case _:
                assert_never(outcome)

    def _is_there(self, state: CohortState) -> bool:
        if self._step.target.snapshot:
            return self._snapshot is not None and state.native == self._snapshot.native
        return _equal(state.effective, self._want())

    def _is_undone(self, state: CohortState) -> bool:
        if self._before is None:
            return False
        if state.native == self._before.native:
            return True
        return not self._before.enabled and not state.enabled

    def _want(self) -> Cohort | None:
        return self._step.target.cohort(self._snapshot.effective if self._snapshot is not None else None)

    def _words(self) -> str:
        want = self._want()
        return "as before the rollout" if self._step.target.snapshot or want is None else str(want)

    def _target(self) -> Target:
        if self._target_or_none is None:
            raise InvalidInput(
                f'step "{self._step.id}" changes a flag, and none is named.', remedy="Say --rollout R or --flag PROVIDER/KEY."
            )
        return self._target_or_none

    def _provider(self) -> Provider:
        return named(self._tools.providers, "provider", self._target().provider)


def _equal(one: Cohort | None, other: Cohort | None) -> bool:
    if one is None or other is None:
        return False
    return one.percent == other.percent and set(one.audiences) == set(other.audiences)
