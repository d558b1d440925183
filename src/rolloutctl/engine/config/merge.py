"""Config documents merged key by key; the later value and its place win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rolloutctl.errors import Place

if TYPE_CHECKING:  # finding the journal must not load pydantic
    from rolloutctl.constraints import Key

_SECRETS = frozenset({"token", "password"})
_WHOLE = frozenset({"auth", "client_auth"}) | _SECRETS
"""Tables that mean something only as a whole: half of one and half of another would be neither."""


class Merged:
    """The values so far, and the place of each."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.places: dict[Key, Place] = {}

    def take(self, data: Mapping[str, Any], places: Mapping[Key, Place]) -> None:
        """Merge a whole document over what is there."""
        self._table(self.data, data, (), places)

    def put(self, key: Key, value: object, place: Place) -> None:
        """Set one value; tables on the way are made. A secret that was read from elsewhere gives way."""
        table = self.data
        for length in range(1, len(key)):
            name = str(key[length - 1])
            inner = table.get(name)
            if not isinstance(inner, dict) or name in _SECRETS:
                self._forget(key[:length])
                inner = table[name] = {}
            self.places.setdefault(key[:length], place)
            table = inner
        self._forget(key)
        table[str(key[-1])] = value
        self.places[key] = place

    def _table(self, into: dict[str, Any], data: Mapping[str, Any], key: Key, places: Mapping[Key, Place]) -> None:
        for name, value in data.items():
            here = (*key, name)
            present = into.get(name)
            if isinstance(value, dict) and isinstance(present, dict) and name not in _WHOLE:
                if here in places:
                    self.places[here] = places[here]
                self._table(present, value, here, places)
            else:
                self._forget(here)
                into[name] = value
                self.places.update({inside: place for inside, place in places.items() if inside[: len(here)] == here})

    def _forget(self, key: Key) -> None:
        for inside in [inside for inside in self.places if inside[: len(key)] == key]:
            del self.places[inside]
