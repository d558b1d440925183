"""Rows of the fleet that were drawn before, handed out again while the rollout's snapshot is the same object.

What counts time by the view's own clock (a countdown, how long nobody has driven) is drawn every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.tui.draw import fleet, marks
from rolloutctl.tui.draw.columns import Column, Row
from rolloutctl.tui.draw.when import When


class Drawn:
    def __init__(self) -> None:
        self._of: tuple[int, tuple[RolloutSnapshot, ...]] | None = None
        self._columns: tuple[Column, ...] = ()
        self._keys: Mapping[str, str] | None = None
        self._rows: dict[str, tuple[RolloutSnapshot, Row]] = {}

    def columns(self, cells: int, rollouts: Sequence[RolloutSnapshot]) -> tuple[Column, ...]:
        """As `fleet.columns`; other columns than before make every row new."""
        wanted = tuple(rollouts)
        known = self._of
        if known is None or known[0] != cells or not _same(known[1], wanted):
            columns = fleet.columns(cells, wanted)
            if columns != self._columns:
                self._columns, self._rows = columns, {}
            self._of = (cells, wanted)
        return self._columns

    def rows(self, rollouts: Sequence[RolloutSnapshot], when: When, keys: Mapping[str, str]) -> list[Row]:
        """As `fleet.row` for each, in the columns given last."""
        if keys is not self._keys:
            self._keys, self._rows = keys, {}
        found: dict[str, tuple[RolloutSnapshot, Row]] = {}
        for rollout in rollouts:
            known = self._rows.get(rollout.id)
            if known is None or known[0] is not rollout or _ticks(rollout):
                known = (rollout, fleet.row(rollout, self._columns, when, keys))
            found[rollout.id] = known
        self._rows = found
        return [row for _, row in found.values()]


def _same(before: tuple[RolloutSnapshot, ...], now: tuple[RolloutSnapshot, ...]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))


def _ticks(rollout: RolloutSnapshot) -> bool:
    return rollout.state.countdown is not None or marks.unattended(rollout)
