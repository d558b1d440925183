"""`start`: read, lint, seal; then say what comes next.

JSON: {"rollout": "name#n", "plan_digest", "snapshot", "next": command, "receipt": "SEQ HASH", "findings": [finding_shape]}
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from rolloutctl.cli.beginning import refuse_read_only, settings_of
from rolloutctl.cli.checking import Checked, finding_shape, read_and_lint, show_findings
from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.receipts import show_receipt
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.once.way_back import find_runbook
from rolloutctl.engine.world.witnessing import Receipt, receipt
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, Failed
from rolloutctl.findings import Severity
from rolloutctl.model.state import RolloutState
from rolloutctl.strict_toml import decode


def start(globals_: Globals, file: Path, *, adopt: bool, drive: bool, as_json: bool) -> int:
    refuse_read_only(globals_)
    settings = settings_of(globals_)
    content = read_bytes(file)

    async def begin(world: World) -> tuple[Checked, RolloutState, Receipt]:
        checked = await read_and_lint(world, settings, content, str(file), live=False)
        errors = [finding for finding in checked.findings if finding.severity is Severity.ERROR]
        if errors:
            show_findings(str(file), errors)
            raise Failed(
                f"{file} has {len(errors)} errors and was not started.", remedy="Mend them; `rolloutctl check` lists all."
            )
        name = checked.plan.rollback.runbook
        runbook = find_runbook(name, file) if name is not None else None
        state = await seal(world, checked.plan, decode(content, str(file)), adopt=adopt, runbook=runbook)
        return checked, state, await receipt(world)

    checked, state, begun = asyncio.run(in_world(settings, begin))
    command = f"rolloutctl advance {state.id}"
    if as_json:
        findings = [finding_shape(str(file), finding) for finding in checked.findings]
        put_json(
            {
                "rollout": state.id,
                "plan_digest": state.plan_digest,
                "snapshot": str(state.snapshot),
                "next": command,
                "receipt": begun.text or None,
                "findings": findings,
            }
        )
    else:
        show_findings(str(file), checked.findings)
        put(state.id)
        say(f"{state.id} is sealed ({state.plan_digest[:12]}); nobody has the canary yet. Next: {command}")
    show_receipt(begun, settings)
    if drive:
        from rolloutctl.cli.driving import drive as driven

        return driven(globals_, (state.id,), as_json=as_json)
    return ExitCode.OK
