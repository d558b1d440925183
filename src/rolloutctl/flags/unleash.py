"""Unleash 5 to 8 as a flag provider.

Invariants: a change is sent only on the document it was planned on; Applied is said only after a fresh read shows
exactly the expected document; nothing is created twice by a retry; what somebody else made is never touched.
Turning off, and restoring, have a client and timeouts of their own and never queue behind a poll.
"""

from __future__ import annotations

import secrets as system
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final, assert_never

import httpx

from rolloutctl import config
from rolloutctl.errors import InvalidInput, ProviderUnreachable, RolloutctlError
from rolloutctl.flags.unleash_api import Api, Line, Unanswered
from rolloutctl.flags.unleash_document import difference, parse_native
from rolloutctl.flags.unleash_events import Event, not_ours
from rolloutctl.flags.unleash_plan import Steps, check_percent, environment_path, steps_to, steps_to_restore
from rolloutctl.flags.unleash_run import Differs, Progress, send_all
from rolloutctl.flags.unleash_state import (
    ENVIRONMENTS,
    NoSuchFlag,
    events_after,
    log_head,
    read_document,
    read_segments,
    read_state,
    segment_ids,
    state_of,
)
from rolloutctl.flags.unleash_verify import CLIENT_SPEC, judge
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.exchange import Answered, Exchange
from rolloutctl.model.outcome import (
    Applied,
    Capabilities,
    Change,
    Concurrency,
    Conflict,
    ForeignEdit,
    Health,
    NativeRequest,
    NeedsApproval,
    Outcome,
    RateLimited,
    Rejected,
    Unavailable,
    Unchanged,
    Unknown,
    Verification,
)
from rolloutctl.ports import Clock
from rolloutctl.wire.clients import Timeouts, client_factory
from rolloutctl.wire.credentials import Secrets
from rolloutctl.wire.retry import Policy
from rolloutctl.wire.text import clean

OFF_TIMEOUTS: Final = Timeouts(connect_s=2.0, read_s=5.0)
_OFF_POLICY: Final = Policy(attempts=4, budget_s=4.0, base_s=0.1, most_s=0.5)
_ATTEMPTS: Final = 3
_LARGEST_CLIENT_DOCUMENT: Final = 16 << 20
_VERSION_PATH: Final = "/api/admin/ui-config"


def _random() -> float:
    return system.randbelow(1 << 30) / (1 << 30)


