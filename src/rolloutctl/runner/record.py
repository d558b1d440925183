"""The record of a rehearsal: what was run, when, how long it took, what was not covered. Pure; TOML and Markdown of one value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import tomli_w

from rolloutctl.model.events import Event
from rolloutctl.model.run import Doing, RunState, StepRun
from rolloutctl.model.run_events import Notified, StepOk, StepOutcome
from rolloutctl.model.run_words import RunMode
from rolloutctl.shown import printable
from rolloutctl.units import show_clock, show_time

Record = dict[str, Any]


def record_of(state: RunState, events: Sequence[Event], head: tuple[int, str]) -> Record:
    """Of an ended run, from its events; `head`: the journal's newest event, by which the record can be found again."""
    record: Record = {
        "format": 1,
        "run": state.id,
        "mode": state.mode.value,
        "runbook": state.runbook,
        "environment": state.environment,
        "target": str(state.target) if state.target is not None else None,
        "rollout": state.rollout or None,
        "incident": state.incident or None,
        "by": state.by,
        "result": state.result.value if state.result is not None else None,
        "clean_up": state.clean_up.value,
        "why": state.ended_why or None,
        "counts_as_proof": state.mode is not RunMode.PLAN and not state.inject,
        "injected": list(state.inject),
        "not_covered": list(state.skipped),
        "exec_digest": state.exec_digest,
        "adapter_digest": state.adapter_digest,
        "times": _times(state),
        "journal": {"seq": head[0], "hash": head[1]},
        "steps": [_step(run, events) for run in state.steps if run.forward.intent or run.undo.intent],
        "messages": [_message(told) for told in state.told],
    }
    return {key: _without_none(value) for key, value in record.items() if value is not None}


def as_toml(record: Record) -> str:
    return tomli_w.dumps(record)


def as_markdown(record: Record) -> str:
    """For people, and for the place where a team keeps its drills."""
    times = record["times"]
    took, objective = times.get("took_s"), times["objective_s"]
    spent = f"{show_clock(took)} of {show_clock(objective)}" if took is not None else f"not reached ({show_clock(objective)})"
    lines = [
        f"# {_cell(record['runbook'])}: {record['mode']} in {_cell(record['environment'])}",
        "",
        f"**{record.get('result', 'not ended').upper().replace('_', ' ')}**, time to rollback {spent}"
        + ("" if record["counts_as_proof"] else "; faults were injected, so it is no proof")
        + ".",
        "",
        "| what | |",
        "| --- | --- |",
    ]
    said = {
        "run": record["run"],
        "by": record["by"],
        "flag": record.get("target"),
        "rollout": record.get("rollout"),
        "incident": record.get("incident"),
        "why": record.get("why"),
        "clean-up": record["clean_up"],
        "injected faults": ", ".join(record["injected"]) or None,
        "not covered": ", ".join(record["not_covered"]) or None,
        "people were waited for": show_clock(times["waited_s"]),
        **{key.removesuffix("_at").replace("_", " "): value for key, value in times.items() if key.endswith("_at")},
        "runbook's digest": record["exec_digest"][:12],
        "journal": f"{record['journal']['seq']} {record['journal']['hash'][:12]}",
    }
    lines += [f"| {name} | {_cell(str(value))} |" for name, value in said.items() if value is not None]
    lines += ["", "| step | what came of it | took | why |", "| --- | --- | --- | --- |"]
    for step in record["steps"]:
        lines.append(f"| {_cell(step['id'])} | {_outcome(step)} | {_took(step)} | {_cell(step.get('why', ''))} |")
        if "undo" in step:
            undo = step["undo"]
            lines.append(f"| {_cell(step['id'])}, undone | {_outcome(undo)} | {_took(undo)} | {_cell(undo.get('why', ''))} |")
    return "\n".join(lines) + "\n"


def _times(state: RunState) -> Record:
    took = state.took
    return {
        "objective_s": _seconds(state.objective),
        "took_s": _seconds(took) if took is not None else None,
        "in_time": state.in_time,
        "waited_s": _seconds(state.waited),
        "decided_at": _time(state.decided_at),
        "started_at": _time(state.started_at),
        "first_intent_at": _time(state.first_intent_at),
        "last_critical_at": _time(state.last_critical_at),
        "recovered_at": _time(state.recovered_at),
        "proved_at": _time(state.proved_at),
        "ended_at": _time(state.ended_at),
    }


def _step(run: StepRun, events: Sequence[Event]) -> Record:
    step = {
        "id": run.id,
        "section": run.section.value,
        "type": run.type,
        "critical": run.critical,
        **_doing(run.forward, events),
    }
    if run.undo.intent:
        step["undo"] = _doing(run.undo, events)
    return step


def _doing(doing: Doing, events: Sequence[Event]) -> Record:
    outcomes = [event.body for event in events if isinstance(event.body, StepOutcome)] if doing.intent else []
    outcome = next((body for body in reversed(outcomes) if body.intent == doing.intent), None)
    took = doing.ended_at - doing.began_at if doing.ended_at is not None and doing.began_at is not None else None
    return {
        "outcome": doing.place.value,
        "unchanged": True if isinstance(outcome, StepOk) and outcome.unchanged else None,
        "attempts": doing.attempts,
        "took_s": _seconds(took) if took is not None else None,
        "why": doing.why or None,
        "evidence": dict(outcome.evidence) if outcome is not None and outcome.evidence else None,
    }


def _message(told: Notified) -> Record:
    return {
        "channel": told.channel,
        "text": told.text,
        "delivered": told.delivered,
        "why": told.why or None,
        "at": _time(told.at),
    }


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)


def _time(at: datetime | None) -> str | None:
    return show_time(at) if at is not None else None


def _without_none(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_none(item) for key, item in value.items() if item is not None}
        case list():
            return [_without_none(item) for item in value]
        case _:
            return value


def _cell(text: str) -> str:
    """Nothing in it is read as Markdown, HTML or the end of the cell."""
    plain = printable(text.replace("\n", " "))
    for mark in "\\`*_[]<>|":
        plain = plain.replace(mark, f"\\{mark}" if mark not in "<>" else {"<": "&lt;", ">": "&gt;"}[mark])
    return plain


def _outcome(step: Record) -> str:
    unchanged = ", it was so already" if step.get("unchanged") else ""
    return f"{step['outcome']}{unchanged}" + (f", attempt {step['attempts']}" if step["attempts"] > 1 else "")


def _took(step: Record) -> str:
    return f"{step['took_s']:.1f} s" if "took_s" in step else ""
