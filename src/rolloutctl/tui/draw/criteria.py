"""Rows of the criteria table, worst first as the snapshot has them."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.model.verdict import State, Verdict
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.columns import Column, Row
from rolloutctl.tui.draw.digits import NOTHING, count
from rolloutctl.tui.draw.ink import Ink, Line, clip, line, span, width
from rolloutctl.tui.draw.numbers import Judged, amount, bounds, unit_of
from rolloutctl.tui.draw.spark import trend
from rolloutctl.tui.draw.when import When
from rolloutctl.units import show_age

_TITLE = 6
"""Cells of a title that are left at least beside a long segment."""


def columns(cells: int, rollout: RolloutSnapshot) -> tuple[Column, ...]:
    """Columns for a table `cells` wide, without its borders; numbers get what the plan's units and bounds need."""
    criteria = rollout.plan.every_criterion
    number = min(11, 7 + max((cell_len(unit_of(criterion)) for criterion in criteria), default=4))
    bound = max(5, min(14, max((cell_len(bounds(criterion)) for criterion in criteria), default=14)))
    latched = any(_latched_before(rollout, verdict) for verdict in rollout.verdicts)
    wide = cells >= 96
    fixed = [Column("state", "verdict", 23 if wide and latched else 13), Column("canary", f"{'canary':>{number}}", number)]
    if cells >= 70:
        fixed.append(Column("baseline", f"{'baseline':>{number}}", number))
    fixed.append(Column("bound", "bound", bound))
    if wide:
        fixed += [Column("evidence", "evidence", 16), Column("trend", "trend", 12)]
    room = cells - sum(column.width + 2 for column in fixed) - 2
    return (Column("criterion", "criterion", max(10, min(48, room))), *fixed)


def criterion_of(rollout: RolloutSnapshot, verdict: Verdict) -> Judged | None:
    return next((criterion for criterion in rollout.plan.every_criterion if criterion.id == verdict.criterion), None)


def name_of(criterion: Judged | None, verdict: Verdict) -> str:
    name = criterion.name if criterion is not None else verdict.criterion
    return f"{name} · {verdict.segment}" if verdict.segment else name


def _name(criterion: Judged | None, verdict: Verdict, room: int) -> Line:
    """The segment stays when the name has to be cut: it is what tells rows of one criterion apart."""
    whole = line(name_of(criterion, verdict))
    if not verdict.segment or width(whole) <= room:
        return whole
    segment = clip(line(f" · {verdict.segment}"), max(0, room - _TITLE))
    return (*clip(line(criterion.name if criterion is not None else verdict.criterion), room - width(segment)), *segment)


def _latched_before(rollout: RolloutSnapshot, verdict: Verdict) -> bool:
    """Its breach stands for this phase, and now it says something else."""
    return verdict.state is not State.BREACH and verdict.key in marks.latched(rollout)


def _state(rollout: RolloutSnapshot, verdict: Verdict, room: int) -> Line:
    mark = marks.of_verdict(verdict.state)
    if not _latched_before(rollout, verdict):
        return line(span(f"{mark.glyph} {mark.word}", mark.ink))
    breach = marks.of_verdict(State.BREACH)
    both = line(span(f"{breach.glyph} {breach.word} ", breach.ink), span(f"{mark.glyph} {mark.word}", mark.ink))
    return both if width(both) <= room else (both[0], span(mark.glyph, mark.ink))


def row(rollout: RolloutSnapshot, verdict: Verdict, shown: tuple[Column, ...], when: When) -> Row:
    criterion = criterion_of(rollout, verdict)
    seen = verdict.evidence
    room = {column.key: column.width for column in shown}
    drawn = {
        "criterion": _name(criterion, verdict, room["criterion"]),
        "state": _state(rollout, verdict, room["state"]),
        "canary": _right(amount(seen.canary, criterion), Ink.BAD if verdict.state is State.BREACH else Ink.PLAIN, room),
        "baseline": _right(amount(seen.baseline, criterion), Ink.PLAIN if seen.baseline is not None else Ink.DIM, room),
        "bound": line(bounds(criterion)),
        "evidence": _evidence(verdict, when),
        "trend": trend([cell.canary for cell in seen.cells], [cell.beyond for cell in seen.cells], room.get("trend", 0)),
    }
    return Row(verdict.key, tuple(clip(drawn[column.key], column.width) for column in shown))


def _right(text: str, ink: Ink, room: Mapping[str, int]) -> Line:
    """Numbers end in one place, so that one that grows a digit does not make its column dance."""
    return line(span(" " * max(0, room["canary"] - cell_len(text))), span(text, ink))


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
        about = "~" if seen.approximate else ""
        return line(span(f"{about}{count(seen.events_canary)}{other} ev", Ink.DIM))
    if seen.newest is not None:
        return line(span(f"{show_age(when.seconds_since(seen.newest))} old", Ink.DIM))
    return line(span(NOTHING, Ink.DIM))
