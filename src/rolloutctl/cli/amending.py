"""`amend`: another plan in the place of the sealed one. What differs is shown first, key by key; what cannot be is not asked.

JSON of a look (`--dry-run`): {"rollout", "plan_digest", "was_digest", "changes": [{"key", "was", "now", "loosens"}],
"against": [sentence], "needs": approvals of others, "approved_by": [person]}; else as `acting.py` says.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from rolloutctl.cli.acting import begin, options_for, tell
from rolloutctl.cli.checking import read_and_lint, show_findings
from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import Known
from rolloutctl.cli.session import session
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.view.commands import Command, CommandKind
from rolloutctl.errors import ExitCode, Failed, InvalidInput, Refused
from rolloutctl.findings import Severity
from rolloutctl.plan.canonical import plan_digest
from rolloutctl.plan.model import Plan
from rolloutctl.policy.amending import Change, changes, forbidden, others_needed
from rolloutctl.strict_toml import decode

_CARRIED_OUT_S = 10.0


def amend(globals_: Globals, rollout: str, file: Path, *, why: str, approve: bool, dry_run: bool, as_json: bool) -> ExitCode:
    """Raises PlanInvalid, Failed (lint errors), Refused (what may not be amended), InvalidInput (no reason)."""
    if not why.strip() and not (approve or dry_run):
        raise InvalidInput("an amendment needs a reason.", remedy='Say it: --why "…".')
    settings, known = begin(globals_, rollout)
    content = read_bytes(file)
    plan = _read(settings, file, content)
    differing, against = changes(known.plan, plan), forbidden(known.plan, plan, known.state)
    if dry_run:
        return _looked(known, plan, differing, against, as_json=as_json)
    if not as_json:
        _show(known, plan, differing)
    if against:
        raise Refused(f"{known.id} is not amended: {against[0]}", remedy=" ".join(against[1:]))
    kind = CommandKind.APPROVE if approve else CommandKind.AMEND
    digest, before = plan_digest(plan), len(known.state.amendments)
    with session(options_for(settings, known, kind)) as running:
        running.begin_telling(known.id)
        reply = running.send(Command(kind, known.id, why=why, plan_text=decode(content, str(file))))
        if reply.code is ExitCode.OK and not approve:

            def done() -> bool | None:
                seen = running.rollout(known.id)
                return True if seen is None or len(seen.state.amendments) > before else None

            running.until(done, _CARRIED_OUT_S)
        if reply.code is ExitCode.OK and approve and not as_json:
            say(f"Approved: the plan {digest[:12]} may take the sealed one's place.")
        return tell(running, known.id, reply, None, as_json=as_json)


def _read(settings: Settings, file: Path, content: bytes) -> Plan:
    checked = asyncio.run(in_world(settings, lambda world: read_and_lint(world, settings, content, str(file), live=False)))
    errors = [finding for finding in checked.findings if finding.severity is Severity.ERROR]
    if errors:
        show_findings(str(file), errors)
        raise Failed(f"{file} has {len(errors)} errors; nothing is amended.", remedy="Mend them; `rolloutctl check` lists all.")
    return checked.plan


def _looked(known: Known, plan: Plan, differing: tuple[Change, ...], against: tuple[str, ...], *, as_json: bool) -> ExitCode:
    if as_json:
        digest = plan_digest(plan)
        put_json(
            {
                "rollout": known.id,
                "plan_digest": digest,
                "was_digest": known.state.plan_digest,
                "changes": [{"key": c.key, "was": c.was, "now": c.now, "loosens": c.loosens} for c in differing],
                "against": list(against),
                "needs": others_needed(known.plan, known.state, differing),
                "approved_by": list(known.state.amendment_approvals.get(digest, ())),
            }
        )
    else:
        _show(known, plan, differing)
        for sentence in against:
            say(sentence)
    return ExitCode.REFUSED if against else ExitCode.OK


def _show(known: Known, plan: Plan, differing: tuple[Change, ...]) -> None:
    for change in differing:
        put(str(change))
    needed = others_needed(known.plan, known.state, differing)
    given = known.state.amendment_approvals.get(plan_digest(plan), ())
    if differing and needed:
        say(f"Needs {needed} approvals of others than who amends; given by {', '.join(given) or 'nobody yet'}.")
