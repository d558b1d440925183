"""RC711 to RC714: names that the config has to know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rolloutctl.findings import Finding
from rolloutctl.runbook.digest import Relied
from rolloutctl.runbook.facts import Known
from rolloutctl.runbook.findings import RULES
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.relies import relies_on

_CODES = {Relied.ADAPTER: "RC711", Relied.CHANNEL: "RC712", Relied.SOURCE: "RC713", Relied.PROVIDER: "RC714"}


def names(runbook: Runbook, known: Known) -> Iterator[Finding]:
    for key, kind, name in relies_on(runbook):
        there = known.of(kind)
        if name and name not in there:
            yield RULES[_CODES[kind]].at(
                key,
                f"The config has no [{kind}s.{name}]; it knows {_listed(there)}.",
                "Add it to the config, or write a name that it knows.",
            )
        elif not name and not there:
            yield RULES[_CODES[kind]].at(
                key, f"The step needs a {kind}, and the config has none.", f"Add [{kind}s.NAME] to the config."
            )


def _listed(known: Iterable[str]) -> str:
    return ", ".join(sorted(known)) or "none"
