"""The newest snapshot of each rollout, computed again only when something of it may have changed.

Invariant: what is handed out holds for `CALM_S` at most without another look, and is never older than the last change of the
record; words that count seconds are always computed anew. A rollout of which nothing but the time has changed is the same
object, so that views need not draw it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rolloutctl.engine.showing.publishing import snapshot_of
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World

CALM_S = 5.0
_COUNTS = re.compile(r"\ds\b")
"""As `show_clock` ends within the hour: `42s`, `17m03s`."""
_TIMED = frozenset({"bake", "freeze"})
"""Codes of the conditions whose words tell how long."""


@dataclass(frozen=True, slots=True)
class _Shown:
    snapshot: RolloutSnapshot
    made_of: tuple[object, ...]
    at_s: float
    counts: bool


class Showing:
    """To be used from the engine's loop."""

    def __init__(self, world: World, person: str) -> None:
        self._world = world
        self._person = person
        self._shown: dict[str, _Shown] = {}

    @property
    def counts(self) -> bool:
        """Whether anything that is shown counts seconds."""
        return any(shown.counts for shown in self._shown.values())

    def of(self, record: RolloutRecord) -> RolloutSnapshot:
        now, made_of = self._world.clock.monotonic(), _made_of(self._world, record)
        known = self._shown.get(record.id)
        if known is not None and not known.counts and now - known.at_s < CALM_S and _same(known.made_of, made_of):
            return known.snapshot
        snapshot = snapshot_of(self._world, record, self._person)
        if known is not None and _only_time_passed(known.snapshot, snapshot):
            snapshot = known.snapshot
        self._shown[record.id] = _Shown(snapshot, made_of, now, _counts(snapshot))
        return snapshot


def _made_of(world: World, record: RolloutRecord) -> tuple[object, ...]:
    """All values a snapshot is made of; a lease is only renewed under the same epoch."""
    held = (record.held.holder, record.held.epoch) if record.held is not None else None
    lease = record.lease_seen
    driven = (lease.holder, lease.epoch, lease.expires_in_s > 0) if lease is not None else None
    since = (record.driving_since, record.unattended_since)
    return (record.plan, record.state, record.observed, held, driven, since, record.trouble, world.time.of(record.plan).asked)


def _same(before: tuple[object, ...], now: tuple[object, ...]) -> bool:
    """Plan, fold and observations are replaced whole: another object is another value."""
    return all(a is b for a, b in zip(before[:3], now[:3], strict=True)) and before[3:] == now[3:]


def _only_time_passed(before: RolloutSnapshot, now: RolloutSnapshot) -> bool:
    """Less than a thousandth of the bake, and nothing else that anybody could see."""
    if (before.source_now is None) != (now.source_now is None) or _thousandths(before) != _thousandths(now):
        return False
    return replace(now, at=before.at, source_now=before.source_now, baked=before.baked) == before


def _thousandths(snapshot: RolloutSnapshot) -> int:
    bake = snapshot.bake.total_seconds()
    return int(1000 * snapshot.baked.total_seconds() / bake) if bake > 0 else 0


def _counts(snapshot: RolloutSnapshot) -> bool:
    return any(_COUNTS.search(words) for words in _words(snapshot))


def _words(snapshot: RolloutSnapshot) -> Iterable[str]:
    """Those that are computed from the time; a verdict's own words are as old as the verdict."""
    verdict = snapshot.phase_verdict
    if verdict is None or snapshot.next != verdict.why:
        yield snapshot.next
    if snapshot.advance is not None:
        yield from (reason.text for reason in snapshot.advance.reasons if reason.code in _TIMED)
