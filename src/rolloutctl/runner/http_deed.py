"""An `http` step: sent with its idempotency key, retried as the step allows, read back before it is sent a second time.

Invariants: what may have been done is never called failed; after bytes were sent only what may be sent twice is sent again, and
where there is a read-back only after it has said that nothing happened; an unexpected answer is never a success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from rolloutctl.model import exchange
from rolloutctl.model.exchange import Answered, NoAnswer, NotSent, Trouble
from rolloutctl.model.kinds import Reality
from rolloutctl.model.run_words import Part, step_key
from rolloutctl.ports import Adapter
from rolloutctl.runbook.http import Effect, Expect, Readback, Request, RetryOn
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.steps import HttpStep
from rolloutctl.runner.deed import Failed, Interrupted, Look, Ok, Prepared, Result, Seen, Unknown, Unseen
from rolloutctl.runner.expecting import gave, told, unmet
from rolloutctl.runner.requests import line, rendered
from rolloutctl.runner.tools import Tools, named

_LONGEST_WAIT_S = 60.0
"""A server that asks to wait for longer is not waited for."""
_ANY_SUCCESS = Expect(status=(200, 201, 202, 203, 204, 205, 206))
_MAYBE = frozenset({408, 425})


@dataclass(frozen=True, slots=True)
class _Tried:
    result: Result
    on: RetryOn | None = None
    """What kind of trouble it was, where it may be tried again."""
    least_s: float = 0.0


class HttpDeed:
    def __init__(
        self,
        runbook: Runbook,
        step: HttpStep,
        part: Part,
        run: str,
        values: Mapping[str, str],
        tools: Tools,
        *,
        before: str = "",
        exercise: bool = False,
    ) -> None:
        """`before`: what the step's first intent kept. `exercise`: a rehearsal sends even what is so already, where it may."""
        self._runbook = runbook
        self._step = step
        self._part = part
        self._values = values
        self._tools = tools
        self._before = before
        self._key = step_key(run, step.id, part)
        self._exercise = exercise and step.effect is Effect.IDEMPOTENT

    async def prepare(self) -> Prepared:
        request = self._request()
        lines = (line(self._step.adapter, request),)
        readback, undo = self._step.readback, self._step.undo
        if self._part is Part.UNDO or readback is None or undo is None:
            return Prepared(lines)
        seen = await self._read(readback)
        if not isinstance(seen, Answered):
            return Prepared(lines, difference=f"cannot be read: {seen.why}", refusal=f"{seen.why}; nothing was sent")
        before, already = gave(readback.expect, seen, self._values), not unmet(readback.expect, seen, self._values)
        now = told(before)
        return Prepared(lines, before, difference=f"already {now}" if already else f"now {now}", already=already)

    async def carry(self, prepared: Prepared) -> Result:
        if self._part is Part.UNDO and (done := await self._undone_already()) is not None:
            return done
        if prepared.already and not self._exercise:
            return Ok(unchanged=True, why=prepared.difference)
        request, retry = self._request(), self._step.retry
        attempts = retry.attempts if retry is not None else 1
        wait_s = retry.backoff.total_seconds() if retry is not None else 0.0
        for attempt in range(1, attempts + 1):
            tried = await self._once(request)
            if isinstance(tried.result, Ok) or retry is None or tried.on is None or tried.on not in retry.on:
                return _counted(tried.result, attempt)
            if attempt == attempts or self._once_only(tried) or tried.least_s > _LONGEST_WAIT_S:
                return _counted(tried.result, attempt)
            jittered_s = max(tried.least_s, wait_s * (0.5 + self._tools.random() / 2))
            wait_s = min(wait_s * 2, retry.max_backoff.total_seconds())
            if not await self._tools.pause(jittered_s):
                return tried.result
            if isinstance(tried.result, Unknown) and self._readback() is not None:
                look = await self.look()
                if isinstance(look, Unseen):
                    return tried.result
                if look.found is Reality.APPLIED:
                    return _counted(Ok({"seen": look.why}, why=f"read back: {look.why}"), attempt)
        raise AssertionError("the last attempt returns")

    async def look(self) -> Look:
        readback = self._readback()
        if readback is None:
            return Unseen("this step has no read-back")
        seen = await self._read(readback)
        if not isinstance(seen, Answered):
            return Unseen(seen.why)
        if seen.status >= 500 or seen.status in {401, 403, 407, 429, *_MAYBE}:
            return Unseen(seen.why)
        now = gave(readback.expect, seen, self._values)
        if self._part is Part.UNDO and self._step.undo is not None and self._step.undo.readback is None:
            if not self._before:
                return Unseen("what it was before is not known")
            return Seen(Reality.APPLIED if now == self._before else Reality.NOT_APPLIED, told(now))
        wrong = unmet(readback.expect, seen, self._values)
        return Seen(Reality.NOT_APPLIED if wrong else Reality.APPLIED, wrong or told(now) or f"HTTP {seen.status}")

    async def _undone_already(self) -> Ok | None:
        """Where the step had found everything as it wanted it, undoing it would change what was there before."""
        look = await self.look()
        if isinstance(look, Seen) and look.found is Reality.APPLIED:
            return Ok({"seen": look.why}, unchanged=True, why=f"as before the run: {look.why}")
        return None

    async def _once(self, request: exchange.Request) -> _Tried:
        ended = await self._adapter().send(request)
        match ended:
            case NotSent(why, trouble):
                return _Tried(Failed(f"nothing was sent: {why}"), RetryOn.CONNECT if trouble is Trouble.CONNECT else None)
            case NoAnswer(why, trouble):
                result = Failed(why) if self._reads else Unknown(why)
                kinds = {Trouble.TIMEOUT: RetryOn.TIMEOUT, Trouble.RESET: RetryOn.RESET}
                return _Tried(result, kinds.get(trouble))
            case Answered():
                return await self._judged(ended)
            case _:
                assert_never(ended)

    async def _judged(self, answered: Answered) -> _Tried:
        wrong = unmet(self._expect(), answered, self._values)
        evidence = {"status": str(answered.status), "took_ms": str(round(answered.elapsed_s * 1000))}
        least_s = answered.retry_after_s or 0.0
        if not wrong:
            return _Tried(await self._proved(evidence))
        if self._reads:
            on = RetryOn.SERVER_ERROR if answered.status >= 500 else None
            return _Tried(Failed(wrong, evidence), RetryOn.TOO_MANY if answered.status == 429 else on, least_s)
        if answered.status == 429:
            return _Tried(Failed(wrong, evidence), RetryOn.TOO_MANY, least_s)
        if answered.status >= 500:
            return _Tried(Unknown(wrong, evidence), RetryOn.SERVER_ERROR, least_s)
        if answered.ok or answered.status in _MAYBE:
            return _Tried(Unknown(wrong, evidence))
        return _Tried(Failed(wrong, evidence))

    async def _proved(self, evidence: Mapping[str, str]) -> Result:
        """An undo counts only once it is read back; a step's own proof comes at the end of the run."""
        if self._part is Part.FORWARD:
            return Ok(evidence)
        if self._readback() is None:
            return Unknown("undone by its answer, and nothing can be read back to prove it", evidence)
        look = await self.look()
        match look:
            case Seen(found=Reality.APPLIED, why=why):
                return Ok({**evidence, "seen": why}, why=f"read back: {why}")
            case Seen(why=why):
                return Failed(f"the undo was answered, but read back it is {why}", evidence)
            case Unseen(why):
                return Unknown(f"the undo was answered, but cannot be read back: {why}", evidence)

    async def _read(self, readback: Readback) -> exchange.Exchange:
        return await self._adapter().send(
            rendered(readback.request, self._values, self._runbook.timeout(self._step), self._runbook.max_body(self._step))
        )

    def _request(self) -> exchange.Request:
        request: Request = self._step.request
        if self._part is Part.UNDO:
            assert self._step.undo is not None
            request = self._step.undo.request
        key = "" if self._reads else self._key
        return rendered(request, self._values, self._runbook.timeout(self._step), self._runbook.max_body(self._step), key)

    def _expect(self) -> Expect:
        if self._part is Part.FORWARD:
            return self._step.expect
        assert self._step.undo is not None
        return self._step.undo.expect or _ANY_SUCCESS

    def _readback(self) -> Readback | None:
        if self._part is Part.UNDO and self._step.undo is not None and self._step.undo.readback is not None:
            return self._step.undo.readback
        return self._step.readback

    def _once_only(self, tried: _Tried) -> bool:
        once = self._step.effect is Effect.ONCE and self._part is Part.FORWARD
        return once and tried.on is not RetryOn.CONNECT

    @property
    def _reads(self) -> bool:
        return self._step.effect is Effect.READ and self._part is Part.FORWARD

    def _adapter(self) -> Adapter:
        return named(self._tools.adapters, "adapter", self._step.adapter)


def _counted(result: Result, attempts: int) -> Result:
    if attempts == 1 or isinstance(result, Interrupted):
        return result
    evidence = {**result.evidence, "attempts": str(attempts)}
    match result:
        case Ok(unchanged=unchanged, why=why):
            return Ok(evidence, unchanged, why=why)
        case Failed(why):
            return Failed(why, evidence)
        case Unknown(why):
            return Unknown(why, evidence)
        case _:
            assert_never(result)
