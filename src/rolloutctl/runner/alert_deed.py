"""An `alert` step: silences an alert in Alertmanager, ends silences of this run, or waits until an alert is resolved.

A silence is found again by the key in its comment: Alertmanager knows no idempotency key, and each POST makes a new one. Its
API, version 2: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, assert_never
from urllib.parse import quote

from rolloutctl.errors import RolloutctlError
from rolloutctl.model import exchange
from rolloutctl.model.alerts import ALERT_NAME, ALERT_STATE, FIRING, alerts_selector
from rolloutctl.model.exchange import Answered, NoAnswer, NotSent
from rolloutctl.model.kinds import Reality
from rolloutctl.model.run_words import Part, step_key
from rolloutctl.model.samples import Answer, Query, QueryKind, Samples, Series, SourceFailure
from rolloutctl.ports import Adapter
from rolloutctl.runbook.placeholders import Landing, render
from rolloutctl.runbook.steps import AlertAction, AlertStep, Sets
from rolloutctl.runner.deed import Failed, Interrupted, Look, Ok, Prepared, Result, Seen, Unknown, Unseen
from rolloutctl.runner.tools import Tools, only
from rolloutctl.runner.until import Sight, until_it_holds
from rolloutctl.units import show_clock, show_time

_STEP_S = 1.0
_RULE_LATE = 3.0
"""A rule that was not evaluated for so many of its intervals tells nothing."""


class AlertDeed:
    def __init__(
        self, step: AlertStep, part: Part, run: str, operator: str, values: Mapping[str, str], timeout: timedelta, tools: Tools
    ) -> None:
        self._step = step
        self._part = part
        self._run = run
        self._operator = operator
        self._tools = tools
        self._timeout_s = timeout.total_seconds()
        self._name = render(step.alert or "", values, Landing.JSON)
        self._labels = {label: render(text, values, Landing.JSON) for label, text in step.labels.items()}
        self._comment = render(step.comment, values, Landing.TEXT)
        ends = part is Part.UNDO or step.action is AlertAction.EXPIRE
        self._action = AlertAction.EXPIRE if ends else step.action
        self._mark = f"[{step_key(run, step.silence or step.id)}]"
        self._seen_firing = False

    async def prepare(self) -> Prepared:
        match self._action:
            case AlertAction.SILENCE:
                lasts = show_clock((self._step.lasts or timedelta()).total_seconds())
                return Prepared((f"alertmanager: silence {self._words()} for {lasts}",))
            case AlertAction.EXPIRE:
                return Prepared((f"alertmanager: end the silences of {self._mark}",))
            case AlertAction.WAIT:
                return Prepared((f"wait until {self._words()} is resolved",))
            case _:
                assert_never(self._action)

    async def carry(self, prepared: Prepared) -> Result:  # noqa: ARG002 - nothing is kept of what was before
        match self._action:
            case AlertAction.SILENCE:
                return await self._silence()
            case AlertAction.EXPIRE:
                return await self._expire()
            case AlertAction.WAIT:
                return await self._wait()
            case _:
                assert_never(self._action)

    async def look(self) -> Look:
        silences = await self._silences()
        if isinstance(silences, str):
            return Unseen(silences)
        ends = self._action is AlertAction.EXPIRE
        why = f"{len(silences)} of our silences are active" if silences else "no silence of ours is active"
        return Seen(Reality.APPLIED if bool(silences) is not ends else Reality.NOT_APPLIED, why)

    # --- silences

    async def _silence(self) -> Result:
        known = await self._silences()
        if isinstance(known, str):
            return Failed(f"nothing was sent: {known}")
        if known:
            return Ok({"silence": known[0]}, unchanged=True, why="it is silenced already")
        now = self._tools.clock.now()
        matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in self._matched().items()]
        body = {
            "matchers": matchers,
            "startsAt": show_time(now),
            "endsAt": show_time(now + (self._step.lasts or timedelta())),
            "createdBy": f"rolloutctl {self._operator}",
            "comment": f"{self._comment} {self._mark}".strip(),
        }
        ended = await self._send("POST", "/api/v2/silences", body=json.dumps(body))
        match ended:
            case Answered(document={"silenceID": str(made)}) if ended.ok:
                return Ok({"silence": made}, why=f"silence {made}")
            case Answered(status=status) if 400 <= status < 500:
                return Failed(ended.why)
            case Answered() | NoAnswer():
                return Unknown(ended.why)
            case NotSent(why):
                return Failed(f"nothing was sent: {why}")
            case _:
                assert_never(ended)

    async def _expire(self) -> Result:
        silences = await self._silences()
        if isinstance(silences, str):
            return Failed(f"nothing was sent: {silences}")
        for silence in silences:
            ended = await self._send("DELETE", f"/api/v2/silence/{quote(silence, safe='')}")
            if not (isinstance(ended, Answered) and ended.ok):
                left = await self._silences()
                if isinstance(left, str) or silence in left:
                    return Unknown(ended.why) if isinstance(ended, NoAnswer) else Failed(ended.why)
        left = await self._silences()
        if isinstance(left, str):
            return Unknown(f"ended, but cannot be read back: {left}")
        if left:
            return Failed(f"{len(left)} silences are still active")
        return Ok({"ended": str(len(silences))}, unchanged=not silences, why=f"{len(silences)} silences ended")

    async def _silences(self) -> list[str] | str:
        """Ids of the active and pending ones that carry our mark; or why they cannot be read."""
        ended = await self._send("GET", "/api/v2/silences")
        if not isinstance(ended, Answered) or not ended.ok or not isinstance(ended.document, list):
            return ended.why if not isinstance(ended, Answered) or not ended.ok else "the Alertmanager answered no list"
        return [str(each["id"]) for each in ended.document if _is_ours(each, self._mark)]

    async def _send(self, method: str, path: str, body: str = "") -> exchange.Exchange:
        key = step_key(self._run, self._step.id, self._part) if method != "GET" else ""
        request = exchange.Request(method, path, body=body, timeout_s=self._timeout_s, key=key)
        return await self._alertmanager().send(request)

    def _alertmanager(self) -> Adapter:
        return only(self._tools.alertmanagers, "source", self._step.source or self._tools.source, self._step.id)

    # --- waiting

    async def _wait(self) -> Result:
        step = self._step
        sight = await until_it_holds(self._look_once, step.id, step.hold, step.every, step.within, self._tools)
        match sight:
            case None:
                return Interrupted()
            case Sight(holds=True):
                return Ok(sight.evidence, recovered=step.sets is Sets.RECOVERED, why=sight.why)
            case _:
                return Failed(f"it did not resolve within {show_clock(step.within.total_seconds())}: {sight.why}")

    async def _look_once(self) -> Sight:
        try:
            source = only(self._tools.sources, "source", self._step.source or self._tools.source, self._step.id)
            at = (await source.now()).timestamp()
            rule = Query(QueryKind.RULE, self._name, at, at)
            shown = Query(QueryKind.GRID, alerts_selector(self._name, {**self._labels, ALERT_STATE: FIRING}), at, at, _STEP_S)
            announced = Query(QueryKind.ANNOUNCED, self._name, at, at)
            answers = await source.fetch((rule, shown, announced))
        except (RolloutctlError, ValueError) as error:
            return Sight(False, str(error))
        return self._sight(answers[rule], answers[shown], answers[announced], at)

    def _sight(self, rule: Answer, shown: Answer, announced: Answer, at: float) -> Sight:
        for answer in (rule, shown, announced):
            if isinstance(answer, SourceFailure):
                return Sight(False, answer.why)
            if answer.warnings:
                return Sight(False, f"the answer is partial: {answer.warnings[0]}")
        assert isinstance(rule, Samples)
        assert isinstance(shown, Samples)
        assert isinstance(announced, Samples)
        firing = [*shown.series, *(series for series in announced.series if self._matches(series))]
        if firing:
            self._seen_firing = True
            return Sight(False, f"{self._words()} fires")
        if any(_evaluated(series, at) for series in rule.series):
            return Sight(True, f"{self._words()} is resolved")
        if self._seen_firing:
            return Sight(True, f"{self._words()} fires no longer")
        return Sight(False, f"no rule {self._name} is evaluated, so its silence tells nothing")

    def _matches(self, series: Series) -> bool:
        return all(series.label(label) == value for label, value in self._labels.items())

    def _matched(self) -> dict[str, str]:
        return {ALERT_NAME: self._name, **self._labels}

    def _words(self) -> str:
        labels = ", ".join(f"{name}={value}" for name, value in self._labels.items())
        return f"{self._name}{{{labels}}}" if labels else self._name


def _evaluated(series: Series, at: float) -> bool:
    """Lately, without an error."""
    if series.label("__health__") == "err" or not series.times:
        return False
    interval_s = series.values[-1] or 60.0
    return at - series.times[-1] <= _RULE_LATE * interval_s + 15.0


def _is_ours(silence: Any, mark: str) -> bool:
    match silence:
        case {"id": str(), "comment": str(comment), "status": {"state": "active" | "pending"}}:
            return mark in comment
        case _:
            return False
