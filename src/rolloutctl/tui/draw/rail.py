"""The phase rail: where the rollout has been, is, and would go."""

from __future__ import annotations

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.model.state import Status, Step
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.fleet import cohort_words
from rolloutctl.tui.draw.ink import Ink, Line, Span, clip, line, span, width

_BETWEEN = " ── "


def rail(rollout: RolloutSnapshot, cells: int) -> Line:
    """One line; phases far from the present one are folded into a count when there is no room."""
    stops = [_stop(rollout, index) for index in range(len(rollout.plan.phases))]
    here = min(len(stops) - 1, max(0, rollout.state.phase))
    left, right = 0, len(stops)
    while width(drawn := _fold(stops, left, right)) > cells and (left < here or right > here + 1):
        if left < here and here - left >= right - here - 1:
            left += 1
        else:
            right -= 1
    return clip(drawn, cells)


def _fold(stops: list[Line], left: int, right: int) -> Line:
    shown = list(stops[left:right])
    if left:
        shown.insert(0, line(span(f"✔ {left} before", Ink.DIM)))
    if right < len(stops):
        shown.append(line(span(f"○ {len(stops) - right} more", Ink.DIM)))
    parts: list[Span] = []
    for stop in shown:
        if parts:
            parts.append(span(_BETWEEN, Ink.DIM))
        parts.extend(stop)
    return tuple(parts)


def _stop(rollout: RolloutSnapshot, index: int) -> Line:
    state = rollout.state
    phase = rollout.plan.phases[index]
    cohort = cohort_words(rollout.plan, index)
    name = phase.name if cohort == phase.name else f"{phase.name} {cohort}"
    if state.status in {Status.ROLLED_BACK, Status.ROLLING_BACK, Status.ROLLBACK_UNKNOWN, Status.ABORTED}:
        glyph = "✖" if index == state.phase else "•" if index < state.phase else "○"
        return line(span(f"{glyph} {name}", Ink.DIM if index != state.phase else Ink.BAD))
    if index < state.phase or state.status is Status.DONE:
        return line(span(f"✔ {name}", Ink.GOOD))
    if index == state.phase:
        mark = marks.of_rollout(rollout)
        return line(span(f"{mark.glyph} ", mark.ink), span(name, Ink.STRONG))
    if index == state.entering and state.step in {Step.APPLYING, Step.SETTLING}:
        return line(span(f"◷ {name} ({state.step.value.lower()})", Ink.WAIT))
    return line(span(f"○ {name}", Ink.DIM))
