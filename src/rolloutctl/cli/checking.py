"""`check`: the linter's findings, for people, scripts and code review.

JSON: {"plans": [{"file", "readable", "problems": [sentence], "findings": [finding_shape]}]}, a finding being
{file code severity title line key why do}.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import complain, put, put_json, say
from rolloutctl.cli.reading import settings_of
from rolloutctl.cli.toplevel import Globals, version_text
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.once.gathering import gather
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, InvalidInput, PlanInvalid
from rolloutctl.plan.findings import Finding, Severity, with_lines
from rolloutctl.plan.lint import lint
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import PlanFile, read_plan_file
from rolloutctl.plan.sarif import to_sarif
from rolloutctl.toml_words import dotted


@dataclass(frozen=True, slots=True)
class Checked:
    plan: Plan
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    problems: tuple[InvalidInput, ...]


async def read_and_lint(world: World, content: bytes, file: str, *, live: bool) -> Checked:
    """Raises PlanInvalid; with `live` also SourceUnreachable, ProviderUnreachable and InvalidInput (a secret)."""
    return await _lint(world, read_plan_file(content, file), live=live)


async def _lint(world: World, read: PlanFile, *, live: bool) -> Checked:
    facts = await gather(world, read.plan, live=live)
    return Checked(read.plan, with_lines(lint(read.plan, facts), read.document))


def check(globals_: Globals, files: Sequence[Path], *, live: bool, strict: bool, sarif: bool, as_json: bool) -> ExitCode:
    settings = settings_of(globals_)

    async def each(world: World) -> dict[str, Checked | Unreadable]:
        return {str(file): await _one(world, file, live=live) for file in files}

    results = asyncio.run(in_world(settings, each))
    findings = {file: result.findings for file, result in results.items() if isinstance(result, Checked)}
    if sarif:
        put_json(to_sarif(findings, version_text().partition(" ")[2]), indent=2)
    elif as_json:
        put_json({"plans": [_shape(file, result) for file, result in results.items()]})
    else:
        for file, found in findings.items():
            show_findings(file, found, to_stdout=True)
    for result in results.values():
        if isinstance(result, Unreadable) and not as_json:
            for problem in result.problems:
                complain(str(problem))
    if any(isinstance(result, Unreadable) for result in results.values()):
        return ExitCode.INVALID
    counted = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return ExitCode.FAILED if any(f.severity in counted for found in findings.values() for f in found) else ExitCode.OK


async def _one(world: World, file: Path, *, live: bool) -> Checked | Unreadable:
    try:
        read = read_plan_file(read_bytes(file), str(file))
    except PlanInvalid as error:
        return Unreadable(error.problems)
    except InvalidInput as error:
        return Unreadable((error,))
    return await _lint(world, read, live=live)


def show_findings(file: str, findings: Sequence[Finding], *, to_stdout: bool = False) -> None:
    """A line each, and a line that counts them."""
    tell = put if to_stdout else say
    for finding in findings:
        place = f"{file}:{finding.line}" if finding.line is not None else file
        key = f" {dotted(finding.key)}" if finding.key else ""
        tell(f"{place}: {finding.code} {finding.severity}{key}: {finding.why} {finding.do}")
    if to_stdout:
        counts = [
            f"{number} {severity}{'s' if number > 1 else ''}"
            for severity in Severity
            if (number := sum(f.severity is severity for f in findings))
        ]
        tell(f"{file}: {', '.join(counts) or 'clean'}")


def finding_shape(file: str, finding: Finding) -> dict[str, Any]:
    return {
        "file": file,
        "code": finding.code,
        "severity": finding.severity,
        "title": finding.title,
        "line": finding.line,
        "key": dotted(finding.key),
        "why": finding.why,
        "do": finding.do,
    }


def _shape(file: str, result: Checked | Unreadable) -> dict[str, Any]:
    if isinstance(result, Unreadable):
        return {"file": file, "readable": False, "problems": [str(problem) for problem in result.problems], "findings": []}
    found = [finding_shape(file, finding) for finding in result.findings]
    return {"file": file, "readable": True, "problems": [], "findings": found}
