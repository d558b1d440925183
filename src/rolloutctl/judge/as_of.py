"""The verdict on a criterion with samples and without a breach, from how it stands after the newest complete cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from rolloutctl.judge.frame import Frame
from rolloutctl.judge.words import span, span_long
from rolloutctl.model.verdict import Evidence, State, Verdict

_NONE = Evidence()


class Says(Protocol):
    """Puts what the tests found into words and numbers, as of a cell."""

    def one_host(self, cell: int) -> tuple[str, str]:
        """(host, sentence)."""
        ...

    def passes(self, cell: int) -> str: ...

    def stands(self, cell: int) -> str:
        """How things stand without a verdict, in half a sentence."""
        ...

    def needed_s(self, cell: int) -> float:
        """Seconds to a verdict at the present rate; infinite: none comes."""
        ...

    def decide(self) -> str:
        """What would bring a verdict where the present rate does not."""
        ...


@dataclass(frozen=True, slots=True)
class AsOf:
    criterion: str
    segment: str
    cell: int
    """Of the phase."""
    length: float
    hold: bool
    """One host explains what would be a breach."""
    passing: bool
    passed: bool
    """The tests allow a pass; something else may be in the way."""
    blocked: str
    hold_s: float
    since: float
    """When it began to stand so, Unix s."""
    low_for: Callable[[], int]
    """For how many cells up to this one even the best that can be hoped for brings no verdict in time; 0: not in this one."""
    evidence: Evidence = _NONE


def judged(it: AsOf, frame: Frame, now: float, tell: Says) -> Verdict:
    if it.hold:
        _, why = tell.one_host(it.cell)
        change = "The host back to normal, or replaced; the others getting as bad would be a breach."
        return _verdict(it, State.ONE_HOST, why, change, it.since)
    if it.passing:
        change = "Evidence that the canary is worse than tolerated; judging goes on until the phase ends."
        return _verdict(it, State.PASS, f"{tell.passes(it.cell)}.", change, it.since)
    return _low_traffic(it, frame, now, tell) or _pending(it, frame, tell)


def _verdict(it: AsOf, state: State, why: str, would_change: str, since: float) -> Verdict:
    return Verdict(it.criterion, it.segment, state, why, would_change, since=since, evidence=it.evidence)


def _end(it: AsOf, frame: Frame, cell: int) -> float:
    return frame.start + (cell + 1) * it.length


def _low_traffic(it: AsOf, frame: Frame, now: float, tell: Says) -> Verdict | None:
    early = _end(it, frame, it.cell) - frame.origin < frame.min_time
    if early or it.blocked or it.passed:
        return None
    cells = it.low_for()
    if not cells:
        return None
    before = min(cells - 1, frame.grace)
    left = span_long(max(0.0, frame.deadline - now))
    since = _end(it, frame, it.cell - before)
    why = f"{tell.stands(it.cell)}; at this rate no verdict is possible in the {left} until the deadline."
    verdict = _verdict(it, State.LOW_TRAFFIC, why, tell.decide(), since)
    return replace(verdict, missing_since=since, grace_over=before >= frame.grace)


def _pending(it: AsOf, frame: Frame, tell: Says) -> Verdict:
    stands = tell.stands(it.cell)
    if it.blocked:
        return _verdict(it, State.PENDING, f"{stands}; {it.blocked}.", "The end of that.", it.since)
    if it.passed:
        early = frame.min_time - (_end(it, frame, it.cell) - frame.start)
        if early > 0:
            why = f"{stands}; nothing passes before {span(frame.min_time)} of the phase, {span(early)} more."
        else:
            why = f"{stands}; has to stay so for {span(it.hold_s)} without a break."
        return _verdict(it, State.PENDING, why, "Time, if nothing changes.", it.since)
    needed = tell.needed_s(it.cell)
    if math.isinf(needed):
        return _verdict(it, State.PENDING, f"{stands}; as things are, no verdict comes.", tell.decide(), it.since)
    change = f"About {_more(needed)} of traffic as it is."
    return _verdict(it, State.PENDING, f"needs about {_more(needed)}: {stands}.", change, it.since)


def _more(seconds: float) -> str:
    """`47 more minutes`."""
    if seconds < 90:
        return f"{max(5, 5 * math.ceil(seconds / 5))} more seconds"
    if seconds < 120 * 60:
        return f"{round(seconds / 60)} more minutes"
    if seconds < 48 * 3600:
        return f"{round(seconds / 3600)} more hours"
    return f"{seconds / 86400:,.0f} more days"
