"""Who may do what: the role from the config and the environment's `write`. Rolling back asks less than advancing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutctl.config import Config, OperatorRole, Write
from rolloutctl.model.kinds import Action

if TYPE_CHECKING:  # turning a flag off asks for permission, and must not load every model of plans for that
    from rolloutctl.plan.model import Gate


def refusal(config: Config, person: str, environment: str, action: Action) -> str:
    """Why `person` may not do `action` in `environment`, as a sentence; empty: they may."""
    role = config.role_of(person)
    if role is OperatorRole.VIEWER:
        return f"{person} is a viewer; only operators and approvers change anything (config, [operators])."
    declared = config.environments.get(environment)
    write = declared.write if declared else Write.OPERATOR
    if action in {Action.ROLLBACK, Action.HOLD, Action.CHECKED}:
        return ""
    if action is Action.APPROVE and role is not OperatorRole.APPROVER:
        return f"{person} is an operator; only an approver approves (config, [operators])."
    if write is Write.NOBODY:
        return f"nobody may change {environment} (config, [environments.{environment}] write); a rollback is always possible."
    if write is Write.APPROVER and role is not OperatorRole.APPROVER:
        return f"{person} is an operator; only an approver changes {environment} (config, [environments.{environment}] write)."
    return ""


def may_drive(config: Config, person: str) -> str:
    """Why a process of `person` may not drive, which has effects; empty: it may."""
    if config.role_of(person) is OperatorRole.VIEWER:
        return f"{person} is a viewer; only operators and approvers drive (config, [operators])."
    return ""


def may_sign(config: Config, person: str, gate: Gate) -> str:
    """Why `person` may not sign `gate`; empty: they may. Owners are people, or groups of the config."""
    if person == gate.owner:
        return ""
    listed = config.operators.get(person)
    if listed is not None and gate.owner in listed.groups:
        return ""
    return f'gate "{gate.id}" is signed by {gate.owner}, not by {person}.'
