"""The users of a simulated service: their names, the channel each comes through, who is an employee."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

AUDIENCE: Final = "employees"
"""Name of the audience (the flag server's segment) that the demo's plans begin with."""


class Channel(StrEnum):
    WEB = "web"
    VOICE = "voice"
    CHAT = "chat"


CHANNEL_SHARES: Final[Mapping[Channel, float]] = {Channel.WEB: 0.55, Channel.VOICE: 0.25, Channel.CHAT: 0.20}
_EMPLOYEE_EVERY: Final = 100


@dataclass(frozen=True, slots=True)
class Share:
    """How many of all users get the canary, and of which channel, as shares of one."""

    overall: float
    by_channel: Mapping[Channel, float]


class Population:
    """Users `user-0000` and on; channels and employees are spread evenly, so that shares are what they say."""

    def __init__(self, size: int = 10_000) -> None:
        self.ids = [f"user-{number:04d}" for number in range(size)]
        self._channels = [_channel(number % 100) for number in range(size)]
        self.employees = [self.ids[number] for number in range(size) if _is_employee(number)]

    def share(self, serves: Callable[[str], bool]) -> Share:
        """Count who is served the canary."""
        members = dict.fromkeys(Channel, 0)
        served = dict.fromkeys(Channel, 0)
        for user, channel in zip(self.ids, self._channels, strict=True):
            members[channel] += 1
            served[channel] += serves(user)
        return Share(
            overall=sum(served.values()) / len(self.ids),
            by_channel={channel: served[channel] / max(1, members[channel]) for channel in Channel},
        )


def _channel(percentile: int) -> Channel:
    reached = 0.0
    for channel, share in CHANNEL_SHARES.items():
        reached += 100 * share
        if percentile < reached:
            return channel
    return Channel.CHAT


def _is_employee(number: int) -> bool:
    block, place = divmod(number, _EMPLOYEE_EVERY)
    return place == (block * 37) % _EMPLOYEE_EVERY
