"""How a runbook's rehearsals stand, from the records in the journal and the contracts in the config."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rolloutctl.config import Config
from rolloutctl.errors import RolloutctlError
from rolloutctl.model.rehearsal import Rehearsal, RehearsalState, Standing, rehearsal_state
from rolloutctl.ports import Journal
from rolloutctl.runbook.digest import Edit, changed, exec_digest
from rolloutctl.runbook.model import Runbook
from rolloutctl.runbook.read import read_runbook
from rolloutctl.runner.contracts import contracts_digest


def standing_of(
    runbook: Runbook,
    records: Sequence[Rehearsal],
    config: Config,
    now: datetime,
    *,
    provider: str = "",
    source: str = "",
    max_age: timedelta | None = None,
) -> Standing:
    """`provider`, `source`: the rollout's; empty: the only one there is. `max_age` None: what the runbook says."""
    return rehearsal_state(
        [record for record in records if record.runbook == runbook.id],
        exec_digest(runbook),
        contracts_digest(runbook, config, provider, source),
        runbook.objective.time_to_rollback,
        max_age if max_age is not None else runbook.rehearsal.max_age,
        now,
        within_objective=runbook.rehearsal.within_objective,
    )


def edits(runbook: Runbook, standing: Standing, journal: Journal | None) -> tuple[Edit, ...]:
    """What was edited since the run that decides; empty unless the state is EDITED and the journal still has what ran."""
    if standing.state is not RehearsalState.EDITED or standing.record is None or journal is None:
        return ()
    try:
        rehearsed = read_runbook(journal.get_blob(standing.record.blob), f"runbook of {standing.record.run}")
    except RolloutctlError:
        return ()
    return changed(rehearsed, runbook)
