"""Which requests lead from one Unleash document to another, so that no moment on the way exposes more than is wanted.

Pure. The order is: lower what serves too much; create what is missing, always at "0" (a request that creates has
several effects on the server, and must be harmless if it is done twice); raise; switch on last. After creation every
write sets one value of one strategy: `PATCH /parameters/rollout`, because whole writes reset what they leave out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from rolloutctl.errors import InvalidInput
from rolloutctl.flags.unleash_cohort import AUDIENCE_TITLE, PERCENT_TITLE, Reading, is_ours, understand
from rolloutctl.flags.unleash_document import EVERYBODY, FLEXIBLE, NEW, NOBODY, Document, Strategy
from rolloutctl.model.cohort import Cohort, Target
from rolloutctl.model.outcome import NativeRequest
from rolloutctl.units import show_number
from rolloutctl.wire.text import clean

_LONGEST_TITLE = 100


def environment_path(target: Target) -> str:
    """Of the flag in its environment, under the base URL. Raises InvalidInput for names that no URL can carry."""
    for name in (target.project, target.key, target.environment):
        if name in {"", ".", ".."}:
            raise InvalidInput(
                f'"{name}" cannot be the name of a project, flag or environment in Unleash.',
                remedy="Write in plan and config what Unleash calls it.",
            )
    project, key, environment = (quote(name, safe="") for name in (target.project, target.key, target.environment))
    return f"/api/admin/projects/{project}/features/{key}/environments/{environment}"


@dataclass(frozen=True, slots=True)
class Steps:
    """What will be sent, and the whole document afterwards (with placeholders for ids the server will choose)."""

    requests: tuple[NativeRequest, ...]
    expected: Document
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    """The document as it will be after the requests so far."""

    base: str
    enabled: bool
    strategies: dict[str, Strategy]
    requests: list[NativeRequest] = field(default_factory=list)
    created: int = 0

    @classmethod
    def of(cls, document: Document, target: Target) -> _Draft:
        return cls(environment_path(target), document.enabled, document.by_id())

    def set_rollout(self, strategy: Strategy, rollout: str) -> None:
        operations: list[dict[str, object]] = [{"op": "replace", "path": "/parameters/rollout", "value": rollout}]
        if strategy.disabled:
            operations.append({"op": "replace", "path": "/disabled", "value": False})
        self._add("PATCH", f"/strategies/{quote(strategy.id, safe=':')}", operations)
        self.strategies[strategy.id] = strategy.with_rollout(rollout)

    def create(self, strategy: Strategy) -> Strategy:
        self.created += 1
        new = strategy.model_copy(update={"id": f"{NEW}{self.created}", "sort_order": None})
        body = new.wire()
        del body["sortOrder"]
        self._add("POST", "/strategies", body)
        self.strategies[new.id] = new
        return new

    def put(self, strategy: Strategy) -> None:
        self._add("PUT", f"/strategies/{quote(strategy.id, safe=':')}", strategy.wire())
        self.strategies[strategy.id] = strategy

    def remove(self, strategy: Strategy) -> None:
        self._add("DELETE", f"/strategies/{quote(strategy.id, safe=':')}")
        del self.strategies[strategy.id]
        if not any(not each.disabled for each in self.strategies.values()):
            self.enabled = False  # the server's own doing

    def enable(self, strategy: Strategy) -> None:
        self._add(
            "PATCH", f"/strategies/{quote(strategy.id, safe=':')}", [{"op": "replace", "path": "/disabled", "value": False}]
        )
        self.strategies[strategy.id] = strategy.model_copy(update={"disabled": False})

    def switch(self, word: str) -> None:
        self._add("POST", f"/{word}")
        self.enabled = word == "on"

    def _add(self, method: str, path: str, body: object = None) -> None:
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        self.requests.append(NativeRequest(method, self.base + path, text))

    def done(self, *warnings: str) -> Steps:
        return Steps(tuple(self.requests), Document(self.enabled, tuple(self.strategies.values())), warnings)


def steps_to_off(document: Document, target: Target) -> Steps:
    """Works on every document, whatever stands in it."""
    draft = _Draft.of(document, target)
    if document.enabled:
        draft.switch("off")
    return draft.done()


def check_percent(want: Cohort) -> int:
    """Raises InvalidInput for what Unleash cannot hold: it buckets users into a hundred parts."""
    if want.percent.denominator != 1 or not 0 <= want.percent <= 100:
        raise InvalidInput(
            f"Unleash holds whole percents from 0 to 100 only, and {show_number(want.percent)} % is none.",
            remedy="Write the next whole percentage.",
        )
    return int(want.percent)


def steps_to(document: Document, want: Cohort, target: Target, segments: Mapping[str, int]) -> Steps:
    """`segments`: id of every audience of `want`. Raises InvalidInput where the document is foreign."""
    percent = check_percent(want)
    if want.off:
        return steps_to_off(document, target)
    reading = understand(document, target.stickiness)
    if reading.foreign:
        raise InvalidInput(
            f"{target} cannot be stepped, because {'; '.join(reading.foreign[:3])}.",
            remedy="Remove that in Unleash, or disable the strategy; rolloutctl does not touch what it did not make. "
            "Turning the flag off works all the same.",
        )
    draft = _Draft.of(document, target)
    wanted = {segments[name]: name for name in want.audiences}
    _lower(draft, reading, wanted, percent)
    _raise(draft, reading, wanted, percent, target)
    if not document.enabled:
        draft.switch("on")
    carrier = reading.percent_strategy
    if carrier is not None and not is_ours(carrier) and reading.percent != percent:
        return draft.done(f"the strategy {carrier.label()} is used for the percentage")
    return draft.done()


def _lower(draft: _Draft, reading: Reading, wanted: Mapping[int, str], percent: int) -> None:
    for segment, strategies in reading.audiences.items():
        if segment not in wanted:
            for strategy in strategies:
                draft.set_rollout(strategy, NOBODY)
    if reading.percent_strategy is not None and reading.percent > percent:
        draft.set_rollout(reading.percent_strategy, str(percent))


def _raise(draft: _Draft, reading: Reading, wanted: Mapping[int, str], percent: int, target: Target) -> None:
    """Everything is there, at "0", before anything is raised."""
    raised: list[tuple[Strategy, str]] = []
    for segment, name in wanted.items():
        if segment not in reading.audiences:
            idle = reading.idle_audiences.get(segment)
            raised.append((idle or draft.create(_audience_strategy(target, segment, name)), EVERYBODY))
    if reading.percent < percent:
        raised.append((reading.percent_strategy or draft.create(_percent_strategy(target)), str(percent)))
    for strategy, rollout in raised:
        draft.set_rollout(strategy, rollout)


def _percent_strategy(target: Target) -> Strategy:
    return _strategy(target, PERCENT_TITLE, [])


def _audience_strategy(target: Target, segment: int, name: str) -> Strategy:
    return _strategy(target, f"{AUDIENCE_TITLE} {clean(name, most=_LONGEST_TITLE - len(AUDIENCE_TITLE) - 1)}", [segment])


def _strategy(target: Target, title: str, segments: list[int]) -> Strategy:
    """`groupId` and stickiness are part of the cohort's identity: they decide which users a percentage means."""
    parameters = {"rollout": NOBODY, "stickiness": target.stickiness, "groupId": target.key}
    return Strategy(id=NEW, name=FLEXIBLE, title=title, parameters=parameters, segments=segments)


