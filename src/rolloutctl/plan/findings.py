"""What the linter can find: the table of all rules, and one finding of one.

Codes are stable: a number is never used for another rule. RC1xx plan, RC2xx criteria, RC3xx phases, RC4xx rollback,
RC5xx names and environment, RC6xx live.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from rolloutctl.constraints import Key
from rolloutctl.strict_toml import Document
from rolloutctl.toml_words import dotted


class Severity(StrEnum):
    ERROR = "error"
    """The rollout cannot do what the plan says; `start` refuses it."""
    WARNING = "warning"
    """It can, and will probably disappoint."""
    INFO = "info"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class Rule:
    code: str
    severity: Severity
    title: str

    def at(self, key: Key, why: str, do: str) -> Finding:
        return Finding(self.code, self.severity, key, None, why, do)


@dataclass(frozen=True, slots=True)
class Finding:
    code: str
    severity: Severity
    key: Key
    """Where in the plan; empty for the plan as a whole."""
    line: int | None
    """1-based; None until `with_lines` has filled it in, or where nothing stands in the file."""
    why: str
    do: str

    @property
    def title(self) -> str:
        return RULES[self.code].title

    def __str__(self) -> str:
        where = " ".join(part for part in (f"line {self.line}" if self.line else "", dotted(self.key)) if part)
        return f"{self.code} {self.severity} {where}: {self.why} {self.do}"


def with_lines(findings: Iterable[Finding], document: Document) -> tuple[Finding, ...]:
    """The findings with the lines of the file that the plan was read from."""
    return tuple(replace(finding, line=document.place(finding.key).line) for finding in findings)


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

_TABLE = (
    ("RC101", _E, "label matchers of an arm cannot be read"),
    ("RC102", _E, "both arms are the same"),
    ("RC103", _E, "requests is not a counter told apart by arm"),
    ("RC104", _I, "nothing shows who really gets the canary"),
    ("RC105", _E, "freeze windows leave no time to advance"),
    ("RC106", _E, "sampling step under one second"),
    ("RC107", _W, "samples count as stale between two steps"),
    ("RC108", _E, "exposure margin that no traffic can meet"),
    ("RC109", _W, "no guardrail: a breach never rolls back"),
    ("RC201", _E, "query cannot be read"),
    ("RC202", _E, "arms are compared by a query without $arm"),
    ("RC203", _W, "query without $arm judges everybody"),
    ("RC204", _W, "missing data counts as a number"),
    ("RC205", _E, "not a plain counter"),
    ("RC206", _W, "rate window longer than the bake time"),
    ("RC207", _W, "window longer than the bake time"),
    ("RC208", _E, "hold longer than the deadline"),
    ("RC209", _W, "hold longer than the bake time"),
    ("RC210", _W, "a breach needs longer than the bake time"),
    ("RC211", _W, "sampling step longer than the window"),
    ("RC212", _E, "criterion that nothing can fail"),
    ("RC213", _W, "expression that drops values"),
    ("RC214", _E, "by_segment without a segment label"),
    ("RC215", _W, "versus without tolerate compares nothing"),
    ("RC216", _W, "hard bound inside the bound"),
    ("RC217", _W, "missing evidence is ignored"),
    ("RC218", _W, "criterion that is judged in no phase"),
    ("RC301", _E, "phase without criteria"),
    ("RC302", _W, "phase that only informs"),
    ("RC303", _W, "phase that goes on without evidence"),
    ("RC304", _W, "bake time under the minimum time"),
    ("RC305", _E, "deadline before the phase can be ready"),
    ("RC306", _W, "no bake time"),
    ("RC307", _W, "warm-up as long as the bake time"),
    ("RC308", _E, "relative criterion at 100 %"),
    ("RC309", _W, "one-shot launch"),
    ("RC310", _W, "exposure jumps more than tenfold"),
    ("RC401", _W, "a breach only holds"),
    ("RC402", _I, "the rollout cannot be undone"),
    ("RC403", _W, "countdown without time to answer"),
    ("RC404", _W, "nobody watches after a rollback"),
    ("RC405", _W, "long countdown"),
    ("RC501", _E, "unknown source"),
    ("RC502", _E, "unknown provider"),
    ("RC503", _E, "unknown environment"),
    ("RC504", _E, "unknown operator"),
    ("RC505", _E, "nobody may write in the environment"),
    ("RC506", _E, "percentage that the provider cannot hold"),
    ("RC507", _E, "audiences that the provider has not"),
    ("RC508", _W, "owner who may not act"),
    ("RC509", _E, "more approvals than approvers"),
    ("RC510", _W, "a higher percentage may drop users"),
    ("RC511", _I, "changes cannot be verified from outside"),
    ("RC601", _E, "flag does not exist"),
    ("RC602", _W, "flag is on before the start"),
    ("RC603", _E, "flag has rules of somebody else"),
    ("RC604", _E, "audience does not exist"),
    ("RC605", _W, "query finds nothing"),
    ("RC606", _E, "several series where one is meant"),
    ("RC607", _E, "required segment without series"),
    ("RC608", _E, "arms overlap"),
    ("RC609", _W, "rate window under four scrapes"),
    ("RC610", _E, "source refuses the query"),
    ("RC611", _W, "newest sample is stale"),
)
RULES = {code: Rule(code, severity, title) for code, severity, title in _TABLE}
"""Every rule by its code, in order."""
