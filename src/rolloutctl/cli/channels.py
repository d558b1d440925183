"""`channel test`: one message through a channel of the config, and what came of it.

JSON: {"channel", "ending": taken | refused | not_sent | unknown, "why", "attempts", "elapsed_s"}
"""

from __future__ import annotations

import asyncio
import socket
from typing import assert_never

from rolloutctl.cli import signals
from rolloutctl.cli.beginning import refuse_read_only, settings_of
from rolloutctl.cli.naming import did_you_mean
from rolloutctl.cli.out import complain, put, put_json
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.worlds import in_world
from rolloutctl.engine.world.world import World
from rolloutctl.errors import ExitCode, InvalidInput
from rolloutctl.model.message import Delivery, Ending, Matter, Message
from rolloutctl.units import show_time


def test(globals_: Globals, name: str, matter: Matter, *, as_json: bool) -> ExitCode:
    refuse_read_only(globals_)
    settings = settings_of(globals_)
    known = settings.config.channels
    if name not in known:
        names = ", ".join(known) or "none"
        raise InvalidInput(f'there is no channel "{name}" in the config.', remedy=f"{did_you_mean(name, known)}It has: {names}.")

    async def send(world: World) -> Delivery:
        return await world.channel(name).notify(_message(world, name, matter))

    with signals.deferred():
        delivery = asyncio.run(in_world(settings, send))
    _tell(name, delivery, as_json=as_json)
    return _code(delivery.ending)


def _message(world: World, name: str, matter: Matter) -> Message:
    now = world.clock.now()
    return Message(
        title="This is a test of notifications",
        text=f'{world.author.actor} tries the channel "{name}". Nothing has happened and nobody has to do anything.',
        at=now,
        matter=matter,
        about=f"rolloutctl test of {name}",
        facts=(("sent by", f"{world.author.actor} on {socket.gethostname()}"), ("at", show_time(now))),
        key=f"test-{name}-{show_time(now)}",
    )


def _tell(name: str, delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        put_json(
            {
                "channel": name,
                "ending": delivery.ending.value,
                "why": delivery.why,
                "attempts": delivery.attempts,
                "elapsed_s": round(delivery.elapsed_s, 3),
            }
        )
        return
    times = "" if delivery.attempts == 1 else f" after {delivery.attempts} attempts"
    line = f"{name}: {_words(delivery.ending)}{times} ({delivery.elapsed_s:.1f} s). {delivery.why}"
    line += "" if line.endswith((".", "…")) else "."
    if delivery.ok:
        put(line)
    else:
        complain(line)


def _words(ending: Ending) -> str:
    match ending:
        case Ending.TAKEN:
            return "taken"
        case Ending.REFUSED:
            return "refused, nobody was told"
        case Ending.NOT_SENT:
            return "not sent, nobody was told"
        case Ending.UNKNOWN:
            return "unknown, people may have been told; look there"
        case _:
            assert_never(ending)


def _code(ending: Ending) -> ExitCode:
    match ending:
        case Ending.TAKEN:
            return ExitCode.OK
        case Ending.REFUSED:
            return ExitCode.FAILED
        case Ending.NOT_SENT:
            return ExitCode.UNREACHABLE
        case Ending.UNKNOWN:
            return ExitCode.UNKNOWN
        case _:
            assert_never(ending)