def steps_to_restore(document: Document, wanted: Document, target: Target) -> Steps:
    """Back to a document read before, foreign parts included; strategies somebody else has added since stay.

    Off comes first where it is wanted, on comes last. Strategies are made again switched off and then switched on, so
    that none serves before it is whole.
    """
    if wanted.enabled and all(each.disabled for each in wanted.strategies):
        raise InvalidInput(
            f"The snapshot of {target} is on without an enabled strategy; Unleash would add one that serves everybody.",
            remedy="Turn the flag off instead.",
        )
    draft = _Draft.of(document, target)
    if document.enabled and not wanted.enabled:
        draft.switch("off")
    strangers = _remove_ours(draft, document, wanted)
    _put_back(draft, document, wanted)
    if wanted.enabled and (not draft.enabled or _server_may_switch_off(draft, document)):
        draft.switch("on")
    if not strangers:
        return draft.done()
    return draft.done(f"strategies that somebody else added stay: {', '.join(strangers[:3])}")


def _remove_ours(draft: _Draft, document: Document, wanted: Document) -> list[str]:
    """Answers the labels of those that are not ours, and so stay."""
    kept = wanted.by_id()
    added = [each for each in document.strategies if each.id not in kept]
    for strategy in added:
        if is_ours(strategy):
            draft.remove(strategy)
    return [each.label() for each in added if not is_ours(each)]


def _put_back(draft: _Draft, document: Document, wanted: Document) -> None:
    """What ends up smaller goes first."""
    now = document.by_id()
    changed = [each for each in wanted.strategies if each.id in now and now[each.id] != each]
    for strategy in sorted(changed, key=_exposure):
        if strategy == now[strategy.id].with_rollout(strategy.rollout):
            draft.set_rollout(now[strategy.id], strategy.rollout)
        else:
            draft.put(strategy)
    for strategy in (each for each in wanted.strategies if each.id not in now):
        made = draft.create(strategy.model_copy(update={"disabled": True}))
        if not strategy.disabled:
            draft.enable(made)


def _server_may_switch_off(draft: _Draft, document: Document) -> bool:
    """A strategy that gets disabled on the way may have been the last one; `on` again changes nothing then."""
    return document.enabled and any(
        old.disabled != draft.strategies[old.id].disabled for old in document.strategies if old.id in draft.strategies
    )


def _exposure(strategy: Strategy) -> tuple[bool, int]:
    return (not strategy.disabled, int(strategy.rollout) if strategy.rollout.isdecimal() and strategy.rollout.isascii() else 100)
