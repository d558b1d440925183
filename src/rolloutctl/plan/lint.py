"""The linter: what a well-formed plan would not do as its author believes.

Pure: everything beyond the plan comes as facts. The table of all rules is `findings.RULES`; each part of the plan has its
module under `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.findings import Finding
from rolloutctl.plan.facts import Facts
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.model import Plan
from rolloutctl.plan.rules.criteria import criteria
from rolloutctl.plan.rules.live import live
from rolloutctl.plan.rules.names import names, provider
from rolloutctl.plan.rules.phases import phases
from rolloutctl.plan.rules.rollback import rollback
from rolloutctl.plan.rules.runbook import runbook
from rolloutctl.plan.rules.structure import structure

__all__ = ["RULES", "lint"]


def lint(plan: Plan, facts: Facts) -> tuple[Finding, ...]:
    """All findings, in the order of their codes and then of the plan."""
    found = list(_all(plan, facts))
    order = {code: place for place, code in enumerate(RULES)}
    return tuple(sorted(found, key=lambda finding: order[finding.code]))


def _all(plan: Plan, facts: Facts) -> Iterator[Finding]:
    yield from structure(plan)
    yield from criteria(plan)
    yield from phases(plan)
    yield from rollback(plan)
    if facts.runbook is not None:
        yield from runbook(facts.runbook)
    if facts.config is not None:
        yield from names(plan, facts.config)
    if facts.capabilities is not None:
        yield from provider(plan, facts.capabilities)
    if facts.live is not None:
        yield from live(plan, facts.live)
