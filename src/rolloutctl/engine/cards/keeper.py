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
        seqs = {rollout.id: rollout.state.seq for rollout in fleet.rollouts}
        if seqs == self._kept or not self._busy.acquire(blocking=False):
            return
        self._last, changed = monotonic(), [r for r in fleet.rollouts if self._kept.get(r.id) != r.state.seq]
        self._kept = seqs
        cards = [card_of(rollout.plan, rollout.state) for rollout in changed]
        threading.Thread(target=self._write, args=(cards,), name="cards", daemon=True).start()

    def _write(self, cards: list[Card]) -> None:
        try:
            keep(self._journal, self._mode, self._config_digest, cards)
        finally:
            self._busy.release()
