"""Signing what a person decides, and finding out whether what others signed is good: off the loop, never before a rollback."""

from __future__ import annotations

import asyncio

from rolloutctl.engine.world.record import RolloutRecord
from rolloutctl.engine.world.world import World
from rolloutctl.errors import Refused, RolloutctlError
from rolloutctl.model.events import KIND_OF, Body, Event, RollbackRequested
from rolloutctl.model.signed import Signed, fingerprint, signed_of
from rolloutctl.model.statement import SIGNABLE, statement, with_signature
from rolloutctl.policy.signing import key_named, signing_key


async def signed_body(world: World, rollout: RolloutRecord, body: Body) -> Body:
    """With a signature where its author has a key in the config, else as it is. Raises Refused, InvalidInput or Failed."""
    if KIND_OF[type(body)] not in SIGNABLE:
        return body
    key = signing_key(world.config, world.author.actor)
    if not key:
        return body
    if world.signer is None:
        raise Refused("this process cannot sign, and the config has an ssh_key for you.")
    text = statement(rollout.state, body, world.author.actor, world.clock.now())
    armoured = await asyncio.to_thread(world.signer.sign, text, key)
    return with_signature(body, Signed(key=fingerprint(key), statement=text, signature=armoured))


async def check_signatures(world: World, rollout: RolloutRecord) -> None:
    """Find out about every pending request that is signed, once. A rollback that is asked for meanwhile is not kept waiting."""
    for request in rollout.state.requests:
        signed = signed_of(request.body)
        if signed is None or request.seq in rollout.checked:
            continue
        if any(isinstance(other.body, RollbackRequested) for other in rollout.state.requests):
            return
        check = asyncio.ensure_future(_checked(world, request, signed))
        asked = asyncio.ensure_future(rollout.rollback_asked.wait())
        try:
            await asyncio.wait({check, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not check.done():
                return
            rollout.checked[request.seq] = check.result()
        finally:
            asked.cancel()
            check.cancel()


async def _checked(world: World, request: Event, signed: Signed) -> str:
    key = key_named(world.config, request.actor, signed)
    if not key:
        return "its key is not in the config."
    if world.signer is None:
        return "whoever drives cannot check signatures."
    try:
        return await asyncio.to_thread(world.signer.verify, signed.statement, signed.signature, key)
    except RolloutctlError as error:
        return f"its signature cannot be checked by whoever drives: {error}"
