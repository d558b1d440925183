"""`explain`: one criterion on one page.

JSON: {"rollout", "phase", "from": "source" | "journal" | "plan", "said", "verdict": verdict_shape or null, "declared": {…},
"trigger": bool, "history": [{seq at state why replay}], "cells": [{end canary baseline bound beyond}]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.naming import did_you_mean
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import Known, journal_of, load, stream_of
from rolloutctl.cli.sentences import stamp, zone_of
from rolloutctl.cli.session import session
from rolloutctl.cli.shapes import verdict_shape
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.waits import first_look_s
from rolloutctl.engine.cards.making import where
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.engine.wiring import Options
from rolloutctl.errors import ExitCode, InvalidInput
from rolloutctl.model.events import VerdictChanged
from rolloutctl.model.verdict import APPROXIMATE, Cell, State, Verdict, key_of, shown_as
from rolloutctl.plan.model import AlertCriterion, AnyCriterion, HttpCriterion, LatencyCriterion, RatioCriterion, ValueCriterion
from rolloutctl.telling import clause, words
from rolloutctl.units import show_duration

_CELLS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Explained:
    known: Known
    criterion: AnyCriterion
    segment: str
    verdict: Verdict | None
    history: tuple[tuple[int, VerdictChanged], ...]
    """With the numbers of the events."""
    origin: str
    """source | journal | plan"""
    said: str
    """Why it is not the source's; empty when it is."""


def explain(globals_: Globals, rollout: str, wanted: str, *, as_json: bool) -> ExitCode:
    settings = settings_of(globals_)
    with journal_of(settings) as journal:
        known = load(journal, rollout)
        assert journal is not None
        events = journal.read(stream_of(known.id))
    criterion, segment = _criterion(known, wanted)
    changes = [(event.seq, event.body) for event in events if isinstance(event.body, VerdictChanged)]
    history = tuple((seq, body) for seq, body in changes if (body.criterion, body.segment) == (criterion.id, segment))
    verdict, origin, said = _verdict(settings, known, criterion.id, segment, journalled=bool(history))
    explained = Explained(known, criterion, segment, verdict, history, origin, said)
    if as_json:
        put_json(_shape(explained))
    else:
        _show(explained, settings)
    return _code(explained)


def _criterion(known: Known, wanted: str) -> tuple[AnyCriterion, str]:
    """`errors/voice`, or `errors · voice` as it is shown."""
    parts = [part.strip() for part in re.split("[/·]", wanted, maxsplit=1)]
    name, segment = parts[0], "".join(parts[1:])
    found = next((criterion for criterion in known.plan.every_criterion if criterion.id == name), None)
    if found is not None:
        return found, segment
    names = [criterion.id for criterion in known.plan.every_criterion]
    raise InvalidInput(
        f'the plan of {known.id} has no criterion "{name}".',
        remedy=f"{did_you_mean(name, names)}It has: {', '.join(names) or 'none'}.",
    )


def _verdict(
    settings: Settings, known: Known, criterion: str, segment: str, *, journalled: bool
) -> tuple[Verdict | None, str, str]:
    """(verdict, where from, why not from the source)."""
    if known.state.run is None or known.state.status.final:
        said = "It is not judged now" + (": this is what the journal has." if journalled else ": no phase has begun.")
        return None, "journal" if journalled else "plan", said
    with session(Options(settings, read_only=True)) as running:
        running.until(lambda: _judged(running.rollout(known.id)), first_look_s(settings.config))
        seen = running.rollout(known.id)
    verdicts = seen.verdicts if seen is not None else ()
    found = next((each for each in verdicts if (each.criterion, each.segment) == (criterion, segment)), None)
    if found is not None and found.state is not State.SOURCE_DOWN:
        return found, "source", ""
    if found is None and verdicts and all(each.state is not State.SOURCE_DOWN for each in verdicts):
        shown = sorted({each.key for each in verdicts})
        raise InvalidInput(f"{known.id} judges no {key_of(criterion, segment)} now.", remedy=f"It judges: {', '.join(shown)}.")
    why = f": {clause(found.why)}" if found is not None else ""
    return found, "journal" if journalled else "plan", f"The source is down{why}. What follows is what the journal has."


def _judged(rollout: RolloutSnapshot | None) -> bool | None:
    return True if rollout is None or not rollout.state.judged or rollout.phase_verdict is not None else None


def _code(explained: Explained) -> ExitCode:
    verdict = explained.verdict
    if verdict is None:
        return ExitCode.NOT_YET
    match verdict.state:
        case State.PASS:
            return ExitCode.OK
        case State.BREACH:
            return ExitCode.FAILED
        case State.SOURCE_DOWN:
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.NOT_YET


