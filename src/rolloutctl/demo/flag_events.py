"""The flag server's event log: append only, ids grow by one, newest first when read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rolloutctl.demo.flag_model import Document, Event, EventType


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, and the group its events share."""

    name: str
    group: str


class EventLog:
    """Not thread-safe by itself: the store's lock guards it."""

    def __init__(self, now: Callable[[], str]) -> None:
        self._now = now
        self._events: list[Event] = []

    def add(
        self,
        kind: EventType,
        author: Author,
        *,
        flag: str | None = None,
        environment: str | None = None,
        data: Document | None = None,
        pre_data: Document | None = None,
    ) -> None:
        self._events.append(
            Event(
                id=len(self._events) + 1,
                type=kind,
                created_by=author.name,
                created_at=self._now(),
                flag=flag,
                environment=environment,
                data=data,
                pre_data=pre_data,
                group=author.group,
            )
        )

    def revision(self, environment: str) -> int:
        """Id of the newest event that matters to clients of `environment`; 0 for none."""
        for event in reversed(self._events):
            if event.environment in (None, environment):
                return event.id
        return 0

    def find(self, *, flag: str | None = None, kind: str | None = None, environment: str | None = None) -> Sequence[Event]:
        return [
            event
            for event in reversed(self._events)
            if (flag is None or event.flag == flag)
            and (kind is None or event.type == kind)
            and (environment is None or event.environment == environment)
        ]
