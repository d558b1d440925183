"""`check`: the linter's findings, for people, scripts and code review.

JSON: {"plans": [{"file", "readable", "problems": [sentence], "findings": [finding_shape]}]}, a finding being
{file code severity title line key why do}.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import complain, put, put_json, say
from rolloutctl.cli.reading import journal_of, utc_now
from rolloutctl.cli.toplevel import Globals, version_text
from rolloutctl.cli.worlds import in_world
from rolloutctl.config import Config
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.once.gathering import gather
from rolloutctl.engine.once.way_back import runbook_fact
from rolloutctl.engine.runs.records import rehearsals
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, InvalidInput, JournalCorrupt, JournalUnreachable, Place, PlanInvalid
from rolloutctl.findings import Finding, Severity, with_lines
from rolloutctl.model.rehearsal import Rehearsal
from rolloutctl.plan.facts import RunbookFact
from rolloutctl.plan.lint import lint
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import PlanFile, read_plan_file
from rolloutctl.sarif import to_sarif
from rolloutctl.toml_words import dotted


@dataclass(frozen=True, slots=True)
class Checked:
    plan: Plan
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    problems: tuple[InvalidInput, ...]


async def read_and_lint(world: World, settings: Settings, content: bytes, file: str, *, live: bool) -> Checked:
    """Raises PlanInvalid; with `live` also SourceUnreachable, ProviderUnreachable and InvalidInput (a secret)."""
    return await _lint(world, settings, read_plan_file(content, file), live=live)


async def _lint(world: World, settings: Settings, read: PlanFile, *, live: bool) -> Checked:
    facts = await gather(world, read.plan, live=live, runbook=_way_back(settings, read))
    return Checked(read.plan, with_lines(lint(read.plan, facts), read.document))


def check(globals_: Globals, files: Sequence[Path], *, live: bool, strict: bool, sarif: bool, as_json: bool) -> ExitCode:
    settings = settings_of(globals_)

    async def each(world: World) -> dict[str, Checked | Unreadable]:
        return {str(file): await _one(world, settings, file, live=live) for file in files}

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


def _way_back(settings: Settings, read: PlanFile) -> RunbookFact | None:
    """A journal that is not there, or does not answer, says nothing of rehearsals."""
    if read.plan.rollback.runbook is None:
        return None
    records: tuple[Rehearsal, ...] | None = None
    with contextlib.suppress(JournalUnreachable, JournalCorrupt), journal_of(settings) as journal:
        records = rehearsals(journal)
    return runbook_fact(read.plan, Path(read.document.file), settings.config, records, utc_now())


async def _one(world: World, settings: Settings, file: Path, *, live: bool) -> Checked | Unreadable:
    try:
        content = read_bytes(file)
        read = read_plan_file(content, str(file))
    except PlanInvalid as error:
        return Unreadable((_not_a_plan(file),) if _is_config(content) else error.problems)
    except InvalidInput as error:
        return Unreadable((error,))
    return await _lint(world, settings, read, live=live)


def _is_config(content: bytes) -> bool:
    """Whether a file that is no plan has tables of a config and none that every plan must have."""
    try:
        keys = set(tomllib.loads(content.decode()))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    required = {name for name, field in Plan.model_fields.items() if field.is_required()}
    return bool(keys & set(Config.model_fields)) and not keys & required - {"format"}


def _not_a_plan(file: Path) -> InvalidInput:
    remedy = f"`rolloutctl --config {shlex.quote(str(file))} config validate` checks it; `check` is for plans."
    return InvalidInput("this is a config.", remedy=remedy, place=Place(str(file)))


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
