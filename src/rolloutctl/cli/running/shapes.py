"""The JSON of runs: stable keys, durations in seconds, times RFC 3339 UTC.

A run (`run_shape`): run · mode · runbook · environment · target · rollout · incident · by · result (null: not over) · clean_up ·
why · injected · skipped · objective_s · took_s · in_time · waited_s · decided_at · started_at · first_intent_at ·
last_critical_at · recovered_at · proved_at · ended_at · seq ·
steps [{id section type critical effect place attempts began_at ended_at why undo}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rolloutctl.model.run import Doing, RunState

if TYPE_CHECKING:
    from rolloutctl.engine.runs.planning import Planned
    from rolloutctl.model.rehearsal import Standing

Shape = dict[str, Any]


def run_shape(state: RunState) -> Shape:
    took = state.took
    return {
        "run": state.id,
        "mode": state.mode,
        "runbook": state.runbook,
        "environment": state.environment,
        "target": str(state.target) if state.target is not None else None,
        "rollout": state.rollout or None,
        "incident": state.incident or None,
        "by": state.by,
        "result": state.result,
        "clean_up": state.clean_up,
        "why": state.ended_why or None,
        "injected": list(state.inject),
        "skipped": list(state.skipped),
        "objective_s": state.objective,
        "took_s": took,
        "in_time": state.in_time,
        "waited_s": state.waited,
        "decided_at": state.decided_at,
        "started_at": state.started_at,
        "first_intent_at": state.first_intent_at,
        "last_critical_at": state.last_critical_at,
        "recovered_at": state.recovered_at,
        "proved_at": state.proved_at,
        "ended_at": state.ended_at,
        "seq": state.seq,
        "steps": [
            {
                "id": run.id,
                "section": run.section,
                "type": run.type,
                "critical": run.critical,
                "effect": run.effect,
                **_doing(run.forward),
                "undo": _doing(run.undo) if run.undo.intent else None,
            }
            for run in state.steps
        ],
    }


def _doing(doing: Doing) -> Shape:
    return {
        "place": doing.place,
        "attempts": doing.attempts,
        "began_at": doing.began_at,
        "ended_at": doing.ended_at,
        "why": doing.why or None,
    }


def planned_shape(planned: Planned) -> Shape:
    return {
        "runbook": planned.runbook,
        "environment": planned.environment,
        "ok": planned.ok,
        "objective_s": planned.objective,
        "estimate_s": planned.estimate,
        "estimate_from_runs": planned.runs,
        "steps": [
            {
                "id": step.id,
                "section": step.section,
                "type": step.type,
                "title": step.title,
                "confirm": step.confirm,
                "requests": list(step.requests),
                "difference": step.difference or None,
                "trouble": step.trouble or None,
                "passes": step.passes,
            }
            for step in planned.steps
        ],
    }


def standing_shape(runbook: str, standing: Standing) -> Shape:
    record = standing.record
    return {
        "runbook": runbook,
        "state": standing.state,
        "sentence": str(standing),
        "age_s": standing.age,
        "took_s": standing.took,
        "objective_s": standing.objective,
        "max_age_s": standing.max_age,
        "run": record.run if record is not None else None,
        "environment": record.environment if record is not None else None,
    }
