"""Plans and people for the tests of policy; durations are short and round."""

from datetime import timedelta
from typing import Any

from policy.harness import Rollout, a_verdict
from rolloutctl.config import Config
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import Cell, Evidence, State, Verdict
from rolloutctl.plan.model import Plan

BAKE = timedelta(minutes=10)
COUNTDOWN = timedelta(seconds=60)
PASS = a_verdict()
BREACH = a_verdict(state=State.BREACH, breach_at=1.0)

_CRITERIA = [
    {"id": "errors", "type": "value", "test": "threshold", "expr": "x{$arm}", "max": 1},
    {"id": "latency", "type": "value", "test": "threshold", "expr": "y{$arm}", "max": 1},
    {"id": "drift", "type": "value", "test": "threshold", "expr": "z{$arm}", "max": 1, "role": "signal"},
    {"id": "cost", "type": "value", "test": "threshold", "expr": "w{$arm}", "max": 1, "role": "info"},
]


def a_phase(name: str, percent: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "owner": "ana", "cohort": {"percent": percent}, "bake": "10m", "deadline": "40m", **more}


def a_plan(
    *phases: dict[str, Any], rollback: dict[str, Any] | None = None, criterion: dict[str, Any] | None = None, **more: Any
) -> Plan:
    """`criterion` goes on top of the first criterion, `errors`."""
    return Plan.model_validate(
        {
            "format": 1,
            "name": "checkout",
            "owner": "ana",
            "flag": {"provider": "flags", "key": "checkout", "environment": "production"},
            "metrics": {"source": "prometheus", "canary": 'v="2"', "baseline": 'v="1"'},
            "criteria": [_CRITERIA[0] | (criterion or {}), *_CRITERIA[1:]],
            "phases": list(phases) or [a_phase("five", 5), a_phase("thirty", 30), a_phase("all", 100)],
            "rollback": rollback or {},
            **more,
        }
    )


def a_config(write: str = "operator", **operators: str) -> Config:
    """`ana="approver"`, or `"operator:legal"` with a group."""
    parsed = {name: role.split(":") for name, role in operators.items()}
    return Config.model_validate(
        {
            "operators": {name: {"role": role, "groups": groups} for name, (role, *groups) in parsed.items()},
            "environments": {"production": {"write": write}},
        }
    )


def cell(*, beyond: bool, value: float | None = 0.5) -> Evidence:
    return Evidence(cells=(Cell(end=1.0, canary=value, baseline=None, bound=1.0, beyond=beyond),))


def verdict(state: State = State.PASS, criterion: str = "errors", **more: Any) -> Verdict:
    return a_verdict(criterion, state, **more)


def started(plan: Plan | None = None, **more: Any) -> Rollout:
    return Rollout(plan or a_plan(), **more)


def settle(rollout: Rollout) -> Rollout:
    """From an accepted step to BAKING."""
    rollout.run()
    rollout.after(timedelta(seconds=15))
    assert rollout.state.step is Step.BAKING, rollout.state.step
    return rollout


def baking(plan: Plan | None = None, **more: Any) -> Rollout:
    """In the first phase, just begun, judged PASS."""
    rollout = started(plan, **more)
    rollout.advance()
    settle(rollout)
    rollout.judge(PASS)
    return rollout


def ready(plan: Plan | None = None, **more: Any) -> Rollout:
    """The first phase is READY, or further where it advances by itself."""
    rollout = baking(plan, **more)
    rollout.after(BAKE)
    return rollout


def last_ready(plan: Plan | None = None, **more: Any) -> Rollout:
    """Every phase entered by hand, the last one READY."""
    rollout = ready(plan, **more)
    while rollout.state.phase + 1 < len(rollout.plan.phases):
        rollout.advance()
        settle(rollout)
        rollout.judge(PASS)
        rollout.after(BAKE)
    assert rollout.state.step is Step.READY
    return rollout


def rolled_back(plan: Plan | None = None, **more: Any) -> Rollout:
    from rolloutctl.model import events as ev

    rollout = baking(plan, **more)
    rollout.ask(ev.RollbackRequested(why="errors"), "ben")
    rollout.run()
    assert rollout.state.status is Status.ROLLED_BACK
    return rollout
