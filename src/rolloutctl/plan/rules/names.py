"""RC5xx: names that the config has to know, and what its provider can do. Silent where the facts are not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rolloutctl.constraints import Key
from rolloutctl.findings import Finding
from rolloutctl.model.outcome import Capabilities
from rolloutctl.plan.facts import ConfigFacts
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.model import HttpCriterion, Plan
from rolloutctl.units import show_number


def names(plan: Plan, config: ConfigFacts) -> Iterator[Finding]:
    adapters = tuple(
        ("RC512", ("criteria", index, "adapter"), criterion.adapter, config.adapters, "adapters")
        for index, criterion in enumerate(plan.criteria)
        if isinstance(criterion, HttpCriterion)
    )
    places: tuple[tuple[str, Key, str, Iterable[str], str], ...] = (
        ("RC501", ("metrics", "source"), plan.metrics.source, config.sources, "sources"),
        ("RC502", ("flag", "provider"), plan.flag.provider, config.providers, "providers"),
        ("RC503", ("flag", "environment"), plan.flag.environment, config.environments, "environments"),
        *adapters,
    )
    for code, key, name, known, table in places:
        if name not in known:
            yield RULES[code].at(
                key,
                f"The config has no [{table}.{name}]; it knows {_listed(known)}.",
                "Add it to the config, or write a name that it knows.",
            )
    if config.environments.get(plan.flag.environment) is False:
        yield RULES["RC505"].at(
            ("flag", "environment"),
            f'In environment "{plan.flag.environment}" nobody may change anything: write = "nobody".',
            "Change `write` in the config, or choose another environment.",
        )
    if config.operators:
        yield from _people(plan, config)
        yield from _approvals(plan, config)


def _people(plan: Plan, config: ConfigFacts) -> Iterator[Finding]:
    owners: list[tuple[Key, str]] = [(("owner",), plan.owner)]
    owners += [(("phases", index, "owner"), phase.owner) for index, phase in enumerate(plan.phases)]
    for key, person in owners:
        if person not in config.operators:
            yield RULES["RC504"].at(
                key, f'"{person}" is no operator of the config.', "Add the person to [operators], or name another owner."
            )
        elif not config.operators[person]:
            yield RULES["RC508"].at(
                key, f'"{person}" owns this, but is a viewer and may not act.', "Make the owner an operator or approver."
            )
    for index, gate in enumerate(plan.gates):
        if gate.owner not in config.operators and gate.owner not in config.groups:
            yield RULES["RC504"].at(
                ("gates", index, "owner"),
                f'"{gate.owner}" is neither an operator nor a group of the config.',
                "Add it, or name another owner.",
            )


def _approvals(plan: Plan, config: ConfigFacts) -> Iterator[Finding]:
    for index, phase in enumerate(plan.phases):
        if phase.approvals > len(config.approvers):
            yield RULES["RC509"].at(
                ("phases", index, "approvals"),
                f'Phase "{phase.name}" needs {phase.approvals} approvals; the config has {len(config.approvers)} approvers.',
                "Declare more approvers, or ask for fewer.",
            )


def provider(plan: Plan, can: Capabilities) -> Iterator[Finding]:
    for index, phase in enumerate(plan.phases):
        percent = phase.cohort.percent
        if can.percent_step > 0 and percent % can.percent_step:
            yield RULES["RC506"].at(
                ("phases", index, "cohort", "percent"),
                f"The provider holds percent in steps of {show_number(can.percent_step)}, and {show_number(percent)} is no such.",
                "Choose a percentage that it can hold.",
            )
        if phase.cohort.audiences and not can.audiences:
            yield RULES["RC507"].at(
                ("phases", index, "cohort", "audiences"),
                "The provider knows no audiences.",
                "Use a percentage instead, or another provider.",
            )
    if not can.monotone and len({phase.cohort.percent for phase in plan.phases} - {0}) > 1:
        yield RULES["RC510"].at(
            ("flag", "provider"),
            "This provider may take users out when it takes others in.",
            "Use one phase with a percentage, or accept that users switch.",
        )
    if not can.verify:
        yield RULES["RC511"].at(
            ("flag", "provider"),
            "What users are served cannot be seen; only the flag server's word is.",
            "Watch the exposure line: it is the proof.",
        )


def _listed(known: Iterable[str]) -> str:
    return ", ".join(sorted(known)) or "none"
