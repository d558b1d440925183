"""Something that is done again and again on a thread of its own, until it is stopped."""

import threading
import time
from collections.abc import Callable


class Every:
    """Begins an action every `interval_s` seconds; what could not begin in time is left out, never caught up with."""

    def __init__(self, interval_s: float, action: Callable[[], None]) -> None:
        self._interval_s = interval_s
        self._action = action
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic() + self._interval_s
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._action()
            due = max(due + self._interval_s, time.monotonic())
