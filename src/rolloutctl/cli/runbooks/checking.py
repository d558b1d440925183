"""`runbook check`: the linter's findings in runbooks, for people, scripts and code review.

JSON: {"runbooks": [{"file", "readable", "problems": [sentence], "findings": [finding_shape]}]}.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.checking import finding_shape, show_findings
from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import complain, put_json
from rolloutctl.cli.toplevel import Globals, version_text
from rolloutctl.config import Config
from rolloutctl.errors import ExitCode, InvalidInput, RunbookInvalid
from rolloutctl.findings import Finding, Severity, with_lines
from rolloutctl.runbook.facts import Known
from rolloutctl.runbook.lint import lint
from rolloutctl.runbook.read import RunbookFile, read_runbook_file
from rolloutctl.sarif import to_sarif


def check(globals_: Globals, files: Sequence[Path], *, strict: bool, sarif: bool, as_json: bool) -> ExitCode:
    known = known_of(settings_of(globals_).config)
    found: dict[str, tuple[Finding, ...]] = {}
    problems: dict[str, tuple[InvalidInput, ...]] = {}
    for file in files:
        try:
            found[str(file)] = findings_of(read_runbook_file(read_bytes(file), str(file)), known)
        except RunbookInvalid as error:
            problems[str(file)] = error.problems
        except InvalidInput as error:
            problems[str(file)] = (error,)
    if sarif:
        put_json(to_sarif(found, version_text().partition(" ")[2]), indent=2)
    elif as_json:
        put_json({"runbooks": [_shape(str(file), found, problems) for file in dict.fromkeys(files)]})
    else:
        for name, findings in found.items():
            show_findings(name, findings, to_stdout=True)
    if not as_json:
        for problem in (each for ones in problems.values() for each in ones):
            complain(str(problem))
    if problems:
        return ExitCode.INVALID
    counted = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return ExitCode.FAILED if any(f.severity in counted for findings in found.values() for f in findings) else ExitCode.OK


def known_of(config: Config) -> Known | None:
    """None for a config that declares nothing at all: then names are not judged."""
    known = Known(
        sources=frozenset(config.sources),
        providers=frozenset(config.providers),
        adapters=frozenset(config.adapters),
        channels=frozenset(config.channels),
    )
    return known if known != Known() else None


def findings_of(file: RunbookFile, known: Known | None) -> tuple[Finding, ...]:
    return with_lines(lint(file.runbook, known), file.document)


def _shape(file: str, found: dict[str, tuple[Finding, ...]], problems: dict[str, tuple[InvalidInput, ...]]) -> dict[str, object]:
    return {
        "file": file,
        "readable": file in found,
        "problems": [str(problem) for problem in problems.get(file, ())],
        "findings": [finding_shape(file, finding) for finding in found.get(file, ())],
    }
