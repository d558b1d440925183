"""Rows of the criteria table, worst first as the snapshot has them."""

from __future__ import annotations

from rolloutctl.engine.snapshot import RolloutSnapshot
from rolloutctl.model.verdict import State, Verdict
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.fleet import Column, Row
from rolloutctl.tui.draw.ink import Ink, Line, clip, line, span
from rolloutctl.tui.draw.numbers import NOTHING, Judged, amount, bounds, count
from rolloutctl.tui.draw.spark import trend
from rolloutctl.tui.draw.when import When
from rolloutctl.units import show_age


def columns(cells: int) -> tuple[Column, ...]:
    """Columns for a table `cells` wide, without its borders."""
    fixed = [Column("state", "verdict", 13), Column("canary", "canary", 11)]
    if cells >= 70:
        fixed.append(Column("baseline", "baseline", 11))
    fixed.append(Column("bound", "bound", 14))
    if cells >= 96:
        fixed += [Column("evidence", "evidence", 16), Column("trend", "trend", 12)]
    room = cells - sum(column.width + 2 for column in fixed) - 2
    return (Column("criterion", "criterion", max(10, min(34, room))), *fixed)


def criterion_of(rollout: RolloutSnapshot, verdict: Verdict) -> Judged | None:
    return next((criterion for criterion in rollout.plan.criteria if criterion.id == verdict.criterion), None)


def name_of(criterion: Judged | None, verdict: Verdict) -> str:
    name = criterion.name if criterion is not None else verdict.criterion
    return f"{name} · {verdict.segment}" if verdict.segment else name


def row(rollout: RolloutSnapshot, verdict: Verdict, shown: tuple[Column, ...], when: When) -> Row:
    criterion = criterion_of(rollout, verdict)
    mark = marks.of_verdict(verdict.state)
    seen = verdict.evidence
    trend_room = next((column.width for column in shown if column.key == "trend"), 0)
    drawn = {
        "criterion": line(name_of(criterion, verdict)),
        "state": line(span(f"{mark.glyph} {mark.word}", mark.ink)),
        "canary": line(span(amount(seen.canary, criterion), Ink.BAD if verdict.state is State.BREACH else Ink.PLAIN)),
        "baseline": line(span(amount(seen.baseline, criterion), Ink.PLAIN if seen.baseline is not None else Ink.DIM)),
        "bound": line(bounds(criterion)),
        "evidence": _evidence(verdict, when),
        "trend": trend([cell.canary for cell in seen.cells], [cell.beyond for cell in seen.cells], trend_room),
    }
    return Row(verdict.key, tuple(clip(drawn[column.key], column.width) for column in shown))


def _evidence(verdict: Verdict, when: When) -> Line:
    """Counts where events are counted, else how old the newest sample is; when evidence stopped, for missing evidence."""
    seen = verdict.evidence
    if verdict.state.missing_evidence and verdict.state is not State.LOW_TRAFFIC:
        if seen.newest is not None:
            return line(span(f"last {when.clock(seen.newest)}", Ink.WARN))
        since = verdict.missing_since
        return line(span(f"none for {show_age(when.seconds_since(since))}" if since is not None else "none", Ink.WARN))
    if seen.events_canary is not None:
        other = f"/{count(seen.events_baseline)}" if seen.events_baseline is not None else ""
        return line(span(f"{count(seen.events_canary)}{other} ev", Ink.DIM))
    if seen.newest is not None:
        return line(span(f"{show_age(when.seconds_since(seen.newest))} old", Ink.DIM))
    return line(span(NOTHING, Ink.DIM))
