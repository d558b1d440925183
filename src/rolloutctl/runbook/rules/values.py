"""RC703, RC704, RC721: placeholders and the parameters they ask for."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.findings import Finding
from rolloutctl.model.run_words import Section
from rolloutctl.runbook.findings import RULES
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.placeholders import Fact, RunFact
from rolloutctl.runbook.texts import names_used, placeholders_of

_FACTS = frozenset(fact.value for fact in Fact)
_OF_THE_RUN = frozenset(fact.value for fact in RunFact)
_AFTER = frozenset({Section.AFTER_RECOVERED, Section.AFTER_NOT_RECOVERED})


def values(runbook: Runbook) -> Iterator[Finding]:
    for key, section, step in runbook.placed():
        for place, _, asked in placeholders_of(step):
            for name in asked:
                if name in _OF_THE_RUN:
                    if section not in _AFTER:
                        yield RULES["RC704"].at(
                            (*key, *place),
                            f'"${{{name}}}" is known when the steps are over, and asked for before.',
                            "Move the step to `after.recovered` or `after.not_recovered`.",
                        )
                elif name not in runbook.params and name not in _FACTS:
                    there = ", ".join(sorted(_OF_THE_RUN if name.startswith("run.") else _FACTS | runbook.params.keys()))
                    yield RULES["RC703"].at(
                        (*key, *place),
                        f'"${{{name}}}" is neither a parameter nor a fact of the run.',
                        f"Declare [params.{name}], or use one of: {there}."
                        if not name.startswith("run.")
                        else f"The run's are: {there}.",
                    )
    used = names_used(runbook)
    for name in runbook.params:
        if name not in used:
            yield RULES["RC721"].at(("params", name), f'Nothing uses the parameter "{name}".', "Leave it out.")
