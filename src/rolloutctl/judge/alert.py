"""Criteria of type `alert`: an alerting rule that must not fire.

Looks are the cells of the phase's grid: the first ended cell in which the alert fires is the breach, in the warm-up too, and it
stays one. Quiet is a pass only where somebody evaluates the rule, and lately: without that a rule that was renamed, or a
Prometheus without its rule files, would look like the best of all services.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rolloutctl.judge.alert_seen import Ended, by_alertmanager, by_source, shown, together, usual_gap
from rolloutctl.judge.answers import Answers, failed, problem, texts, usable
from rolloutctl.judge.frame import Frame
from rolloutctl.judge.freshness import overdue
from rolloutctl.judge.needs import AlertNeed, queries_of
from rolloutctl.judge.threshold import CELLS_KEPT, Missing
from rolloutctl.judge.words import span
from rolloutctl.model.alerts import ERROR, FIRING, HEALTH, PENDING
from rolloutctl.model.samples import QueryKind, Series
from rolloutctl.model.verdict import Cell, Evidence, State, Verdict

_TICK_S = 0.002
_STAYS = "Nothing in this phase: a breach stays for the attempt."
_TEMPLATE = "{{"
"""In a label whose value the rule makes anew for each alert: it may become anything."""


def judge_alert(need: AlertNeed, frame: Frame, answers: Answers) -> Verdict:
    """As it looked at `frame.now`, from samples up to then. A list of rules is always the present one: it has no past."""
    return _Alert(need, frame, answers).verdict()


class _Alert:
    def __init__(self, need: AlertNeed, frame: Frame, answers: Answers) -> None:
        self.need, self.frame, self.answers = need, frame, answers
        self.criterion = need.criterion
        self.name = f"the alert {need.criterion.alert}"
        self.ended = Ended.by(frame.now, frame.start, frame.step)
        self.listed = need.evaluated.kind is QueryKind.RULE
        evaluated = usable(answers, need.evaluated).series
        self.rules = tuple(one for one in evaluated if self.listed and _may_give(one, need.criterion.labels))
        alerts = usable(answers, need.firing).series
        told = max((rule.values[-1] for rule in self.rules if rule.values), default=0.0)
        self.every_s = told or usual_gap(alerts)
        theirs = by_alertmanager(usable(answers, need.announced).series, need.criterion.labels, self.ended)
        self.firing = together(by_source(alerts, FIRING, self.every_s, self.ended), theirs)
        self.pending = by_source(alerts, PENDING, self.every_s, self.ended)

    def verdict(self) -> Verdict:
        found = self._breach() or self._trouble() or self._unwatched() or self._is_pending() or self._quiet()
        return replace(found, evidence=self._evidence())

    def _verdict(self, state: State, why: str, would_change: str, since: float | None) -> Verdict:
        return Verdict(self.criterion.id, "", state, why, would_change, since=since)

    def _breach(self) -> Verdict | None:
        noisy = frozenset[int]().union(*(seen.cells for seen in self.firing))
        if not noisy:
            return None
        first, last, ended = min(noisy), max(noisy), self.ended
        seen = [one for one in self.firing if first in one.cells]
        at = ended.end(first)
        already = any(one.before for one in seen)
        when = "and did already when the phase began" if already else f"{span(at - ended.start)} into the phase"
        why = f"{self.name} fires{shown(seen)}, {when}"
        if last < ended.count - 1:
            why += f"; it has been quiet again for {span((ended.count - 1 - last) * ended.step)}"
        return replace(self._verdict(State.BREACH, f"{why}.", _STAYS, at), breach_at=at)

    def _trouble(self) -> Verdict | None:
        """What was said instead of an answer; when that began, samples cannot tell."""
        missing = problem(self.answers, queries_of(self.need))
        return None if missing is None else self._undated(missing)

    def _undated(self, missing: Missing) -> Verdict:
        return self._verdict(missing.state, missing.why, missing.would_change, None)

    def _unwatched(self) -> Verdict | None:
        if not self.listed:
            return self._not_fresh()
        missing = self._not_listed() or self._not_evaluated()
        return None if missing is None else self._undated(missing)

    def _not_listed(self) -> Missing | None:
        if self.rules:
            return None
        other = bool(usable(self.answers, self.need.evaluated).series)
        alert = self.criterion.alert
        why = (
            f"the source has a rule named {alert}, but with other labels than the plan's."
            if other
            else f"the source evaluates no alerting rule named {alert}: that nothing fires says nothing."
        )
        return Missing(State.NO_DATA, why, "The rule in the source, or its right name and labels; elsewhere evaluated: `fresh`.")

    def _not_evaluated(self) -> Missing | None:
        for rule in self.rules:
            if rule.label(HEALTH) == "err":
                said = rule.label(ERROR)
                why = f"the rule of {self.name} fails" + (f": {said}" if said else "")
                return Missing(State.INVALID, why if why.endswith(".") else f"{why}.", "A rule that the source can evaluate.")
        if not all(rule.times for rule in self.rules):
            return Missing(State.NO_DATA, f"the rule of {self.name} has not been evaluated yet.", "Its first evaluation.")
        age = self.frame.now - min(rule.times[-1] for rule in self.rules)
        allowed = max(self.frame.max_age, 2 * self.every_s)
        if age <= allowed:
            return None
        why = f"the rule of {self.name} was evaluated {span(age)} ago; {span(allowed)} are allowed."
        return Missing(State.STALE, why, "A new evaluation.")

    def _not_fresh(self) -> Verdict | None:
        """By the samples of `fresh`, which have a past."""
        ended, frame = self.ended, self.frame
        missing = overdue(f"`fresh` of {self.name}", self._newest(), frame.now, frame.max_age)
        if missing is None:
            return None
        samples = usable(self.answers, self.need.evaluated).series
        times = sorted(time for series in samples for time in series.times if time <= frame.now)
        begun = ended.count
        while begun and not _seen_by(times, ended.end(begun - 1), frame.max_age):
            begun -= 1
        since = ended.end(begun) if begun < ended.count else frame.now
        verdict = self._verdict(missing.state, missing.why, missing.would_change, since)
        return replace(verdict, missing_since=since, grace_over=ended.count - begun >= frame.grace)

    def _is_pending(self) -> Verdict | None:
        ended, newest = self.ended, self.ended.count - 1
        seen = [one for one in self.pending if newest in one.cells]
        if not seen:
            return None
        begun = newest
        while any(begun - 1 in one.cells for one in seen):
            begun -= 1
        why = f"{self.name} is pending{shown(seen)}: its condition holds, and it fires when that lasts."
        return self._verdict(State.PENDING, why, "The end of its condition; that it fires would be a breach.", ended.end(begun))

    def _quiet(self) -> Verdict:
        ended, frame = self.ended, self.frame
        if not ended.count:
            return self._verdict(
                State.PENDING, "no cell is complete yet.", f"The first look, {span(ended.step)} long.", ended.start
            )
        quiet = max((cell for seen in self.pending for cell in seen.cells), default=-1) + 1
        quiet_s = (ended.count - quiet) * ended.step
        needed_s = max(frame.min_time, quiet * ended.step + self.criterion.hold.total_seconds())
        left_s = needed_s - ended.count * ended.step
        if left_s > _TICK_S:
            why = f"{self.name} is quiet; nothing passes for {span(left_s)} more."
            since = ended.start + quiet * ended.step
            return self._verdict(State.PENDING, why, f"{span(left_s)} more of quiet is a pass.", since)
        why = f"{self.name} has been quiet for {span(quiet_s)}, and its rule is evaluated."
        passed = math.ceil(needed_s / ended.step - _TICK_S) * ended.step
        return self._verdict(State.PASS, why, "That it fires would be a breach.", ended.start + max(passed, ended.step))

    def _evidence(self) -> Evidence:
        """The number is that of alerts that fire."""
        ended, known = self.ended, not failed(self.answers, self.need.firing)
        kept = range(max(0, ended.count - CELLS_KEPT), ended.count) if known else range(0)
        counts = [sum(cell in seen.cells for seen in self.firing) for cell in kept]
        newest = self._newest()
        return Evidence(
            canary=float(counts[-1]) if counts else None,
            bound=0.0,
            newest=newest,
            age_s=None if newest is None else max(0.0, self.frame.now - newest),
            series=len(self.firing),
            cells=tuple(
                Cell(ended.end(cell), float(count), None, 0.0, beyond=count > 0) for cell, count in zip(kept, counts, strict=True)
            ),
            queries=texts((self.need.firing, self.need.evaluated)),
        )

    def _newest(self) -> float | None:
        """When the rule was last known to be evaluated."""
        series = usable(self.answers, self.need.evaluated).series if not self.listed else self.rules
        places = ((one.times, bisect_right(one.times, self.frame.now)) for one in series)
        return max((times[place - 1] for times, place in places if place), default=None)


def _may_give(rule: Series, wanted: Mapping[str, str]) -> bool:
    """Whether the labels that the rule itself declares do not contradict those that are asked for."""
    declared = dict(rule.labels)
    return all(name not in declared or _TEMPLATE in declared[name] or declared[name] == value for name, value in wanted.items())


def _seen_by(times: Sequence[float], end: float, max_age: float) -> bool:
    index = bisect_right(times, end)
    return index > 0 and end - times[index - 1] <= max_age