def _shape(explained: Explained) -> dict[str, Any]:
    known, verdict = explained.known, explained.verdict
    phase = known.plan.phases[known.state.phase].name if known.state.phase >= 0 else None
    return {
        "rollout": known.id,
        "phase": phase,
        "from": explained.origin,
        "said": explained.said or None,
        "verdict": verdict_shape(verdict) if verdict is not None else None,
        "declared": explained.criterion.model_dump(mode="json"),
        "trigger": known.plan.has_trigger(explained.criterion.id),
        "history": [
            {"seq": seq, "at": body.at, "state": body.state, "why": body.why, "replay": bool(body.blob)}
            for seq, body in explained.history
        ],
        "cells": [_cell(cell) for cell in verdict.evidence.cells] if verdict is not None else [],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "end": datetime.fromtimestamp(cell.end, UTC),
        "canary": cell.canary,
        "baseline": cell.baseline,
        "bound": cell.bound,
        "beyond": cell.beyond,
    }


def _show(explained: Explained, settings: Settings) -> None:
    known, criterion, verdict = explained.known, explained.criterion, explained.verdict
    zone = zone_of(settings.config.operator.timezone)
    put(f"{shown_as(criterion.name, explained.segment)}  {known.id}, {where(known.plan, known.state)}")
    if explained.said:
        say(explained.said)
    if verdict is not None:
        since = f" since {stamp(datetime.fromtimestamp(verdict.since, UTC), zone)}" if verdict.since is not None else ""
        _field("verdict", f"{verdict.state.words}{since}")
        _field("why", verdict.why)
        _field("changes it", verdict.would_change)
    _field("bound", _bounds(criterion))
    _field("role", f"{criterion.role}; no data {criterion.on_no_data}, stale {criterion.on_stale}")
    _field("trigger", "watched in every phase" if known.plan.has_trigger(criterion.id) else "")
    if verdict is not None:
        seen = verdict.evidence
        for label, number in (("canary", seen.canary), ("baseline", seen.baseline), ("bound now", seen.bound)):
            _field(label, _number(number, criterion))
        if seen.events_canary is not None:
            _field("events", f"canary {seen.events_canary}, baseline {seen.events_baseline} in the newest window")
        if seen.approximate:
            _field("counts", APPROXIMATE)
        if seen.newest is not None:
            _field("newest", f"{stamp(datetime.fromtimestamp(seen.newest, UTC), zone)}, {seen.series} series")
        for query in seen.queries:
            _field("query", query)
        for cell in seen.cells[-_CELLS_SHOWN:]:
            numbers = ", ".join(
                f"{label} {_number(number, criterion)}"
                for label, number in (("canary", cell.canary), ("baseline", cell.baseline), ("bound", cell.bound))
                if number is not None
            )
            _field("look", f"{stamp(datetime.fromtimestamp(cell.end, UTC), zone)}  {numbers}{'  beyond' if cell.beyond else ''}")
    for seq, body in explained.history:
        _field("journal", f"{stamp(body.at, zone)}  {words(body.state)}: {body.why} (event {seq})")
    kept = [seq for seq, body in explained.history if body.blob]
    if kept:
        _field("again", f"rolloutctl replay {kept[-1]} judges the newest of these from its stored evidence")


def _bounds(criterion: AnyCriterion) -> str:
    match criterion:
        case AlertCriterion():
            wanted = ", ".join(f'{name}="{value}"' for name, value in criterion.labels.items())
            return f"{criterion.alert} must not fire" + (f" with {wanted}" if wanted else "")
        case LatencyCriterion():
            parts = [
                f"{float(quantile) * 100:.4g} % of requests within {show_duration(limit)}" for quantile, limit in criterion.limits
            ]
        case RatioCriterion() | ValueCriterion() | HttpCriterion():
            ends = (("at most", criterion.max), ("at least", criterion.min))
            parts = [f"{relation} {_number(float(end), criterion)}" for relation, end in ends if end is not None]
        case _:
            assert_never(criterion)
    if criterion.compares:
        than = "before the start" if criterion.versus == "before" else "baseline"
        parts.append(f"at most {criterion.margins[0]} worse than {than}")
    return ", ".join(parts)


def _number(value: float | None, criterion: AnyCriterion) -> str:
    if value is None:
        return "none"
    if isinstance(criterion, AlertCriterion):
        return f"{value:.0f} firing"
    if isinstance(criterion, RatioCriterion):
        return f"{value * 100:.4g} %"
    if isinstance(criterion, LatencyCriterion):
        return f"{value * 1000:.4g} ms"
    return f"{value:.6g}" + (f" {criterion.unit}" if criterion.unit else "")


def _field(label: str, text: str) -> None:
    if text:
        put(f"  {label:<12}{text}")
