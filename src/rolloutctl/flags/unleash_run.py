"""Sending a planned change to Unleash, request by request, stopping at the first answer that is not the promised one.

Nothing here decides what came of the change: that needs a fresh read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rolloutctl.flags.unleash_api import Api, Problem
from rolloutctl.flags.unleash_document import NEW, Strategy, parse_strategy
from rolloutctl.flags.unleash_events import ADDED, DISABLED, ENABLED, REMOVED, UPDATED, Trace
from rolloutctl.model.exchange import Answered
from rolloutctl.model.outcome import NativeRequest, Unknown


@dataclass(frozen=True, slots=True)
class Differs:
    """Accepted, but the answer shows something else than was sent."""

    why: str


@dataclass(slots=True)
class Progress:
    """What was done; `stopped` is None when everything was."""

    done: int = 0
    traces: list[Trace] = field(default_factory=list)
    stopped: Problem | Differs | None = None


async def send_all(api: Api, requests: Sequence[NativeRequest], approval_url: str) -> Progress:
    """Each request at most once (what never left the machine may be tried again)."""
    progress, ids = Progress(), dict[str, str]()
    for request in requests:
        real = _with_real_id(request, ids)
        answer = await api.write(real)
        problem = api.problem(answer, approval_url)
        if problem is not None:
            progress.stopped = replace(problem, why=f"{_name(request)}: {problem.why}")
            return progress
        assert isinstance(answer, Answered)
        if _is_about_a_strategy(request) and request.method != "DELETE":
            wrong = _compare(request, answer.document)
            if wrong is not None:
                progress.stopped = wrong
                return progress
            if request.method == "POST":
                ids[f"{NEW}{len(ids) + 1}"] = parse_strategy(answer.document).id
        progress.done += 1
        progress.traces.append(_trace(real, answer.document))
        if request.method in {"DELETE", "PUT"}:
            progress.traces.append(Trace(DISABLED))  # the server's own doing when the last enabled strategy goes
    return progress


def _with_real_id(request: NativeRequest, ids: dict[str, str]) -> NativeRequest:
    head, _, last = request.path.rpartition("/")
    return replace(request, path=f"{head}/{ids[last]}") if last in ids else request


def _is_about_a_strategy(request: NativeRequest) -> bool:
    return not request.path.endswith(("/on", "/off")) or request.method != "POST"


def _name(request: NativeRequest) -> str:
    """Short, for sentences: which step of the change it was."""
    match request.method:
        case "POST" if not _is_about_a_strategy(request):
            return f"turning the flag {request.path.rpartition('/')[2]}"
        case "POST":
            return "creating a strategy"
        case "DELETE":
            return "removing a strategy"
        case _:
            return "changing a strategy"


def _compare(request: NativeRequest, document: Any) -> Unknown | Differs | None:
    """The answer to a strategy's write is the strategy: it must be what was sent."""
    try:
        got = parse_strategy(document)
    except ValueError:
        return Unknown(f"{_name(request)}: accepted, but the answer is not a strategy")
    sent = json.loads(request.body)
    if request.method == "PATCH":
        values = {operation["path"]: operation["value"] for operation in sent}
        wrong = (
            values.get("/parameters/rollout", got.rollout) != got.rollout or values.get("/disabled", got.disabled) != got.disabled
        )
    else:
        whole = parse_strategy(sent | {"id": got.id})
        # The server chooses the place of a strategy and whether it is part of a release plan.
        free = {"sort_order", "milestone"}
        wrong = whole.model_dump(exclude=free) != got.model_dump(exclude=free)
    return Differs(f"{_name(request)}: accepted, but the answer shows {_shown(got)}") if wrong else None


def _shown(strategy: Strategy) -> str:
    return f"the strategy {strategy.label()} with the rollout {strategy.rollout[:20]!r}"


def _trace(request: NativeRequest, document: Any) -> Trace:
    last = request.path.rpartition("/")[2]
    match request.method:
        case "POST" if not _is_about_a_strategy(request):
            return Trace(ENABLED if last == "on" else DISABLED)
        case "POST":
            made = parse_strategy(document)
            return Trace(ADDED, made.id, made.rollout)
        case "DELETE":
            return Trace(REMOVED, last)
        case "PATCH" | "PUT":
            return Trace(UPDATED, last, parse_strategy(document).rollout)
        case _:
            msg = f"{request.method} is no write of ours"
            raise AssertionError(msg)
