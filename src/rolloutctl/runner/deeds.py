"""From a step to its deed, with its values: the one place where types of steps become what does them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from rolloutctl.model.cohort import CohortState
from rolloutctl.model.run import RunState
from rolloutctl.model.run_words import Part, RunMode
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.placeholders import Landing, render
from rolloutctl.runbook.steps import AlertStep, AnyStep, CheckStep, FlagStep, HttpStep, ManualStep, NotifyStep, WaitStep
from rolloutctl.runner.alert_deed import AlertDeed
from rolloutctl.runner.check_deed import CheckDeed
from rolloutctl.runner.deed import Deed
from rolloutctl.runner.flag_deed import FlagDeed
from rolloutctl.runner.http_deed import HttpDeed
from rolloutctl.runner.people_deed import ManualDeed, NotifyDeed, WaitDeed
from rolloutctl.runner.tools import Tools


@dataclass(frozen=True, slots=True)
class Workshop:
    """Makes deeds for one run."""

    runbook: Runbook
    tools: Tools
    snapshot: CohortState | None = None
    """What the flag was before its rollout; by hand, before the run."""

    def deed(self, step: AnyStep, part: Part, state: RunState, values: Mapping[str, str]) -> Deed:
        """Raises InvalidInput or ValueError for what can never be sent."""
        before = _before(state, step.id)
        match step:
            case FlagStep():
                return FlagDeed(step, part, state.id, state.target, self._snapshot(state), self.tools, before=before)
            case HttpStep():
                exercise = state.mode is RunMode.REHEARSE
                return HttpDeed(self.runbook, step, part, state.id, values, self.tools, before=before, exercise=exercise)
            case CheckStep():
                return CheckDeed(step, values, self.tools)
            case AlertStep():
                return AlertDeed(step, part, state.id, state.by, values, self.runbook.timeout(step), self.tools)
            case NotifyStep():
                return NotifyDeed(step, state.id, title(step, values), values, self.tools)
            case ManualStep():
                return ManualDeed(step, title(step, values), values, self.tools)
            case WaitStep():
                return WaitDeed(step, self.tools)
            case _:
                assert_never(step)

    def _snapshot(self, state: RunState) -> CohortState | None:
        """Without a rollout, what the first flag step of the run found."""
        if self.snapshot is not None:
            return self.snapshot
        first = next((run.forward.before for run in state.steps if run.type == "flag" and run.forward.before), "")
        return CohortState.model_validate_json(first) if first else None


def title(step: AnyStep, values: Mapping[str, str]) -> str:
    return render(step.name, values, Landing.TEXT)


def _before(state: RunState, step: str) -> str:
    run = state.step(step)
    return run.forward.before if run is not None else ""
