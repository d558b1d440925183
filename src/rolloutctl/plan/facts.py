"""What the linter may know besides the plan: gathered by the engine, so that linting itself stays pure.

None anywhere means "not asked"; a rule that needs it then says nothing. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rolloutctl.constraints import Key
from rolloutctl.model.outcome import Capabilities
from rolloutctl.model.samples import Arm, Labels
from rolloutctl.plan.model import AlertCriterion, LatencyCriterion, Plan, RatioCriterion, ValueCriterion
from rolloutctl.promql import with_arm


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """What the config declares, by name."""

    sources: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    adapters: frozenset[str] = frozenset()
    environments: Mapping[str, bool] = field(default_factory=dict)
    """Environment -> somebody may write there."""
    operators: Mapping[str, bool] = field(default_factory=dict)
    """Operator -> may act; empty: nobody is declared, everybody may."""
    approvers: frozenset[str] = frozenset()
    """Operators who may approve."""
    groups: frozenset[str] = frozenset()
    """Groups that operators are in: a gate may be owned by one."""


@dataclass(frozen=True, slots=True)
class FlagFact:
    """The flag as its provider has it."""

    exists: bool
    enabled: bool = False
    foreign: str = ""
    """Why its present state is not a cohort of ours; empty where it is."""


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query of the plan for one arm, to be asked as an instant query."""

    key: Key
    """Where it stands in the plan."""
    arm: Arm
    text: str


@dataclass(frozen=True, slots=True)
class QueryFact:
    """What the source answered."""

    series: tuple[Labels, ...] = ()
    newest_age_s: float | None = None
    """Of the newest sample of any series."""
    error: str = ""
    """What the source said instead of an answer."""
    per_s: float | None = None
    """Of counters: events per second of all series together, lately."""


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What was seen by asking the provider and the source."""

    flag: FlagFact | None = None
    audiences: frozenset[str] | None = None
    """Audiences that exist at the provider."""
    queries: Mapping[AskedQuery, QueryFact] = field(default_factory=dict)
    scrape_interval_s: float | None = None
    """Median time between samples of the plan's counters."""


@dataclass(frozen=True, slots=True)
class RunbookFact:
    """The runbook that the plan names, as it was found."""

    trouble: str = ""
    """Why it cannot be used at all: it is not there, or cannot be read."""
    errors: tuple[str, ...] = ()
    """What its own linter calls errors."""
    params: tuple[str, ...] = ()
    """What is wrong with the parameters that the plan gives it."""
    second_person: tuple[str, ...] = ()
    """Steps that wait for a second person."""
    standing: str = ""
    """How its rehearsals stand, in words; empty: not asked."""
    proved: bool = True
    """They are what the runbook demands, or were not asked."""
    blocks: bool = False
    """No phase is entered before they are."""


@dataclass(frozen=True, slots=True)
class Facts:
    config: ConfigFacts | None = None
    capabilities: Capabilities | None = None
    """Of the provider that the plan names."""
    live: LiveFacts | None = None
    runbook: RunbookFact | None = None
    """Of the plan's rollback."""


def asked(plan: Plan) -> tuple[AskedQuery, ...]:
    """Every query that the live rules want an answer to, for both arms; keys that end in `alert` name alerting rules."""
    texts: list[tuple[Key, str]] = []
    alerts: list[tuple[Key, str]] = []
    if plan.metrics.requests is not None:
        texts.append((("metrics", "requests"), plan.metrics.requests))
    for index, criterion in enumerate(plan.criteria):
        match criterion:
            case RatioCriterion():
                texts += [(("criteria", index, "bad"), criterion.bad), (("criteria", index, "total"), criterion.total)]
            case LatencyCriterion():
                texts.append((("criteria", index, "histogram"), criterion.histogram))
            case ValueCriterion():
                texts.append((("criteria", index, "expr"), criterion.expr))
            case AlertCriterion():
                alerts.append((("criteria", index, "alert"), criterion.alert))
    alerts += [(("triggers", index, "alert"), each.alert) for index, each in enumerate(plan.triggers) if each.alert is not None]
    arms = ((Arm.CANARY, plan.metrics.canary), (Arm.BASELINE, plan.metrics.baseline))
    queries = tuple(AskedQuery(key, arm, with_arm(text, matchers)) for key, text in texts for arm, matchers in arms)
    return (*queries, *(AskedQuery(key, Arm.CANARY, name) for key, name in alerts))