class UnleashProvider:
    """`ports.Provider` over Unleash's admin API, verified over its client API. Raises InvalidInput for unusable TLS files."""

    def __init__(
        self,
        settings: config.UnleashProvider,
        secrets: Secrets,
        clock: Clock,
        *,
        random: Callable[[], float] = _random,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._random = random
        make = client_factory(settings.url, settings.tls, transport)
        ordinary = Timeouts(settings.connect_timeout.total_seconds(), settings.timeout.total_seconds())
        self._line = Line(make(ordinary, 5), ordinary, Policy(_ATTEMPTS, ordinary.read_s))
        self._off_line = Line(make(OFF_TIMEOUTS, 0), OFF_TIMEOUTS, _OFF_POLICY)
        self.capabilities = Capabilities(
            percent_step=Fraction(1),
            audiences=True,
            monotone=True,
            concurrency=Concurrency.DETECT,
            reason=False,
            event_log=True,
            verify="what SDKs are served, by the client API" if settings.client_auth is not None else "",
            settle_time_s=settings.settle_time.total_seconds(),
        )

    def __repr__(self) -> str:
        return f"UnleashProvider({self._settings.url!r})"

    async def close(self) -> None:
        await self._line.client.aclose()
        await self._off_line.client.aclose()

    # -- looking

    async def probe(self) -> Health:
        began = self._clock.monotonic()
        api = self._admin()
        try:
            answer = await api.get(ENVIRONMENTS)
            latency_s = self._clock.monotonic() - began
            entries = answer.document.get("environments") if isinstance(answer.document, dict) else None
            if not isinstance(entries, list):
                return Health(ok=False, latency_s=latency_s, text="It answers, but not as Unleash does.")
            names = [clean(str(each["name"]), most=60) for each in entries if isinstance(each, dict) and "name" in each]
            version = await self._version(api)
        except RolloutctlError as error:
            return Health(ok=False, latency_s=self._clock.monotonic() - began, text=str(error))
        facts = {"environments": ", ".join(names)} | ({"version": version} if version else {})
        text = f"Unleash {version}".strip() + f" lists {len(names)} environments to this token."
        return Health(ok=True, latency_s=latency_s, text=text, facts=facts)

    async def _version(self, api: Api) -> str:
        """Empty where the server does not tell."""
        try:
            answer = await api.get(_VERSION_PATH)
        except ProviderUnreachable:
            return ""
        told = answer.document.get("version") if answer.ok and isinstance(answer.document, dict) else None
        return clean(told, most=40) if isinstance(told, str) else ""

    async def read(self, target: Target) -> CohortState:
        return await read_state(self._admin(), target)

    async def newest_change(self) -> str:
        """`ports.TellsChanges`: the event log only grows, and whatever changes a flag makes an entry."""
        return await log_head(self._admin())

    async def verify(self, target: Target, want: Cohort) -> Verification:
        if self._settings.client_auth is None:
            state = await self.read(target)
            how = f"admin API only, as no client token is configured: it shows {state}"
            return Verification(seen=_is(state, want), how=how)
        segments = await read_segments(self._admin()) if want.audiences else ()
        api = Api(self._line, self._settings.client_auth, self._secrets, self._clock, self._random)
        path = "/api/client/features"
        answer = await api.get(
            path, {"namePrefix": target.key}, headers={"Unleash-Client-Spec": CLIENT_SPEC}, max_body=_LARGEST_CLIENT_DOCUMENT
        )
        try:
            return judge(answer.document, target, want, segments)
        except ValueError as error:
            raise Unanswered(Unknown(f"GET {path} answered something else than flags ({error})")) from None

    async def history(self, target: Target, since: str) -> Sequence[ForeignEdit]:
        events = await events_after(self._admin(), target, since or "0")
        return [event.edit() for event in reversed(events) if event.concerns(target.environment)]

    # -- changing

    async def plan(self, state: CohortState, want: Cohort, target: Target) -> Change:
        check_percent(want)
        segments = await segment_ids(self._admin(), want.audiences)
        steps = steps_to(parse_native(state.native), want, target, segments)
        return Change(state, want, steps.requests, steps.expected.native(), steps.warnings)

    async def apply(self, change: Change, target: Target, key: str, reason: str) -> Outcome:  # noqa: ARG002 - Unleash keeps neither
        """`key` and `reason` stay in the journal: Unleash has no place for them, and no request here may be repeated blindly."""
        api = self._admin()
        try:
            before, expected = parse_native(change.state.native), parse_native(change.expected)
            state = await read_state(api, target)
        except RolloutctlError as error:
            return _nothing_written(error)
        now = parse_native(state.native)
        if now.native() != before.native():
            if not difference(expected, now, before):
                return Unchanged(state)
            return Conflict(
                state, f"the flag was changed since it was read: {difference(before, now, before)}; nothing was written"
            )
        if not change.requests:
            return Unchanged(state)
        return await self._carry_out(api, Steps(change.requests, expected), target, state)

    async def off(self, target: Target, key: str, reason: str) -> Outcome:  # noqa: ARG002 - Unleash keeps neither
        """One repeatable request, then a look. A lost answer is no matter when the look shows that the flag is off."""
        api = self._admin(self._off_line)
        try:
            answer = await api.insist(NativeRequest("POST", f"{environment_path(target)}/off"))
        except RolloutctlError as error:
            return _nothing_written(error)
        problem = api.problem(answer, self._approval_url(target))
        if isinstance(problem, NeedsApproval | RateLimited | Unavailable):
            return problem
        try:
            state = await self._state_after_off(api, target)
        except RolloutctlError as error:
            return _unseen_off(answer, problem, error)
        match problem:
            case None if state.enabled:
                return Conflict(state, "turning off was accepted, but the flag is on")
            case Unknown(why) if state.enabled:
                return Unknown(f"{why}; the flag is still on, and the request may yet arrive")
            case Rejected():
                return problem if state.enabled else Unchanged(state)
            case None | Unknown():
                return Applied(state)
            case _:
                assert_never(problem)

    async def _state_after_off(self, api: Api, target: Target) -> CohortState:
        """The document counts; a log that does not answer must not keep anybody from knowing that the flag is off."""
        try:
            return await read_state(api, target)
        except Unanswered:
            document = await read_document(api, target)
            return await state_of(api, target, document, "", ("the event log did not answer",))

    async def restore(self, snapshot: CohortState, target: Target, key: str, reason: str) -> Outcome:  # noqa: ARG002 - Unleash keeps neither
        api = self._admin(self._off_line)
        try:
            state = await read_state(api, target)
            now, wanted = parse_native(state.native), parse_native(snapshot.native)
            if now.native() == wanted.native():
                return Unchanged(state)
            steps = steps_to_restore(now, wanted, target)
        except RolloutctlError as error:
            return _nothing_written(error)
        outcome = await self._carry_out(api, steps, target, state)
        if isinstance(outcome, Applied) and steps.warnings and wanted.enabled:
            return Conflict(outcome.state, "; ".join(steps.warnings))
        return outcome

    async def _carry_out(self, api: Api, steps: Steps, target: Target, before: CohortState) -> Outcome:
        """Send, look again, compare everything."""
        try:
            progress = await send_all(api, steps.requests, self._approval_url(target))
        except RolloutctlError as error:
            return Unknown(f"stopped on the way: {error}")
        stopped = progress.stopped
        if isinstance(stopped, Unknown):
            return Unknown(f"{stopped.why}{_so_far(progress, steps)}")
        if progress.done == 0 and stopped is not None and not isinstance(stopped, Differs):
            return stopped
        try:
            state = await read_state(api, target)
            now = parse_native(state.native)
            strangers, warnings = await self._strangers(api, target, before.token, progress)
        except RolloutctlError as error:
            told = f"{stopped.why}; " if stopped is not None else "sent, but it cannot be read back: "
            return Unknown(f"{told}{error}{_so_far(progress, steps)}")
        if stopped is not None:
            return Conflict(state, f"{stopped.why}{_so_far(progress, steps)}; the flag now serves {state}")
        wrong = difference(steps.expected, now, parse_native(before.native))
        by = _by(strangers)
        if wrong:
            return Conflict(state, f"read-back differs: {wrong}{by}")
        if any(event.id <= int(state.token or "0") for event in strangers):
            return Conflict(state, f"somebody else changed the flag at the same time{by}")
        return Applied(state.model_copy(update={"warnings": (*state.warnings, *warnings)}))

    async def _strangers(
        self, api: Api, target: Target, token: str, progress: Progress
    ) -> tuple[tuple[Event, ...], tuple[str, ...]]:
        """Entries of the log since `token` that are not ours; a log that does not answer is a warning."""
        if not token:
            return (), ()
        try:
            events = await events_after(api, target, token)
        except Unanswered as error:
            return (), (f"whether somebody else wrote at the same time is not known: {error.problem.why}",)
        return not_ours(events, target.environment, progress.traces), ()

    def _admin(self, line: Line | None = None) -> Api:
        return Api(line or self._line, self._settings.auth, self._secrets, self._clock, self._random)

    def _approval_url(self, target: Target) -> str:
        return f"{self._settings.url.rstrip('/')}/projects/{target.project}/change-requests"


def _is(state: CohortState, want: Cohort) -> bool:
    served = state.effective
    if served is None:
        return False
    return served.percent == want.percent and set(served.audiences) == set(want.audiences)


def _nothing_written(error: RolloutctlError) -> Outcome:
    """What a failure before the first write means: definitely nothing happened."""
    match error:
        case Unanswered(problem=Unknown(why) | Unavailable(why)):
            return Unavailable(f"{why}; nothing was written")
        case Unanswered(problem=problem):
            return problem
        case InvalidInput():
            return Rejected(str(error))
        case _:
            return Unavailable(str(error))


def _unseen_off(answer: Exchange, problem: Rejected | Unknown | None, error: RolloutctlError) -> Outcome:
    """The flag cannot be looked at. A 404 alone is no proof that nothing happened: a broken server says it, too."""
    if isinstance(problem, Rejected):
        is_404 = isinstance(answer, Answered) and answer.status == httpx.codes.NOT_FOUND
        if isinstance(error, NoSuchFlag):
            return Rejected(f"{error.message} So nothing is on under this name: check it. {error.near}".rstrip())
        if isinstance(error, InvalidInput):
            return Rejected(str(error))
        return Unknown(f"{problem.why}; {error}") if is_404 else problem
    first = problem.why if problem is not None else "turning off was accepted"
    return Unknown(f"{first}, but the flag cannot be read back: {error}")


def _so_far(progress: Progress, steps: Steps) -> str:
    return f" ({progress.done} of {len(steps.requests)} requests were done before)" if progress.done else ""


def _by(strangers: Sequence[Event]) -> str:
    if not strangers:
        return ""
    return ": " + "; ".join(f"{clean(each.who, most=60)} {each.what()} (event {each.id})" for each in strangers[:3])
