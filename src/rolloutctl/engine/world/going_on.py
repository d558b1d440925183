"""Jobs that are done again and again, and go on whatever happens to one round of them.

Invariant: `trouble` holds what kept the newest round of a job from its end, and nothing that is over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from rolloutctl.errors import RolloutctlError

_AGAIN_S = 0.5
"""What went wrong is tried again after so long, neither later nor without a pause."""
_log = logging.getLogger(__name__)


class GoingOn:
    """`changed` is called whenever `trouble` says something else than before."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._troubles: dict[str, str] = {}

    @property
    def trouble(self) -> str:
        """One sentence; empty: all is well."""
        return next((sentence for sentence in self._troubles.values() if sentence), "")

    async def forever(self, name: str, job: Callable[[], Awaitable[object]], pause_s: float) -> None:
        while True:
            trouble = await self._round(job)
            self._say(name, trouble)
            await asyncio.sleep(_AGAIN_S if trouble else pause_s)

    async def _round(self, job: Callable[[], Awaitable[object]]) -> str:
        """What went wrong, in a sentence."""
        try:
            await job()
        except RolloutctlError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs and a rollback must go on
            _log.exception("a loop of the engine failed")
            return f"Following the journal failed unexpectedly ({type(error).__name__}); it is tried again."
        return ""

    def _say(self, name: str, sentence: str) -> None:
        before = self.trouble
        self._troubles[name] = sentence
        if self.trouble != before:
            self._changed()
