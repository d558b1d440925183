"""Freeze windows: `Fri 16:00 - Mon 08:00 Europe/Madrid`, weekly, in a named time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(r"(\w{3}) (\d\d):(\d\d) - (\w{3}) (\d\d):(\d\d) (\S+)", re.ASCII)
_WEEK = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """A weekly window in minutes since Monday 00:00 of its zone; `end` may lie before `start` (over the week's end)."""

    start: int
    end: int
    zone: ZoneInfo
    text: str

    def covers(self, now: datetime) -> bool:
        local = now.astimezone(self.zone)
        minute = local.weekday() * 1440 + local.hour * 60 + local.minute
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def ends_in(self, now: datetime) -> timedelta:
        """Time left; only meaningful while the window covers `now` (wall-clock minutes of its zone)."""
        local = now.astimezone(self.zone)
        minute = local.weekday() * 1440 + local.hour * 60 + local.minute
        return timedelta(minutes=(self.end - minute) % _WEEK)


def parse_window(text: str) -> FreezeWindow:
    """Raises ValueError with a sentence."""
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        msg = f'"{text}" is not a freeze window; write "Fri 16:00 - Mon 08:00 Europe/Madrid"'
        raise ValueError(msg)
    day1, h1, m1, day2, h2, m2, zone_name = match.groups()
    for day in (day1, day2):
        if day not in _DAYS:
            msg = f'"{day}" in "{text}" is not a day; use {", ".join(_DAYS)}'
            raise ValueError(msg)
    try:
        zone = ZoneInfo(zone_name)
    except (KeyError, ValueError, OSError):
        msg = f'"{zone_name}" in "{text}" is not a time zone; use a name such as Europe/Madrid or UTC'
        raise ValueError(msg) from None
    points = []
    for day, hour, minute in ((day1, h1, m1), (day2, h2, m2)):
        if int(hour) > 23 or int(minute) > 59:
            msg = f'"{hour}:{minute}" in "{text}" is not a time of day'
            raise ValueError(msg)
        points.append(_DAYS.index(day) * 1440 + int(hour) * 60 + int(minute))
    if points[0] == points[1]:
        msg = f'"{text}" begins and ends at the same time'
        raise ValueError(msg)
    return FreezeWindow(points[0], points[1], zone, text.strip())
