"""What a run is started with, checked against config, runbook and journal before anything is journalled.

Raises InvalidInput for what is missing or wrong, Refused for what may not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rolloutctl.config import Config
from rolloutctl.errors import InvalidInput, Refused
from rolloutctl.model.cohort import CohortState, Target
from rolloutctl.model.kinds import Action
from rolloutctl.model.run_words import RunMode
from rolloutctl.policy.permission import refusal
from rolloutctl.runbook.digest import Relied
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.params import fill_in
from rolloutctl.runbook.placeholders import Fact, RunFact
from rolloutctl.runbook.relies import relies_on
from rolloutctl.runbook.steps import FlagStep
from rolloutctl.runbook.texts import names_used
from rolloutctl.runner.guard import refusals
from rolloutctl.runner.inject import Injected, parse_injected


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run as it is asked for."""

    runbook: Runbook
    text: str
    """Of the runbook's file, as it was read."""
    mode: RunMode
    environment: str
    target: Target | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    rollout: str = ""
    plan: str = ""
    phase: str = ""
    source: str = ""
    """The rollout's; empty: the only one there is."""
    snapshot: CohortState | None = None
    """What the flag was before the rollout."""
    incident: str = ""
    inject: tuple[str, ...] = ()
    confirmed: bool = False
    """The decision to roll back answers every `confirm` but `second_person`."""
    decided_at: datetime | None = None
    """None: now."""

    def values(self, operator: str) -> dict[str, str]:
        """Of all placeholders but those of the run. Raises InvalidInput."""
        facts = {
            Fact.FLAG: self.target.key if self.target is not None else "",
            Fact.PROVIDER: self.target.provider if self.target is not None else "",
            Fact.PROJECT: self.target.project if self.target is not None else "",
            Fact.ENVIRONMENT: self.environment,
            Fact.ROLLOUT: self.rollout,
            Fact.PLAN: self.plan,
            Fact.PHASE: self.phase,
            Fact.INCIDENT: self.incident,
            Fact.OPERATOR: operator,
        }
        return fill_in(self.runbook.params, self.params, facts)


def check(wanted: Wanted, base: Config, person: str) -> dict[str, str]:
    """The values of its placeholders. `base`: the config without the environment's overrides."""
    config, runbook = base.in_environment(wanted.environment), wanted.runbook
    if wanted.environment not in config.environments:
        there = ", ".join(config.environments) or "none"
        raise InvalidInput(f'the config has no environment "{wanted.environment}".', remedy=f"It has: {there}.")
    values = wanted.values(person)
    _check_names(wanted, config)
    missing = names_used(runbook) - values.keys() - {fact.value for fact in RunFact}
    if missing:
        raise InvalidInput(
            f"there is no value for {', '.join(sorted(missing))}.", remedy="Declare them in the runbook's [params]."
        )
    if wanted.mode is RunMode.PLAN:
        return values
    why = refusal(config, person, wanted.environment, Action.ROLLBACK if wanted.mode is RunMode.LIVE else Action.ADVANCE)
    if why:
        raise Refused(why)
    _check_mode(wanted, base)
    return values


def injected(wanted: Wanted) -> tuple[Injected, ...]:
    ids = [step.id for _, _, step in wanted.runbook.placed()]
    return tuple(parse_injected(text, ids) for text in wanted.inject)


def _check_mode(wanted: Wanted, base: Config) -> None:
    if wanted.inject and wanted.mode is not RunMode.REHEARSE:
        raise Refused("faults are injected into rehearsals alone.", remedy="Say --mode rehearse.")
    injected(wanted)
    if wanted.mode is RunMode.REHEARSE:
        reasons = refusals(base, wanted.environment, wanted.runbook, wanted.target)
        if reasons:
            raise Refused(" ".join(reasons))


def _check_names(wanted: Wanted, config: Config) -> None:
    tables: dict[Relied, tuple[str, Mapping[str, object]]] = {
        Relied.ADAPTER: ("adapters", config.adapters),
        Relied.CHANNEL: ("channels", config.channels),
        Relied.SOURCE: ("sources", config.sources),
    }
    for _, kind, name in relies_on(wanted.runbook):
        if kind in tables and name:
            table, known = tables[kind]
            if name not in known:
                raise InvalidInput(f'the runbook needs the {kind} "{name}".', remedy=f"Declare [{table}.{name}] in the config.")
        if kind is Relied.SOURCE and not name and not wanted.source and len(config.sources) != 1:
            there = ", ".join(config.sources) or "none"
            raise InvalidInput(f"a step names no source, and the config has {there}.", remedy='Write source = "…" in the step.')
    if any(isinstance(step, FlagStep) for _, _, step in wanted.runbook.placed()):
        if wanted.target is None:
            raise InvalidInput(
                "the runbook changes a flag, and none is named.", remedy="Say --rollout R, or --flag PROVIDER/KEY."
            )
        if wanted.target.provider not in config.providers:
            there = ", ".join(config.providers) or "none"
            raise InvalidInput(f'the config has no provider "{wanted.target.provider}".', remedy=f"It has: {there}.")
