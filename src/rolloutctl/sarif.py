"""Findings as SARIF 2.1.0, which code review tools show beside the lines of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rolloutctl.findings import Finding, Severity

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def to_sarif(findings: Mapping[str, Sequence[Finding]], version: str) -> dict[str, Any]:
    """One run over the files of `findings` (path as given -> its findings); `version` is this program's."""
    used = {finding.code: finding for ones in findings.values() for finding in ones}
    rules = [
        {"id": code, "shortDescription": {"text": of.title}, "defaultConfiguration": {"level": _LEVEL[of.severity]}}
        for code, of in sorted(used.items())
    ]
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [
            {
                "tool": {"driver": {"name": "rolloutctl", "version": version, "rules": rules}},
                "results": [_result(file, finding) for file, ones in findings.items() for finding in ones],
            }
        ],
    }


def _result(file: str, finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": file}}
    if finding.line is not None:
        location["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.code,
        "level": _LEVEL[finding.severity],
        "message": {"text": f"{finding.why} {finding.do}"},
        "locations": [{"physicalLocation": location}],
    }
