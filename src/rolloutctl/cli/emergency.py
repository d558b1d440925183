"""`off` and `rollback --plan`: nothing but the config and the flag server.

JSON: {"code", "sentence", "record": path or null, "target": {provider key environment project}}
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from rolloutctl.cli import signals
from rolloutctl.cli.beginning import refuse_read_only, settings_of
from rolloutctl.cli.files import read_bytes
from rolloutctl.cli.naming import did_you_mean
from rolloutctl.cli.out import complain, put, put_json, say
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.config.settings import Settings
from rolloutctl.engine.driving.emergency import Emergency, emergency_off
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, InvalidInput, Refused
from rolloutctl.model.cohort import Target
from rolloutctl.model.kinds import Action
from rolloutctl.policy.permission import refusal


def off(globals_: Globals, provider: str, flag: str, environment: str, project: str, *, why: str, as_json: bool) -> ExitCode:
    settings = settings_of(globals_)
    return _off(globals_, settings, _target(settings, provider, flag, environment, project), why, as_json=as_json)


def off_by_plan(globals_: Globals, file: Path, *, why: str, as_json: bool) -> ExitCode:
    from rolloutctl.plan.model import RollbackTo
    from rolloutctl.plan.read import read_plan_file

    settings = settings_of(globals_)
    plan = read_plan_file(read_bytes(file), str(file)).plan
    target = _target(settings, plan.flag.provider, plan.flag.key, plan.flag.environment, plan.flag.project or "")
    if plan.rollback.to is RollbackTo.SNAPSHOT:
        say("The plan rolls back to the snapshot, which only the journal has; without it the flag is turned off.")
    return _off(globals_, settings, target, why or f"rollback of plan {plan.name}", as_json=as_json)


def _target(settings: Settings, provider: str, flag: str, environment: str, project: str) -> Target:
    known = settings.config.providers
    if provider not in known:
        names = ", ".join(known) or "none"
        raise InvalidInput(
            f'there is no provider "{provider}" in the config.', remedy=f"{did_you_mean(provider, known)}It has: {names}."
        )
    return Target(provider=provider, key=flag, environment=environment, project=project or known[provider].project)


def _off(globals_: Globals, settings: Settings, target: Target, why: str, *, as_json: bool) -> ExitCode:
    refuse_read_only(globals_)

    async def turn_off(world: World) -> Emergency:
        refused = refusal(world.config, world.author.actor, target.environment, Action.ROLLBACK)
        if refused:
            raise Refused(refused)
        return await emergency_off(world, target, why or "asked for on the command line")

    with signals.deferred():
        done = asyncio.run(in_world(settings, turn_off))
        if as_json:
            put_json(
                {
                    "code": int(done.code),
                    "sentence": done.sentence,
                    "record": done.record or None,
                    "target": target.model_dump(mode="json", include={"provider", "key", "environment", "project"}),
                }
            )
        elif done.code is ExitCode.OK:
            put(done.sentence)
        else:
            complain(done.sentence)
        if done.record and not as_json:
            say(f"Recorded in {done.record}; the next journal that is written to takes it in.")
    return done.code
