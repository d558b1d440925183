"""What a linter finds in a file: rules with stable codes, and findings with the line they are about.

The tables of rules belong to the formats: `plan/findings.py`, `runbook/findings.py`. A code is never used for another rule.
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
    """It cannot do what the file says; what needs the file refuses it."""
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
        return Finding(self.code, self.severity, self.title, key, None, why, do)


@dataclass(frozen=True, slots=True)
class Finding:
    code: str
    severity: Severity
    title: str
    """Of the rule."""
    key: Key
    """Where in the file; empty for the file as a whole."""
    line: int | None
    """1-based; None until `with_lines` has filled it in, or where nothing stands in the file."""
    why: str
    do: str

    def __str__(self) -> str:
        where = " ".join(part for part in (f"line {self.line}" if self.line else "", dotted(self.key)) if part)
        return f"{self.code} {self.severity} {where}: {self.why} {self.do}"


def with_lines(findings: Iterable[Finding], document: Document) -> tuple[Finding, ...]:
    """The findings with the lines of the file they were found in."""
    return tuple(replace(finding, line=document.place(finding.key).line) for finding in findings)
