"""Runbooks as JSON.

A runbook (`runbook_shape`): file · id · title · owner · when · exec_digest · objective{time_to_rollback_s start stop} ·
rehearsal{policy max_age_s within_objective} · state (of its rehearsals) · standing (the same with its numbers) · run (which
decides, or null) · edits [sentence] · params [name] · steps [{id section type title deed details critical}].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rolloutctl.cli.runbooks.words import deed, details
from rolloutctl.model.rehearsal import Standing
from rolloutctl.runbook.digest import Edit, exec_digest
from rolloutctl.runbook.model import Runbook


def runbook_shape(file: str, runbook: Runbook, standing: Standing, edits: Sequence[Edit]) -> dict[str, Any]:
    return {
        "file": file,
        "id": runbook.id,
        "title": runbook.title,
        "owner": runbook.owner,
        "when": runbook.when,
        "exec_digest": exec_digest(runbook),
        "objective": {
            "time_to_rollback_s": runbook.objective.time_to_rollback.total_seconds(),
            "start": runbook.objective.start,
            "stop": runbook.objective.stop,
        },
        "rehearsal": {
            "policy": runbook.rehearsal.policy,
            "max_age_s": runbook.rehearsal.max_age.total_seconds(),
            "within_objective": runbook.rehearsal.within_objective,
        },
        "state": standing.state,
        "standing": str(standing),
        "run": standing.record.run if standing.record is not None else None,
        "edits": [str(edit) for edit in edits],
        "params": list(runbook.params),
        "steps": [
            {
                "id": step.id,
                "section": section,
                "type": step.type,
                "title": step.name,
                "deed": deed(step),
                "details": [detail for detail in details(runbook, step) if detail],
                "critical": step.critical,
            }
            for _, section, step in runbook.placed()
        ],
    }
