"""Handing rollouts over to a `rolloutctl drive` in the background, and seeing that it has taken them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from rolloutctl.engine.world.world import World
from rolloutctl.ports import Journal

_TAKES_WITHIN_S = 15.0
_LOOK_S = 0.2


async def hand_over(world: World, rollouts: Sequence[str], command: tuple[str, ...]) -> str:
    """Start `command` detached from this terminal; returns what became of it, as a sentence."""
    log = Path(platformdirs.user_state_dir("rolloutctl")) / "drive.log"
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = ", ".join(rollouts)
    try:
        pid = _spawn(command, log)
    except OSError as error:
        return f"{names}: UNATTENDED; no driver could be started: {error.strerror}. Run `rolloutctl drive`."
    waited = 0.0
    while waited < _TAKES_WITHIN_S and _runs(pid):
        if await world.journal.call(lambda journal: _all_taken(journal, rollouts)):
            return f"{names}: driven by process {pid} in the background now; log in {log}."
        await world.clock.sleep(_LOOK_S)
        waited += _LOOK_S
    return f"{names}: UNATTENDED; the driver that was started has not taken them, see {log}. Run `rolloutctl drive`."


def _spawn(command: tuple[str, ...], log: Path) -> int:
    """Start `command` in a session of its own, so that it outlives us and our terminal; returns its process id."""
    out = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), out, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _runs(pid: int) -> bool:
    """Whether our child has not ended yet; does not wait."""
    return os.waitpid(pid, os.WNOHANG) == (0, 0)


def _all_taken(journal: Journal, rollouts: Sequence[str]) -> bool:
    leases = [journal.lease(f"rollout/{rollout}") for rollout in rollouts]
    return all(lease is not None and lease.expires_in_s > 0 for lease in leases)
