"""Reading an export of a journal as if it were one: its events, and its blobs where they stand in the file.

Invariant: nothing is believed that `journal verify` would not find right later; a blob is checked against its digest.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from pathlib import Path

from rolloutctl.errors import InvalidInput
from rolloutctl.journal.blobs import digest_of, not_its_digest, not_there
from rolloutctl.journal.chain import COLUMNS
from rolloutctl.journal.moving import FORMAT, VERSION
from rolloutctl.journal.rows import event_of
from rolloutctl.model.events import Event

_NAMES = tuple(COLUMNS.split(", "))


class Exported:
    """Raises InvalidInput, naming the line, for what is no export of this version; JournalCorrupt for an event or blob."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events: list[Event] = []
        self._blobs: dict[str, int] = {}
        try:
            with path.open("rb") as file:
                self._take_in(file.readlines())
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}.", remedy="Name an export of a journal.") from error

    def _take_in(self, lines: Sequence[bytes]) -> None:
        place = 0
        for number, line in enumerate(lines, 1):
            try:
                data = json.loads(line)
                if number == 1:
                    if (data["format"], data["version"]) != (FORMAT, VERSION):
                        raise self._wrong(number)
                elif "event" in data:
                    self._events.append(event_of(tuple(data["event"][name] for name in _NAMES)))
                else:
                    self._blobs[str(data["blob"])] = place
            except (ValueError, KeyError, TypeError, RecursionError):
                raise self._wrong(number) from None
            place += len(line)

    def _wrong(self, number: int) -> InvalidInput:
        return InvalidInput(
            f"{self._path}, line {number}: this is no line of an export that this version reads.",
            remedy="Export the journal again.",
        )

    def read(self, stream: str | None = None, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        found = [event for event in self._events if event.seq > after and stream in {None, event.stream}]
        return found if limit is None else found[:limit]

    def get_blob(self, digest: str) -> bytes:
        place = self._blobs.get(digest)
        if place is None:
            raise not_there(digest)
        with self._path.open("rb") as file:
            file.seek(place)
            line = file.readline()
        try:
            content = base64.b64decode(json.loads(line)["content"], validate=True)
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise not_its_digest(digest) from None
        if digest_of(content) != digest:
            raise not_its_digest(digest)
        return content
