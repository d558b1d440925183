"""Two arms with counters, buckets and gauges as a source would show them, for criteria that are judged by evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from judge.worlds import START, STEP, World, plan_of
from rolloutctl.model.verdict import State, Verdict
from rolloutctl.plan.model import Plan

CELLS = 40
"""Ten minutes of the usual step."""
ARMS = {"canary": "2", "baseline": "1"}
Total = tuple[float, float]
"""All and bad events."""


def errors(**more: Any) -> dict[str, Any]:
    return {"id": "errors", "type": "ratio", "bad": "bad{$arm}", "total": "req{$arm}", **more}


def latency(**more: Any) -> dict[str, Any]:
    return {"id": "latency", "type": "latency", "histogram": "dur_bucket{$arm}", **more}


def gauge(**more: Any) -> dict[str, Any]:
    return {"id": "cost", "type": "value", "expr": "cost{$arm}", **more}


def plan_with(*criteria: Mapping[str, Any], **more: Any) -> Plan:
    return plan_of(list(criteria), **more)


def spread(total: float, cells: int) -> list[float]:
    """Whole numbers that add up to `total`, as even as can be."""
    reached = [round(total * cell / cells) for cell in range(cells + 1)]
    return [float(after - before) for before, after in pairwise(reached)]


class Traffic:
    """Counters that begin at the phase's start and are scraped every step."""

    def __init__(self, cells: int = CELLS) -> None:
        self.cells = cells
        self.world = World()

    def counter(self, name: str, increments: Iterable[float], **labels: str) -> Traffic:
        values = [1000.0]
        for increment in increments:
            values.append(values[-1] + increment)
        self.world.add(name, [START + STEP * cell for cell in range(len(values))], values, **labels)
        return self

    def arm(self, arm: str, total: Total, host: str = "h0", **labels: str) -> Traffic:
        """`total` events, evenly over the cells."""
        everything, bad = total
        marks = {"version": ARMS[arm], "instance": f"{arm[0]}-{host}", **labels}
        self.counter("req", spread(everything, self.cells), **marks)
        return self.counter("bad", spread(bad, self.cells), **marks)

    def both(self, canary: Total, baseline: Total, **labels: str) -> Traffic:
        return self.arm("canary", canary, **labels).arm("baseline", baseline, **labels)

    def hosts(self, arm: str, totals: Sequence[Total], **labels: str) -> Traffic:
        for index, total in enumerate(totals):
            self.arm(arm, total, f"h{index}", **labels)
        return self

    def buckets(self, arm: str, edges: Sequence[str], counts: Sequence[float], host: str = "h0", **labels: str) -> Traffic:
        """`counts` are observations per bucket, not cumulative."""
        reached = 0.0
        for edge, count in zip(edges, counts, strict=True):
            reached += count
            marks = {"version": ARMS[arm], "instance": f"{arm[0]}-{host}", "le": edge, **labels}
            self.counter("dur_bucket", spread(reached, self.cells), **marks)
        return self

    def gauge(self, arm: str, values: Sequence[float], host: str = "h0", name: str = "cost", **labels: str) -> Traffic:
        """One value per cell."""
        times = [START + STEP * (cell + 1) for cell in range(len(values))]
        self.world.add(name, times, values, version=ARMS[arm], instance=f"{arm[0]}-{host}", **labels)
        return self

    def past(self, name: str, value: float, hosts: int = 3, minutes: int = 60) -> Traffic:
        """A gauge of the baseline before the start, a little different every minute and on every host."""
        for host in range(hosts):
            times = [START - 60.0 * (minutes - minute) for minute in range(minutes)]
            values = [value * (1 + 0.01 * ((minute * 7 + host * 3) % 11 - 5) / 5) for minute in range(minutes)]
            self.world.add(name, times, values, version="1", instance=f"b-h{host}")
        return self

    def verdicts(self, plan: Plan, cells: int | None = None) -> dict[str, Verdict]:
        return self.world.judge(plan, STEP * (self.cells if cells is None else cells))

    def state(self, plan: Plan, key: str = "errors", cells: int | None = None) -> State:
        return self.verdicts(plan, cells)[key].state


NEITHER = frozenset(State) - {State.PASS, State.BREACH}
