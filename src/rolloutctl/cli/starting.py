"""`start`: read, lint, seal; then say what comes next.

JSON: {"rollout": "name#n", "plan_digest", "snapshot", "next": command, "findings": [finding_shape]}
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from rolloutctl.cli.checking import Checked, finding_shape, read_and_lint, show_findings
from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.out import put, put_json, say
from rolloutctl.cli.reading import refuse_read_only, settings_of
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.once.sealing import seal
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, Failed
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.findings import Severity
from rolloutctl.strict_toml import decode


def start(globals_: Globals, file: Path, *, adopt: bool, drive: bool, as_json: bool) -> int:
    refuse_read_only(globals_)
    settings = settings_of(globals_)
    content = read_bytes(file)

    async def begin(world: World) -> tuple[Checked, RolloutState]:
        checked = await read_and_lint(world, content, str(file), live=False)
        errors = [finding for finding in checked.findings if finding.severity is Severity.ERROR]
        if errors:
            show_findings(str(file), errors)
            raise Failed(
                f"{file} has {len(errors)} errors and was not started.", remedy="Mend them; `rolloutctl check` lists all."
            )
        return checked, await seal(world, checked.plan, decode(content, str(file)), adopt=adopt)

    checked, state = asyncio.run(in_world(settings, begin))
    command = f"rolloutctl advance {state.id}"
    if as_json:
        findings = [finding_shape(str(file), finding) for finding in checked.findings]
        put_json(
            {
                "rollout": state.id,
                "plan_digest": state.plan_digest,
                "snapshot": str(state.snapshot),
                "next": command,
                "findings": findings,
            }
        )
    else:
        show_findings(str(file), checked.findings)
        put(state.id)
        say(f"{state.id} is sealed ({state.plan_digest[:12]}); nobody has the canary yet. Next: {command}")
    if drive:
        from rolloutctl.cli.driving import drive as driven

        return driven(globals_, (state.id,), as_json=as_json)
    return ExitCode.OK
