"""The runbook that a plan names: found beside the plan, and what the linter wants to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rolloutctl.config import Config
from rolloutctl.errors import InvalidInput, Place, RunbookInvalid
from rolloutctl.findings import Severity
from rolloutctl.model.rehearsal import Rehearsal, RehearsalState
from rolloutctl.plan.facts import RunbookFact
from rolloutctl.plan.model import Plan
from rolloutctl.runbook.facts import Known
from rolloutctl.runbook.fields import ConfirmKind
from rolloutctl.runbook.lint import lint
from rolloutctl.runbook.model import Policy, Runbook
from rolloutctl.runbook.params import fill_in
from rolloutctl.runbook.placeholders import Fact
from rolloutctl.runbook.read import RunbookFile, read_runbook_file
from rolloutctl.runner.standing import standing_of
from rolloutctl.strict_toml import MAX_BYTES

FOLDER = "runbooks"


def find_runbook(name: str, plan: Path) -> RunbookFile:
    """NAME.toml in the folder `runbooks` beside the plan, beside the plan's folder, or here.

    Raises InvalidInput where there is none, RunbookInvalid where it cannot be read or has another id.
    """
    places = [folder / FOLDER / f"{name}.toml" for folder in dict.fromkeys((plan.parent, plan.parent / "..", Path()))]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise InvalidInput(
            f'there is no runbook "{name}".', remedy=f"Looked for {', '.join(str(place) for place in places)}; write it there."
        )
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        why = (error.strerror or "it is no file").lower()
        raise InvalidInput(f"the runbook cannot be read: {why}.", place=Place(str(path))) from None
    file = read_runbook_file(content, str(path))
    if file.runbook.id != name:
        problem = InvalidInput(
            f'its id is "{file.runbook.id}", and the plan names "{name}".',
            remedy="Give file, id and plan the same name.",
            place=file.document.place(("id",)),
        )
        raise RunbookInvalid((problem,))
    return file


def runbook_fact(
    plan: Plan, file: Path, config: Config, rehearsals: Sequence[Rehearsal] | None, now: datetime
) -> RunbookFact | None:
    """None: the plan names no runbook. `rehearsals` None: the journal was not asked."""
    if plan.rollback.runbook is None:
        return None
    try:
        runbook = find_runbook(plan.rollback.runbook, file).runbook
    except InvalidInput as error:
        return RunbookFact(trouble=str(error))
    here = config.in_environment(plan.flag.environment)
    known = Known(frozenset(here.sources), frozenset(here.providers), frozenset(here.adapters), frozenset(here.channels))
    findings = lint(runbook, known if known != Known() else None)
    second = (step.id for _, _, step in runbook.placed() if step.confirm.kind is ConfirmKind.SECOND_PERSON)
    standing, proved = "", True
    if rehearsals is not None:
        stands = standing_of(runbook, rehearsals, here, now, provider=plan.flag.provider, source=plan.metrics.source)
        standing, proved = str(stands), stands.state is RehearsalState.REHEARSED
    return RunbookFact(
        errors=tuple(str(finding) for finding in findings if finding.severity is Severity.ERROR),
        params=tuple(_params(plan, runbook, here)),
        second_person=tuple(second),
        standing=standing,
        proved=proved or runbook.rehearsal.policy is Policy.OFF,
        blocks=runbook.rehearsal.policy is Policy.BLOCK,
    )


def _params(plan: Plan, runbook: Runbook, config: Config) -> Iterator[str]:
    """What a rollback of the plan would fill in, as far as it is known before the start."""
    provider = config.providers.get(plan.flag.provider)
    facts = {
        Fact.FLAG: plan.flag.key,
        Fact.PROVIDER: plan.flag.provider,
        Fact.PROJECT: plan.flag.project or (provider.project if provider is not None else "default"),
        Fact.ENVIRONMENT: plan.flag.environment,
        Fact.ROLLOUT: f"{plan.name}#1",
        Fact.PLAN: plan.name,
        Fact.PHASE: plan.phases[0].name,
        Fact.OPERATOR: plan.owner,
    }
    try:
        fill_in(runbook.params, plan.rollback.params, facts)
    except InvalidInput as error:
        yield error.message
