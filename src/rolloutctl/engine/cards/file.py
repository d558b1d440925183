"""The file of cards beside the journal: what can be shown of every rollout without reading its events.

No evidence: nothing is decided by a card, it is not in the chain, and whoever deletes the file loses nothing but time. It also
names the configs that were valid, by the digest of their bytes. A card counts only with its own digest, made by this version,
and while the journal still has the event it was made from, by hash, and nothing newer that matters (`cards.py`); else the
events are read. The digest finds damage and careless edits, not a forger: who may write here could replace the journal, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from rolloutctl import VERSION
from rolloutctl.engine.cards.card import FORMAT, Card, from_json, to_json

_MADE_BY = f"{FORMAT} {VERSION}"
_LARGEST = 32 << 20
_MOST_CONFIGS = 8


@dataclass(frozen=True, slots=True)
class KeptCard:
    """A card as it lies in the file."""

    hash: str
    """Of the event it was made from."""
    digest: str
    text: str

    @classmethod
    def of(cls, card: Card, event_hash: str) -> KeptCard:
        text = json.dumps(to_json(card), separators=(",", ":"))
        return cls(event_hash, _digest(event_hash, text), text)

    def card(self) -> Card | None:
        """None: damaged, or made by another version."""
        if _digest(self.hash, self.text) != self.digest:
            return None
        try:
            return from_json(json.loads(self.text))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class CardFile:
    cards: Mapping[str, KeptCard] = field(default_factory=dict)
    """By rollout."""
    configs: tuple[str, ...] = ()
    """Digests of configs that were valid, newest last."""

    def with_cards(self, cards: Mapping[str, KeptCard]) -> CardFile:
        return CardFile({**self.cards, **cards}, self.configs)

    def with_config(self, digest: str) -> CardFile:
        if not digest or digest in self.configs:
            return self
        return CardFile(self.cards, (*self.configs, digest)[-_MOST_CONFIGS:])


def place_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}-cards")


def read(path: Path) -> CardFile:
    """Empty where there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        found = json.loads(raw) if len(raw) <= _LARGEST else {}
        if found["made_by"] != _MADE_BY:
            return CardFile()
        cards = {str(rollout): KeptCard(*map(str, kept)) for rollout, kept in found["cards"].items()}
        return CardFile(cards, tuple(map(str, found["configs"])))
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return CardFile()


def write(path: Path, kept: CardFile, mode: int) -> None:
    """Whole or not at all; not synced, because losing it loses nothing. Raises OSError."""
    document = {
        "made_by": _MADE_BY,
        "configs": kept.configs,
        "cards": {rollout: [card.hash, card.digest, card.text] for rollout, card in kept.cards.items()},
    }
    raw = json.dumps(document, separators=(",", ":")).encode()
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - of a descriptor that was opened with a mode of its own
            file.write(raw)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise


def _digest(event_hash: str, text: str) -> str:
    return sha256(f"rolloutctl-card\0{_MADE_BY}\0{event_hash}\0{text}".encode(errors="surrogatepass")).hexdigest()
