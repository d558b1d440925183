"""Unleash's HTTP API: one request at a time, and what its answer means for a change.

Contract as measured on 5.12 to 8.2: errors are `{"name", "message", "details": [{"message"}]}` or only `{"message"}`;
429 is plain text; `on` and `off` answer 200 with an empty body; a protected environment (Enterprise) answers 403 with
`SKIP_CHANGE_REQUEST`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

import httpx

from rolloutctl.config import Auth
from rolloutctl.errors import ProviderUnreachable, RolloutctlError, Unreachable
from rolloutctl.model.exchange import NOT_JSON, Answered, Exchange, NoAnswer, NotSent
from rolloutctl.model.outcome import NativeRequest, NeedsApproval, RateLimited, Rejected, Unavailable, Unknown
from rolloutctl.ports import Clock
from rolloutctl.wire.clients import Timeouts
from rolloutctl.wire.credentials import Secrets, Signed, sign
from rolloutctl.wire.http import MAX_BODY, Call, exchange
from rolloutctl.wire.limits import retry_after_s
from rolloutctl.wire.retry import Policy, repeat

Problem = NeedsApproval | Rejected | RateLimited | Unavailable | Unknown

_APPROVAL = "SKIP_CHANGE_REQUEST"
_MAYBE_DONE = frozenset({408, 425})
"""Statuses below 500 that do not say the request was not carried out."""
_AT_ONCE_S = 0.0


class Unanswered(ProviderUnreachable):
    """A read without a usable answer; `problem` says which kind."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"Unleash: {problem.why}.", remedy=_remedy(problem))
        self.problem = problem


def _remedy(problem: Problem) -> str:
    match problem:
        case Rejected():
            return "Check the provider's token and what it may do."
        case RateLimited(retry_after_s=seconds):
            return f"It wants to be left alone for {seconds:.0f} s."
        case Unavailable() | Unknown():
            return "Check the provider's url and network, then look again."
        case NeedsApproval():
            return ""
        case _:
            assert_never(problem)


@dataclass(frozen=True, slots=True)
class Line:
    """A client with what its requests may take: the ordinary one, or the one kept free for turning off."""

    client: httpx.AsyncClient
    timeouts: Timeouts
    policy: Policy


class Api:
    """The requests of one operation: the secret is read once, again after a 401, and goes away with this object."""

    def __init__(self, line: Line, auth: Auth, secrets: Secrets, clock: Clock, random: Callable[[], float]) -> None:
        self._line = line
        self._auth = auth
        self._secrets = secrets
        self._clock = clock
        self._random = random
        self._signed: Signed | None = None

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        max_body: int = MAX_BODY,
    ) -> Answered:
        """Read, with retries. Raises Unanswered unless the answer is 2xx or 404; a 2xx body is JSON."""
        call = Call("GET", path, headers or {}, params or {}, max_body=max_body)
        answer = await self._repeat(call, self._harmless_again)
        if isinstance(answer, Answered) and answer.status == httpx.codes.NOT_FOUND:
            return answer
        problem = self.problem(answer)
        if isinstance(problem, NeedsApproval):
            problem = Rejected(problem.why)
        if problem is not None:
            raise Unanswered(problem)
        assert isinstance(answer, Answered)
        if answer.document is NOT_JSON:
            raise Unanswered(Unknown(f"GET {path} answered {answer.status} with something that is not JSON"))
        return answer

    async def write(self, request: NativeRequest) -> Exchange:
        """Sent once; only what never left is tried again."""
        return await self._repeat(Call(request.method, request.path, body=request.body), _unsent)

    async def insist(self, request: NativeRequest) -> Exchange:
        """For a write that may be repeated without harm, such as `off`: tried again as a read is.

        Once an attempt may have arrived, a later one that did not, or was refused, does not make it undone: NoAnswer.
        """
        doubt: list[str] = []

        def again(answer: Exchange) -> float | None:
            problem = self.problem(answer)
            if isinstance(problem, Unknown):
                doubt.append(problem.why)
            return self._harmless_again(answer)

        try:
            answer = await self._repeat(Call(request.method, request.path, body=request.body), again)
        except RolloutctlError as error:
            if not doubt:
                raise
            return NoAnswer(f"{doubt[0]}; then {error}")
        problem = self.problem(answer)
        if doubt and problem is not None:
            return NoAnswer(doubt[0] if isinstance(problem, Unknown) else f"{doubt[0]}; then {problem.why}")
        return answer

    def problem(self, answer: Exchange, approval_url: str = "") -> Problem | None:
        """What an exchange means for a change; None: it was accepted. `why` is a clause without a full stop."""
        match answer:
            case NotSent(why):
                return Unavailable(why)
            case NoAnswer(why):
                return Unknown(why)
            case Answered():
                return _refusal(answer, self._clock.now(), approval_url)
            case _:
                assert_never(answer)

    async def _repeat(self, call: Call, again: Callable[[Exchange], float | None]) -> Exchange:
        return await repeat(lambda: self._once(call), again, self._line.policy, self._clock, self._random)

    async def _once(self, call: Call) -> Exchange:
        if self._signed is None:
            self._signed = await self._sign()
        answer = await self._send(call, self._signed)
        if isinstance(answer, Answered) and answer.status == httpx.codes.UNAUTHORIZED:
            fresh = await self._sign()
            if fresh != self._signed:
                self._signed = fresh
                return await self._send(call, fresh)
        return answer

    async def _sign(self) -> Signed:
        try:
            return await sign(self._auth, self._secrets)
        except Unreachable as error:
            raise ProviderUnreachable(error.message, remedy=error.remedy) from None

    async def _send(self, call: Call, signed: Signed) -> Exchange:
        signed_call = replace(call, headers={**call.headers, **signed.headers}, secrets=signed.secrets)
        return await exchange(self._line.client, signed_call, self._line.timeouts)

    def _harmless_again(self, answer: Exchange) -> float | None:
        problem = self.problem(answer)
        match problem:
            case Unavailable() | Unknown():
                return _AT_ONCE_S
            case RateLimited(retry_after_s=seconds):
                return seconds
            case _:
                return None


def _unsent(answer: Exchange) -> float | None:
    return _AT_ONCE_S if isinstance(answer, NotSent) else None


def _refusal(answer: Answered, now: datetime, approval_url: str) -> Problem | None:
    """By status; the server's own words are already clean."""
    status = answer.status
    said = f"HTTP {status}" + (f': "{answer.text}"' if answer.text else "")
    if answer.ok:
        return None
    if status == httpx.codes.TOO_MANY_REQUESTS:
        wait_s = retry_after_s(answer.headers, now)
        return RateLimited(wait_s, f"too many requests, wait {wait_s:.0f} s")
    if status == httpx.codes.FORBIDDEN and _wants_approval(answer.document):
        return NeedsApproval(approval_url, "the environment is protected by change requests, and this token may not skip them")
    if status == httpx.codes.UNAUTHORIZED:
        return Rejected(f"the token is refused ({said})")
    if status == httpx.codes.FORBIDDEN:
        return Rejected(f"the token may not do this ({said})")
    if 300 <= status < 400:
        return Unknown(f"HTTP {status}, a redirect; redirects are not followed, so give the provider's final url")
    if status < 400 or status >= 500 or status in _MAYBE_DONE:
        return Unknown(said)
    return Rejected(said)


def _wants_approval(document: Any) -> bool:
    return isinstance(document, dict) and _APPROVAL in json.dumps(document)
