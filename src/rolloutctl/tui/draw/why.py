"""The why pane: one verdict in sentences."""

from __future__ import annotations

from datetime import datetime

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.model.verdict import APPROXIMATE, State, Verdict
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.criteria import criterion_of, name_of
from rolloutctl.tui.draw.ink import Ink, Line, line, span, wrap
from rolloutctl.tui.draw.numbers import amount
from rolloutctl.tui.draw.when import When

_EFFECT = {
    "guardrail": "guardrail: a breach rolls back",
    "signal": "signal: a breach holds",
    "info": "info: shown, decides nothing",
}


def _breached_at(rollout: RolloutSnapshot, verdict: Verdict) -> datetime | float | None:
    run = rollout.state.run
    here = [b.at for b in run.breaches if (b.criterion, b.segment) == (verdict.criterion, verdict.segment)] if run else []
    return here[0] if here else verdict.breach_at


def why(rollout: RolloutSnapshot, verdict: Verdict | None, when: When, cells: int) -> tuple[Line, ...]:
    if verdict is None:
        text = "Nothing is judged yet: criteria are judged once a phase is baking."
        return wrap(text, cells, Ink.DIM)
    criterion = criterion_of(rollout, verdict)
    mark = marks.of_verdict(verdict.state)
    since = f" since {when.stamp(verdict.since)}" if verdict.since is not None else ""
    lines: list[Line] = [
        line(span(name_of(criterion, verdict), Ink.STRONG)),
        line(span(f"{mark.glyph} {mark.word}", mark.ink), span(since, Ink.DIM)),
        *wrap(verdict.why, cells),
    ]
    if verdict.would_change:
        lines += wrap(verdict.would_change, cells, Ink.ACCENT, first=line(span("would change it: ", Ink.DIM)))
    if verdict.state.missing_evidence and verdict.grace_over:
        lines += wrap("Its grace is over.", cells, Ink.WARN)
    breached_at = _breached_at(rollout, verdict)
    if breached_at is not None and verdict.state is not State.BREACH:
        lines += wrap(f"It was in breach at {when.stamp(breached_at)}; that stands for this phase.", cells, Ink.BAD)
    if criterion is not None:
        lines += wrap(_EFFECT[criterion.role.value], cells, Ink.DIM)
    seen = verdict.evidence
    if seen.bound is not None:
        lines += wrap(f"bound now {amount(seen.bound, criterion)}", cells, Ink.DIM)
    if seen.approximate:
        lines += wrap(APPROXIMATE, cells, Ink.WARN)
    return tuple(lines)
