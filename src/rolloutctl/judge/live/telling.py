"""What is said of a criterion that goes on: the words and numbers of `rate_course`, from where it stands."""

from __future__ import annotations

import math

from rolloutctl.judge.live.row import Row
from rolloutctl.judge.rate_stand import decide
from rolloutctl.judge.rate_tests import EVENTS
from rolloutctl.model.verdict import Evidence


class RowTeller:
    """Implements `as_of.Says`, of the newest closed cell; `whole` is that of the whole where this is a segment."""

    def __init__(self, row: Row, whole: RowTeller | None) -> None:
        self._row, self._whole = row, whole

    def one_host(self, cell: int) -> tuple[str, str]:
        raise AssertionError(f"cell {cell}: one host was never seen to explain anything here")

    def passes(self, cell: int) -> str:
        row, stands = self._row, self.stands(cell)
        if self._whole is not None and not row.own:
            return f"{stands}; too little to tell by itself, so it passes with the whole"
        return row.stand.passes(stands, row.settings)

    def stands(self, cell: int) -> str:  # noqa: ARG002 - there is only one
        stand = self._row.stand
        return stand.bare(EVENTS) or stand.range(EVENTS, *self._row.bounds)

    def needed_s(self, cell: int) -> float:  # noqa: ARG002
        own = self._row.needed_s
        return own if self._whole is None else min(own, self._whole.needed_s(0))

    def decide(self) -> str:
        return decide(self._row.settings)

    def evidence(self, newest: float, age_s: float, series: int, queries: tuple[str, ...], *, approximate: bool) -> Evidence:
        row, stand = self._row, self._row.stand
        cell, (low, high), needed = row.cells[-1], row.bounds, self.needed_s(0)
        return Evidence(
            canary=cell.canary,
            baseline=cell.baseline,
            bound=cell.bound,
            events_canary=round(row.sums[0]),
            events_baseline=round(row.sums[2]),
            newest=newest,
            age_s=max(0.0, age_s),
            series=series,
            cells=row.cells,
            queries=queries,
            estimate=stand.ratio,
            low=low,
            high=high if math.isfinite(high) else None,
            log_e=stand.log_e,
            log_e_needed=-math.log(row.settings.alpha),
            log_p=stand.log_p,
            log_p_needed=-math.log(row.settings.beta),
            phi=stand.phi,
            tolerated=stand.tolerated,
            needed_s=needed if math.isfinite(needed) else None,
            approximate=approximate,
        )
