"""The sealed runbook of a rollout, and how far the journal proves it.

What is asked at every decision is worked out once: digests when the rollout is loaded, edits when another version was rehearsed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from rolloutctl.config import Config
from rolloutctl.errors import RolloutctlError
from rolloutctl.model.rehearsal import Rehearsal, RehearsalState, rehearsal_state
from rolloutctl.model.state import RolloutState
from rolloutctl.policy.facts import Proof
from rolloutctl.ports import Journal
from rolloutctl.runbook.digest import changed, exec_digest
from rolloutctl.runbook.model import Policy, Runbook
from rolloutctl.runbook.read import read_runbook
from rolloutctl.runner.contracts import contracts_digest


@dataclass(slots=True)
class WayBack:
    runbook: Runbook | None
    """None: the journal has no text of it that this version reads."""
    name: str
    exec_digest: str = ""
    adapter_digest: str = ""
    trouble: str = ""
    """Why there is no runbook."""
    rehearsals: tuple[Rehearsal, ...] = ()
    """Of this runbook, in any version."""
    edits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What is different here, by the digest of another version that was rehearsed."""

    def proof(self, now: datetime) -> Proof:
        runbook = self.runbook
        if runbook is None:
            return Proof(self.name, Policy.BLOCK, None, trouble=self.trouble)
        standing = rehearsal_state(
            self.rehearsals,
            self.exec_digest,
            self.adapter_digest,
            runbook.objective.time_to_rollback,
            runbook.rehearsal.max_age,
            now,
            within_objective=runbook.rehearsal.within_objective,
        )
        edited = standing.state is RehearsalState.EDITED and standing.record is not None
        edits = self.edits.get(standing.record.exec_digest, ()) if edited and standing.record is not None else ()
        return Proof(self.name, runbook.rehearsal.policy, standing, edits)


def load_way_back(journal: Journal, state: RolloutState, config: Config) -> WayBack | None:
    """None: the plan names no runbook. One that cannot be read proves nothing, and stops no rollback."""
    if not state.runbook:
        return None
    try:
        runbook = read_runbook(journal.get_blob(state.runbook_blob), f"sealed runbook of {state.id}")
    except RolloutctlError as error:
        return WayBack(None, state.runbook, trouble=f"the sealed runbook cannot be read: {error}")
    here = config.in_environment(state.target.environment)
    contracts = contracts_digest(runbook, here, state.target.provider, state.source)
    return WayBack(runbook, state.runbook, exec_digest(runbook), contracts)


def take(way: WayBack, known: Iterable[Rehearsal]) -> None:
    """Take over the rehearsals of the runbook."""
    way.rehearsals = tuple(record for record in known if record.runbook == way.name)


def compare(journal: Journal, way: WayBack) -> None:
    """What differs from the other versions that were rehearsed, where the journal still has them; never raises."""
    if way.runbook is None:
        return
    for record in way.rehearsals:
        if record.exec_digest == way.exec_digest or record.exec_digest in way.edits:
            continue
        try:
            other = read_runbook(journal.get_blob(record.blob), f"runbook of {record.run}")
        except RolloutctlError:
            continue
        way.edits[record.exec_digest] = tuple(str(edit) for edit in changed(other, way.runbook))
