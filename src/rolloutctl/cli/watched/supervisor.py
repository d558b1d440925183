"""Telling the service manager that started us how we are: READY, what we do, that we are alive, that we leave.

Protocol: sd_notify(3) and WatchdogSec= of systemd: datagrams to the socket that NOTIFY_SOCKET names. Without it nothing is sent.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class Supervisor:
    address: str
    """Of its socket; `@` begins an abstract one. Empty: nobody supervises us."""
    every_s: float | None
    """How often it wants to hear that we are alive; None: it does not."""
    _alive_at: float | None = field(default=None, init=False)
    _status: str = field(default="", init=False)

    def ready(self) -> None:
        self._send("READY=1")

    def leaving(self) -> None:
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line, for `systemctl status`."""
        line = " ".join(text.split())
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def due(self, monotonic_s: float) -> bool:
        """Whether it is time to say `alive` again: twice as often as it is asked for."""
        if not self.address or self.every_s is None:
            return False
        return self._alive_at is None or monotonic_s - self._alive_at >= self.every_s / 2

    def alive(self, monotonic_s: float) -> None:
        self._alive_at = monotonic_s
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self.address:
            return
        to = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        # A service manager that cannot be told must not keep us from driving.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.setblocking(False)
            sending.sendto(message.encode(), to)


def supervisor(environ: Mapping[str, str], pid: int) -> Supervisor:
    """As the service manager has written it into the environment of process `pid`."""
    address = environ.get("NOTIFY_SOCKET", "")
    mine = environ.get("WATCHDOG_PID", "") in {"", str(pid)}
    asked = environ.get("WATCHDOG_USEC", "")
    every_s = int(asked) / 1_000_000 if mine and asked.isascii() and asked.isdecimal() and int(asked) > 0 else None
    return Supervisor(address if address.startswith(("/", "@")) else "", every_s)
