"""The engine as a view sees it: newest snapshot, commands, journal pages. Safe to call from any thread; never blocks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from enum import StrEnum
from typing import Protocol

from rolloutctl.engine.view.commands import Command, Reply
from rolloutctl.engine.view.snapshot import FleetSnapshot, JournalPage
from rolloutctl.ports import Verified


class Leaving(StrEnum):
    """What happens to the rollouts this process drives when it stops."""

    HAND_OVER = "hand over"
    """A `rolloutctl drive` is started in the background and takes them."""
    RELEASE = "release"
    """They become UNATTENDED."""


class EngineHandle(Protocol):
    def snapshot(self) -> FleetSnapshot:
        """The newest one."""
        ...

    def subscribe(self, callback: Callable[[FleetSnapshot], None]) -> Callable[[], None]:
        """Call `callback` on the engine's thread with every new snapshot; returns how to stop that."""
        ...

    def send(self, command: Command) -> Future[Reply]:
        """Never raises through the future for anything a person could cause: the reply says it."""
        ...

    def events(self, rollout: str | None, after: int = 0, limit: int = 500) -> Future[JournalPage]:
        """Events with seq over `after`, of one rollout (`name#n`) or of all. The future may raise RolloutctlError."""
        ...

    def verify_journal(self) -> Future[Verified]: ...

    def refresh(self) -> None:
        """Poll everything now."""
        ...

    def set_paused(self, paused: bool) -> None:
        """Paused: views' polling of rollouts that this process does not drive stops; driving never pauses."""
        ...

    def set_interval(self, seconds: float) -> None: ...

    def drives(self) -> tuple[str, ...]:
        """Ids of the rollouts this process holds the lease of."""
        ...

    def stop(self, leaving: Leaving) -> Future[str]:
        """Finish the request in flight, journal its outcome, leave; the result says what became of the rollouts."""
        ...
