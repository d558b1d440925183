"""Explain: one criterion on one page, for reading and for pasting into a ticket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.model.events import BreachLatched, Event, VerdictChanged
from rolloutctl.model.verdict import APPROXIMATE, Verdict
from rolloutctl.plan.model import AlertCriterion, HttpCriterion, ValueCriterion
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.criteria import criterion_of, name_of
from rolloutctl.tui.draw.digits import count
from rolloutctl.tui.draw.ink import EMPTY, Ink, Line, line, span, wrap
from rolloutctl.tui.draw.numbers import Judged, amount, bounds, counts, scale_of, unit_of
from rolloutctl.tui.draw.plot import curves, legend, plot
from rolloutctl.tui.draw.when import When
from rolloutctl.units import show_age, show_duration

_LABEL = 14
_CELLS_SHOWN = 12


def explain(
    rollout: RolloutSnapshot, verdict: Verdict, history: Sequence[Event] | None, when: When, cells: int
) -> tuple[Line, ...]:
    """`history`: the rollout's events; None while they are still being read."""
    criterion = criterion_of(rollout, verdict)
    mark = marks.of_verdict(verdict.state)
    since = f" since {when.full(verdict.since)}" if verdict.since is not None else ""
    return (
        line(span(name_of(criterion, verdict), Ink.STRONG), span(f"   {rollout.id} · {_phase(rollout)}", Ink.DIM)),
        EMPTY,
        *_field("verdict", "", cells, head=line(span(f"{mark.glyph} {mark.word}", mark.ink), span(since, Ink.DIM))),
        *_field("why", verdict.why, cells),
        *_field("would change", verdict.would_change or "nothing within this phase", cells),
        *_rules(criterion, cells),
        *_trigger(rollout, verdict, cells),
        EMPTY,
        *_numbers(verdict, criterion, when, cells),
        EMPTY,
        *_drawing(verdict, criterion, when, cells),
        EMPTY,
        *_queries(verdict, cells),
        EMPTY,
        *_looks(verdict, criterion, when),
        EMPTY,
        *_history(verdict, history, when, cells),
    )


def _phase(rollout: RolloutSnapshot) -> str:
    state = rollout.state
    name = rollout.plan.phases[state.phase].name if state.phase >= 0 else "before the first phase"
    return f"phase {name}, attempt {state.run.of_phase}" if state.run is not None else name


def _field(label: str, text: str, cells: int, *, head: Line = EMPTY, ink: Ink = Ink.PLAIN) -> tuple[Line, ...]:
    first = line(span(f"{label:<{_LABEL}}", Ink.DIM), *head)
    return wrap(text, cells, ink, first=first, indent=_LABEL) if text else (first,)


def _rules(criterion: Judged | None, cells: int) -> Iterable[Line]:
    if criterion is None:
        return ()
    if isinstance(criterion, AlertCriterion):
        return _alert(criterion, cells)
    rules = [
        f"{bounds(criterion)}{' relative to baseline' if criterion.tolerate is not None else ''}",
        f"window {show_duration(criterion.window)}",
        f"breach after {show_duration(criterion.breach_after)} beyond it",
    ]
    if criterion.hold:
        rules.append(f"pass after {show_duration(criterion.hold)} inside it")
    if isinstance(criterion, ValueCriterion | HttpCriterion):
        for word, hard in (("over", criterion.hard_max), ("under", criterion.hard_min)):
            if hard is not None:
                rules.append(f"two samples {word} {amount(float(hard), criterion)} are a breach at once")
    lines = list(_field("bound", " · ".join(rules), cells))
    lines += _field("role", f"{criterion.role.value} · test {criterion.test or 'by evidence'} · type {criterion.type}", cells)
    missing = (
        f"no data {criterion.on_no_data.value} · stale {criterion.on_stale.value} · low traffic {criterion.on_low_traffic.value}"
    )
    lines += _field("if missing", missing, cells)
    return lines


def _trigger(rollout: RolloutSnapshot, verdict: Verdict, cells: int) -> Iterable[Line]:
    plan, index = rollout.plan, max(0, rollout.state.phase)
    if not plan.has_trigger(verdict.criterion):
        return ()
    counts_here = any(criterion.id == verdict.criterion for criterion in plan.criteria_of(index))
    more = "" if counts_here else "; it is no exit criterion of this phase"
    return _field("trigger", f"watched in every phase{more}", cells)


