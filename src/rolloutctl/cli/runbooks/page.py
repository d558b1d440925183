"""A runbook as a page to read (Markdown), and as a checklist for somebody without a network. Pure.

Both are made from the file alone, so that what people read cannot drift from what runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rolloutctl.cli.runbooks.words import deed, details, named, objective_words, param_words, rehearsal_words
from rolloutctl.model.run_words import Section
from rolloutctl.runbook.digest import exec_digest
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.steps import AnyStep

TITLES = {
    Section.PREFLIGHT: "Before anything is changed",
    Section.STEPS: "Steps",
    Section.AFTER_RECOVERED: "When it has recovered",
    Section.AFTER_NOT_RECOVERED: "When it has not recovered",
}
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|])")
_SHORT = 12


def markdown(runbook: Runbook) -> str:
    """The page that people read."""
    return "\n".join(_page(runbook)) + "\n"


def checklist(runbook: Runbook) -> str:
    """With boxes to tick and room to write, for a person who does it by hand."""
    return "\n".join(_checklist(runbook)) + "\n"


def _page(runbook: Runbook) -> Iterator[str]:
    yield f"# {_plain(runbook.title)}"
    yield ""
    yield f"Runbook `{runbook.id}`, owned by {_plain(runbook.owner)}; version `{exec_digest(runbook)[:_SHORT]}`."
    yield ""
    if runbook.when:
        yield f"- **When:** {_plain(runbook.when)}"
    yield f"- **Objective:** {objective_words(runbook.objective)}"
    yield f"- **Rehearsal:** {rehearsal_words(runbook.rehearsal)}"
    if runbook.params:
        yield ""
        yield "## What has to be filled in"
        yield ""
        for name, param in runbook.params.items():
            yield f"- `{name}`: {_plain(param_words(param))}"
    for section, title in TITLES.items():
        steps = runbook.section(section)
        if not steps:
            continue
        yield ""
        yield f"## {title}"
        yield ""
        for number, step in enumerate(steps, 1):
            yield f"{number}. **{_plain(step.name)}** (`{step.id}`)"
            yield f"   - {_code(deed(step), step)}."
            for detail in details(runbook, step):
                if detail:
                    yield f"   - {_plain(detail)}"


def _checklist(runbook: Runbook) -> Iterator[str]:
    yield runbook.title
    yield f"{runbook.id}, version {exec_digest(runbook)[:_SHORT]}, owned by {runbook.owner}"
    if runbook.when:
        yield f"When: {runbook.when}"
    yield f"Objective: {objective_words(runbook.objective)}"
    yield "Begun at ________  by ________________  incident ________________"
    for name, param in runbook.params.items():
        yield f"  {name} = ________________  ({param_words(param)})"
    for section, title in TITLES.items():
        steps = runbook.section(section)
        if not steps:
            continue
        yield ""
        yield title.upper()
        for number, step in enumerate(steps, 1):
            yield f"[ ] {number}. {named(step)}  done at ________"
            yield f"       {_sentence(deed(step))}"
            for detail in details(runbook, step):
                if detail:
                    yield f"       {_sentence(detail)}"
    yield ""
    yield "Ended at ________  recovered: yes / no  what was not done: ________________"


def _sentence(text: str) -> str:
    flat = " ".join(text.split())
    return flat if flat.endswith((".", "!", "?")) else f"{flat}."


def _code(text: str, step: AnyStep) -> str:
    """Queries and requests as code, in a fence longer than any inside."""
    if step.type not in {"check", "http"}:
        return _plain(text)
    flat = " ".join(text.split())
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", flat)), default=0))
    return f"{ticks}{' ' if ticks != '`' else ''}{flat}{' ' if ticks != '`' else ''}{ticks}"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
