"""What the linter wants to know of the config and of the world. Sends nothing that changes anything."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from rolloutctl.config import Config, OperatorRole, Write
from rolloutctl.engine.once.sealing import target_of
from rolloutctl.engine.world.world import World
from rolloutctl.errors import InvalidInput, SourceUnreachable
from rolloutctl.model.samples import Answer, FailureKind, Query, QueryKind, Samples, Series, SourceFailure
from rolloutctl.plan.facts import AskedQuery, ConfigFacts, Facts, FlagFact, LiveFacts, QueryFact, RunbookFact, asked
from rolloutctl.plan.model import Plan

_LOOK_BACK_S = 300.0
_COUNTERS = frozenset({"requests", "bad", "total", "histogram"})


async def gather(world: World, plan: Plan, *, live: bool, runbook: RunbookFact | None = None) -> Facts:
    """Raises SourceUnreachable, ProviderUnreachable or InvalidInput (a secret) when `live` facts cannot be had."""
    config = world.config
    provider = world.providers.get(plan.flag.provider)
    return Facts(
        config=config_facts(config) if config.sources or config.providers else None,
        capabilities=provider.capabilities if provider is not None else None,
        live=await _live(world, plan) if live else None,
        runbook=runbook,
    )


def config_facts(config: Config) -> ConfigFacts:
    people = config.operators
    return ConfigFacts(
        sources=frozenset(config.sources),
        providers=frozenset(config.providers),
        adapters=frozenset(config.adapters),
        environments={name: each.write is not Write.NOBODY for name, each in config.environments.items()},
        operators={name: each.role is not OperatorRole.VIEWER for name, each in people.items()},
        approvers=frozenset(name for name, each in people.items() if each.role is OperatorRole.APPROVER),
        groups=frozenset(group for each in people.values() for group in each.groups),
    )


async def _live(world: World, plan: Plan) -> LiveFacts:
    """Whatever the config does not name is not asked; the linter says so by its own rules."""
    flag = await _flag(world, plan) if plan.flag.provider in world.providers else None
    queries, interval = await _queries(world, plan) if plan.metrics.source in world.sources else ({}, None)
    return LiveFacts(flag=flag, queries=queries, scrape_interval_s=interval)


async def _flag(world: World, plan: Plan) -> FlagFact:
    """Raises InvalidInput, such as for a token that cannot be read: only a provider that answers may say what it lacks."""
    provider = world.provider(plan.flag.provider)
    try:
        state = await provider.read(target_of(world, plan))
    except InvalidInput:
        if not (await provider.probe()).ok:
            raise
        return FlagFact(exists=False)
    return FlagFact(exists=True, enabled=state.enabled, foreign=state.why_foreign)


async def _queries(world: World, plan: Plan) -> tuple[dict[AskedQuery, QueryFact], float | None]:
    """Counters as raw samples, which also tell age and interval; expressions at one moment."""
    source = world.source(plan.metrics.source)
    now = (await source.now()).timestamp()
    queries = {each: _query(each, now) for each in asked(plan)}
    answers = await source.fetch(tuple(dict.fromkeys(queries.values())))
    found = {each: _fact(answers[query], query, now) for each, query in queries.items()}
    gaps = [gap for query, answer in answers.items() if query.kind is QueryKind.RAW for gap in _gaps(answer)]
    return found, median(gaps) if gaps else None


def _query(each: AskedQuery, now: float) -> Query:
    if each.key[-1] == "alert":
        return Query(QueryKind.RULE, each.text, now, now)
    if each.key[-1] in _COUNTERS:
        return Query(QueryKind.RAW, each.text, now - _LOOK_BACK_S, now)
    return Query(QueryKind.GRID, each.text, now, now, step=1.0)


def _fact(answer: Answer, query: Query, now: float) -> QueryFact:
    if isinstance(answer, SourceFailure):
        if answer.kind is FailureKind.DOWN:
            raise SourceUnreachable(answer.why)
        return QueryFact(error=answer.why)
    times = [series.times[-1] for series in answer.series if series.times]
    age = now - max(times) if times and query.kind is QueryKind.RAW else None
    rate = sum(_per_s(series) for series in answer.series) if times and query.kind is QueryKind.RAW else None
    return QueryFact(series=tuple(series.labels for series in answer.series), newest_age_s=age, per_s=rate)


def _per_s(counter: Series) -> float:
    """A counter that falls was reset."""
    grown = [later - earlier if later >= earlier else later for earlier, later in pairwise(counter.values)]
    return sum(grown) / (counter.times[-1] - counter.times[0]) if grown else 0.0


def _gaps(answer: Answer) -> list[float]:
    if not isinstance(answer, Samples):
        return []
    return [later - earlier for series in answer.series for earlier, later in pairwise(series.times) if later > earlier]
