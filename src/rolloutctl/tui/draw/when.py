"""Times as people read them: local, with their zone, and as ages against one "now"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from rolloutctl.units import show_age, show_clock


@dataclass(frozen=True, slots=True)
class When:
    """The moment a screen is drawn. `zone` None: the system's."""

    now: datetime
    zone: tzinfo | None = None

    def local(self, at: datetime | float) -> datetime:
        """`at` is aware, or Unix seconds."""
        return (at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)).astimezone(self.zone)

    def clock(self, at: datetime | float) -> str:
        """`14:21:30`, for places that name the zone themselves."""
        return self.local(at).strftime("%H:%M:%S")

    def minute(self, at: datetime | float) -> str:
        return self.local(at).strftime("%H:%M")

    def zone_of(self, at: datetime | float) -> str:
        return self.local(at).strftime("%Z")

    def stamp(self, at: datetime | float) -> str:
        """`14:21:30 CET`, with the day when it is not today."""
        local = self.local(at)
        day = "" if local.date() == self.local(self.now).date() else local.strftime("%Y-%m-%d ")
        return f"{day}{local.strftime('%H:%M:%S %Z')}"

    def full(self, at: datetime | float) -> str:
        return self.local(at).strftime("%Y-%m-%d %H:%M:%S %Z")

    def seconds_since(self, at: datetime | float) -> float:
        return self.now.timestamp() - (at.timestamp() if isinstance(at, datetime) else at)

    def age(self, at: datetime | float | None) -> str:
        return "never" if at is None else show_age(self.seconds_since(at))

    def left(self, until: datetime) -> str:
        return show_clock(max(0.0, -self.seconds_since(until)))
