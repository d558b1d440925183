"""RC6xx: what the flag server and the source really have. Silent about whatever was not asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rolloutctl.constraints import Key
from rolloutctl.findings import Finding
from rolloutctl.model.alerts import ERROR, HEALTH
from rolloutctl.model.samples import Arm, Labels
from rolloutctl.plan.facts import AskedQuery, FlagFact, LiveFacts, QueryFact
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.model import AlertCriterion, HttpCriterion, LatencyCriterion, Plan, RatioCriterion, Trigger, ValueCriterion
from rolloutctl.plan.rules.traffic import traffic
from rolloutctl.promql import read, with_arm
from rolloutctl.units import show_age, show_duration

_SCRAPES = 4


def live(plan: Plan, facts: LiveFacts) -> Iterator[Finding]:
    if facts.flag is not None:
        yield from _flag(plan, facts.flag)
    if facts.audiences is not None:
        yield from _audiences(plan, facts.audiences)
    for asked, fact in facts.queries.items():
        yield from _answer(plan, asked, fact)
    yield from _overlap(facts.queries)
    yield from _segments(plan, facts.queries)
    yield from traffic(plan, facts.queries)
    if facts.scrape_interval_s:
        yield from _scrapes(plan, facts.scrape_interval_s)


def _flag(plan: Plan, flag: FlagFact) -> Iterator[Finding]:
    name = f'Flag "{plan.flag.key}" in environment "{plan.flag.environment}"'
    if not flag.exists:
        yield RULES["RC601"].at(
            ("flag", "key"), f"{name} does not exist.", "Create it at the provider, turned off; or correct the key."
        )
        return
    if flag.foreign:
        yield RULES["RC603"].at(
            ("flag", "key"), f"{name} is not ours to step: {flag.foreign}.", "Remove what is in the way, or use another flag."
        )
    if flag.enabled:
        yield RULES["RC602"].at(
            ("flag", "key"),
            f"{name} is on already; a rollout begins with nobody in it.",
            "Turn it off, or start with --adopt to take it as it is.",
        )


def _audiences(plan: Plan, exist: frozenset[str]) -> Iterator[Finding]:
    for index, phase in enumerate(plan.phases):
        for place, name in enumerate(phase.cohort.audiences):
            if name not in exist:
                yield RULES["RC604"].at(
                    ("phases", index, "cohort", "audiences", place),
                    f'The provider has no audience "{name}"; it has {", ".join(sorted(exist)) or "none"}.',
                    "Create it at the provider, or correct the name.",
                )


def _alert(plan: Plan, asked: AskedQuery, fact: QueryFact) -> Iterator[Finding]:
    if _fresh_of(plan, asked.key) is not None:
        return
    why = ""
    if fact.error:
        why = f"The source does not list its alerting rules: {fact.error}"
    elif not fact.series:
        why = f"The source evaluates no alerting rule named {asked.text}: that it does not fire says nothing."
    elif all(dict(labels).get(HEALTH) == "err" for labels in fact.series):
        why = f"The rule of the alert {asked.text} fails: {dict(fact.series[0]).get(ERROR, 'the source does not say why')}."
    if why:
        yield RULES["RC612"].at(
            asked.key, why, "Load the rule, correct the name, or name with `fresh` a series that shows that it is evaluated."
        )


def _fresh_of(plan: Plan, key: Key) -> str | None:
    if not isinstance(key[1], int):
        return None
    found = plan.triggers[key[1]] if key[0] == "triggers" else plan.criteria[key[1]]
    return found.fresh if isinstance(found, AlertCriterion | Trigger) else None


def _answer(plan: Plan, asked: AskedQuery, fact: QueryFact) -> Iterator[Finding]:
    if asked.key[-1] == "alert":
        yield from _alert(plan, asked, fact)
        return
    if fact.error:
        yield RULES["RC610"].at(
            asked.key, f"The source refuses the query for the {asked.arm}: {fact.error}", "Try it in Prometheus and correct it."
        )
        return
    if not fact.series:
        yield RULES["RC605"].at(
            asked.key,
            f"Right now nothing matches for the {asked.arm}.",
            "Correct the labels; for a canary that is not deployed yet, check again once it runs.",
        )
        return
    oldest = plan.metrics.max_sample_age.total_seconds()
    if fact.newest_age_s is not None and fact.newest_age_s > oldest:
        yield RULES["RC611"].at(
            asked.key,
            f"The newest sample for the {asked.arm} is {show_age(fact.newest_age_s)} old and would count as stale.",
            "See why it is not scraped, or raise metrics.max_sample_age.",
        )
    criterion = _value_criterion(plan, asked.key)
    if criterion is None:
        return
    different = _told_apart_by(plan, fact.series)
    if different:
        yield RULES["RC606"].at(
            asked.key,
            f"The {asked.arm} has {len(fact.series)} series that differ in {', '.join(different)}, where one number is meant.",
            "Aggregate them, such as with sum() or max(), or declare the label as metrics.host or metrics.segment.",
        )


def _value_criterion(plan: Plan, key: Key) -> ValueCriterion | None:
    if key[0] != "criteria" or not isinstance(key[1], int):
        return None
    criterion = plan.criteria[key[1]]
    return criterion if isinstance(criterion, ValueCriterion) else None


def _told_apart_by(plan: Plan, series: tuple[Labels, ...]) -> tuple[str, ...]:
    """Labels other than host and segment in which the series differ."""
    expected = {plan.metrics.host, plan.metrics.segment.label if plan.metrics.segment else None}
    names = sorted({name for labels in series for name, _ in labels} - expected)
    return tuple(name for name in names if len({dict(labels).get(name) for labels in series}) > 1)


def _overlap(queries: Mapping[AskedQuery, QueryFact]) -> Iterator[Finding]:
    """Raw counters only: an aggregated expression of both arms has the same labels by nature."""
    by_arm: dict[Key, dict[Arm, frozenset[Labels]]] = {}
    for asked, fact in queries.items():
        if asked.key[-1] in ("requests", "bad", "total", "histogram"):
            by_arm.setdefault(asked.key, {})[asked.arm] = frozenset(fact.series)
    for key, arms in by_arm.items():
        both = arms.get(Arm.CANARY, frozenset()) & arms.get(Arm.BASELINE, frozenset())
        if both:
            yield RULES["RC608"].at(
                key,
                f"{len(both)} series belong to canary and baseline at once.",
                "Give each arm matchers that the other's series do not have.",
            )
            return


def _segments(plan: Plan, queries: Mapping[AskedQuery, QueryFact]) -> Iterator[Finding]:
    segment = plan.metrics.segment
    if segment is None:
        return
    for asked, fact in queries.items():
        if fact.error or not fact.series or asked.arm is not Arm.BASELINE or not _by_segment(plan, asked.key):
            continue
        seen = {dict(labels).get(segment.label) for labels in fact.series}
        missing = [value for value in segment.required if value not in seen]
        if missing:
            yield RULES["RC607"].at(
                asked.key,
                f"No series has {segment.label}={', '.join(missing)}, which the plan requires.",
                "Correct metrics.segment.required or the metric's labels.",
            )


def _by_segment(plan: Plan, key: Key) -> bool:
    if key[0] != "criteria" or not isinstance(key[1], int):
        return False
    match plan.criteria[key[1]]:
        case RatioCriterion():
            return key[2] == "total"
        case LatencyCriterion() | HttpCriterion() | AlertCriterion():
            return False
        case ValueCriterion() as value:
            return value.by_segment


def _scrapes(plan: Plan, interval_s: float) -> Iterator[Finding]:
    shortest = _SCRAPES * interval_s
    for index, criterion in enumerate(plan.criteria):
        if isinstance(criterion, HttpCriterion | AlertCriterion):
            continue
        if isinstance(criterion, RatioCriterion | LatencyCriterion):
            # By evidence counters are counted scrape by scrape, and the window is only what is drawn.
            if criterion.by_evidence:
                continue
            window, key = criterion.window, "window"
        else:
            try:
                taken_over = read(with_arm(criterion.expr, plan.metrics.canary)).shortest_window
            except ValueError:
                continue
            if taken_over is None:
                continue
            window, key = taken_over, "expr"
        if window.total_seconds() < shortest:
            yield RULES["RC609"].at(
                ("criteria", index, key),
                f'"{criterion.id}" is taken over {show_duration(window)}, but samples come every {interval_s:g} s: '
                "a missed scrape or two leave nothing.",
                f"Use a window of at least {_SCRAPES} scrapes.",
            )
