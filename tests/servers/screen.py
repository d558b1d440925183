"""A screen without a terminal: an engine that only looks, in a process of its own.

    python screen.py CONFIG OUT

On SIGTERM it waits until it has seen what the journal holds, writes {"seq", "states": {rollout: repr}} to OUT, and ends.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path

from rolloutctl.engine.config.settings import Surroundings, read_settings
from rolloutctl.engine.thread import EngineThread
from rolloutctl.engine.view.handle import Leaving
from rolloutctl.engine.wiring import Options, engine_thread
from rolloutctl.errors import JournalUnreachable

SEEN_WITHIN_S = 60.0


def main(config: Path, out: Path) -> None:
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    thread = engine_thread(Options(read_settings(config, Surroundings.here()), poll=False))
    thread.start()
    print("looking", flush=True)  # noqa: T201
    told.wait()
    deadline = time.monotonic() + SEEN_WITHIN_S
    head = _head(thread, deadline)
    while thread.snapshot().journal_seq < head and time.monotonic() < deadline:
        time.sleep(0.05)
    fleet = thread.snapshot()
    states = {rollout.id: repr(rollout.state) for rollout in fleet.rollouts}
    out.write_text(json.dumps({"seq": fleet.journal_seq, "states": states}), encoding="utf-8")
    thread.stop(Leaving.RELEASE).result(SEEN_WITHIN_S)


def _head(thread: EngineThread, deadline: float) -> int:
    """Number of the journal's newest event; asked again where the connection turns out to have been cut."""
    while True:
        try:
            return thread.events(None, 0, 0).result(SEEN_WITHIN_S).head_seq
        except JournalUnreachable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
