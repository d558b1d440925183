"""Cards read and kept: the first look at all rollouts, and what makes the next first look quick.

A glance takes a few milliseconds however long the journal is. It is all or nothing for the config (digest known as valid, or no
glance) and card by card for rollouts: one whose card does not fit any more has to be read from its events.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rolloutctl.engine.cards import file as card_file
from rolloutctl.engine.cards.card import Card
from rolloutctl.engine.cards.file import KeptCard
from rolloutctl.engine.config.files import RawConfig, Surroundings, raw_config
from rolloutctl.errors import RolloutctlError
from rolloutctl.journal.newest import End, Newest, looking
from rolloutctl.ports import Lease

_STREAM = "rollout/"
_TROUBLE = (RolloutctlError, OSError, sqlite3.Error)


@dataclass(frozen=True, slots=True)
class Seen:
    rollout: str
    """`name#n`."""
    card: Card | None
    """None: it has to be read from its events."""
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Glance:
    config: RawConfig
    """Its bytes were valid before."""
    head: tuple[int, str]
    rollouts: tuple[Seen, ...]
    """Oldest first."""


def glance(explicit: Path | None, surroundings: Surroundings) -> Glance | None:
    """None: read the config and the journal properly; whatever is wrong with them is said there."""
    config = raw_config(explicit, surroundings)
    if config is None:
        return None
    kept = card_file.read(card_file.place_of(config.journal))
    if config.digest not in kept.configs:
        return None
    try:
        with looking(config.journal) as newest:
            return Glance(config, newest.head(), tuple(_seen(newest, end, kept.cards) for end in newest.ends()))
    except _TROUBLE:
        return None


def keep(journal: Path, mode: int, config_digest: str, cards: Iterable[Card]) -> None:
    """Keep what differs from what is kept; quietly not where that cannot be done. Blocks for a file's write, never syncs."""
    if not journal.is_file():
        return
    place = card_file.place_of(journal)
    before = card_file.read(place)
    with suppress(*_TROUBLE), looking(journal) as newest:
        made = {card.rollout: KeptCard.of(card, digest) for card in cards if (digest := _made_from(newest, card)) is not None}
        after = before.with_cards(made).with_config(config_digest)
        if after != before:
            card_file.write(place, after, mode)


def _seen(newest: Newest, end: End, kept: Mapping[str, KeptCard]) -> Seen:
    rollout = end.stream.removeprefix(_STREAM)
    return Seen(rollout, _fitting(newest, end, kept.get(rollout), rollout), end.lease)


def _fitting(newest: Newest, end: End, kept: KeptCard | None, rollout: str) -> Card | None:
    card = kept.card() if kept is not None else None
    if kept is None or card is None or card.rollout != rollout or not end.telling <= card.seq <= end.seq:
        return None
    if newest.hash_at(end.stream, card.seq) != kept.hash:
        return None
    # A lease that has changed hands since counts as an event and says nothing else.
    return replace(card, seq=end.seq, shape={**card.shape, "seq": end.seq})


def _made_from(newest: Newest, card: Card) -> str | None:
    return newest.hash_at(f"{_STREAM}{card.rollout}", card.seq)