def _alert(criterion: AlertCriterion, cells: int) -> Iterable[Line]:
    wanted = ", ".join(f'{name}="{value}"' for name, value in criterion.labels.items())
    rules = [f"{criterion.alert} must not fire" + (f" with {wanted}" if wanted else "")]
    if criterion.hold:
        rules.append(f"pass after {show_duration(criterion.hold)} of quiet")
    lines = list(_field("bound", " · ".join(rules), cells))
    lines += _field("role", f"{criterion.role.value} · counts in the warm-up, too · type {criterion.type}", cells)
    lines += _field("if missing", f"no data {criterion.on_no_data.value} · stale {criterion.on_stale.value}", cells)
    return lines


def _numbers(verdict: Verdict, criterion: Judged | None, when: When, cells: int) -> Iterable[Line]:
    seen = verdict.evidence
    lines = list(_field("canary", amount(seen.canary, criterion), cells))
    lines += _field("baseline", amount(seen.baseline, criterion), cells)
    lines += _field("bound now", amount(seen.bound, criterion), cells)
    if counts(criterion):
        canary = "—" if seen.events_canary is None else count(seen.events_canary)
        baseline = "—" if seen.events_baseline is None else count(seen.events_baseline)
        lines += _field("events", f"canary {canary} · baseline {baseline} in the newest window", cells)
    if seen.approximate:
        lines += _field("counts", APPROXIMATE, cells, ink=Ink.WARN)
    newest = f"{when.full(seen.newest)}, {show_age(when.seconds_since(seen.newest))} ago" if seen.newest is not None else "none"
    lines += _field("newest sample", f"{newest} · {seen.series} series", cells)
    if verdict.missing_since is not None:
        grace = "grace is over" if verdict.grace_over else "within grace"
        lines += _field("missing since", f"{when.full(verdict.missing_since)} · {grace}", cells)
    if verdict.breach_at is not None:
        lines += _field("first breach", when.full(verdict.breach_at), cells, ink=Ink.BAD)
    return lines


def _drawing(verdict: Verdict, criterion: Judged | None, when: When, cells: int) -> Iterable[Line]:
    drawn = curves(verdict.evidence.cells, scale_of(criterion), unit_of(criterion))
    return (legend(drawn), *plot(drawn, min(cells, 96), 9, when)) if not drawn.empty else plot(drawn, cells, 9, when)


def _queries(verdict: Verdict, cells: int) -> Iterable[Line]:
    lines: list[Line] = [line(span("queries, as sent", Ink.STRONG))]
    for query in verdict.evidence.queries:
        lines += wrap(query, cells, Ink.ACCENT, first=line("  "), indent=4)
    return lines if verdict.evidence.queries else [*lines, line(span("  none was sent", Ink.DIM))]


def _looks(verdict: Verdict, criterion: Judged | None, when: When) -> Iterable[Line]:
    looks = verdict.evidence.cells
    zone = f", {when.zone_of(looks[-1].end)}" if looks else ""
    head = f"newest looks of {len(looks)}{zone}"
    lines: list[Line] = [line(span(head, Ink.STRONG))]
    for cell in reversed(looks[-_CELLS_SHOWN:]):
        ink = Ink.BAD if cell.beyond else Ink.PLAIN
        lines.append(
            line(
                f"  {when.clock(cell.end)}  ",
                span(f"canary {amount(cell.canary, criterion):>12}", ink),
                f"  baseline {amount(cell.baseline, criterion):>12}  bound {amount(cell.bound, criterion):>12}",
                span("  beyond" if cell.beyond else "", Ink.BAD),
            )
        )
    return lines


def _history(verdict: Verdict, events: Sequence[Event] | None, when: When, cells: int) -> Iterable[Line]:
    head = line(span("history of the verdict, from the journal", Ink.STRONG))
    if events is None:
        return (head, line(span("  reading the journal …", Ink.DIM)))
    lines: list[Line] = [head]
    again = ""
    for event in events:
        match event.body:
            case VerdictChanged(criterion=verdict.criterion, segment=verdict.segment) as body:
                mark = marks.of_verdict_word(body.state)
                first = line(f"  {when.full(body.at)}  ", span(f"{mark.glyph} {mark.word}", mark.ink), "  ")
                lines += wrap(body.why, cells, Ink.DIM, first=first, indent=4)
            case BreachLatched(criterion=verdict.criterion, segment=verdict.segment) as body:
                first = line(f"  {when.full(body.at)}  ", span("✖ latched", Ink.BAD), "  ")
                lines += wrap(f"{body.why} (event {event.seq})", cells, Ink.DIM, first=first, indent=4)
            case _:
                continue
        if event.body.blob:
            again = f"rolloutctl replay {event.seq}"
    if again:
        lines += wrap("judges the newest of these from its stored evidence", cells, Ink.DIM, first=line(f"  {again} "), indent=4)
    return lines if len(lines) > 1 else (head, line(span("  no change is in the journal yet", Ink.DIM)))
