"""Keeps the cards of what an engine shows, so that the next first look is quick."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from rolloutctl.engine.cards.card import Card
from rolloutctl.engine.cards.glance import keep
from rolloutctl.engine.cards.making import card_of
from rolloutctl.engine.view.snapshot import FleetSnapshot

_EVERY_S = 2.0


class Keeper:
    """Every few seconds at most and on a thread of its own: it delays nothing, least of all a rollback."""

    def __init__(self, journal: Path, mode: int, config_digest: str) -> None:
        self._journal, self._mode, self._config_digest = journal, mode, config_digest
        self._kept: Mapping[str, int] = {}
        self._last = monotonic()
        self._busy = threading.Lock()

    def see(self, fleet: FleetSnapshot) -> None:
        """On the engine's thread, for every snapshot."""
        if monotonic() - self._last < _EVERY_S:
            return
        if self._up_to_date(fleet) or not self._busy.acquire(blocking=False):
            return
        self._last = monotonic()
        threading.Thread(target=self._write, args=(self._changed(fleet),), name="cards", daemon=True).start()

    def leave(self, fleet: FleetSnapshot) -> None:
        """The last snapshot: what it shows is kept before this returns."""
        if not self._up_to_date(fleet) and self._busy.acquire(timeout=_EVERY_S):
            self._write(self._changed(fleet))

    def _up_to_date(self, fleet: FleetSnapshot) -> bool:
        return self._kept == {rollout.id: rollout.state.seq for rollout in fleet.rollouts}

    def _changed(self, fleet: FleetSnapshot) -> list[Card]:
        changed = [rollout for rollout in fleet.rollouts if self._kept.get(rollout.id) != rollout.state.seq]
        self._kept = {rollout.id: rollout.state.seq for rollout in fleet.rollouts}
        return [card_of(rollout.plan, rollout.state) for rollout in changed]

    def _write(self, cards: list[Card]) -> None:
        try:
            keep(self._journal, self._mode, self._config_digest, cards)
        finally:
            self._busy.release()
