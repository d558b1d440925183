"""A process that writes to a journal: `appender.py PATH NAME COUNT [STREAM]`, one acknowledged seq a line.

With a stream it drives: takes the lease for half a second, appends effects, and says so when it lost the lease.
"""

import sys
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from rolloutctl.errors import LeaseLost
from rolloutctl.journal.sqlite import open_sqlite
from rolloutctl.model.events import FlagFailed, NoteAdded
from rolloutctl.ports import Author


def say(what):
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(path, name, many, stream=""):
    journal = open_sqlite(Path(path), 0o600, lambda: datetime.now(UTC))
    author = Author(name, "host")
    lease = journal.take_lease(stream, name, 0.5, author, force=True) if stream else None
    for n in range(int(many)) if int(many) else count():
        if lease is None:
            event = journal.append(f"rollout/{name}#1", NoteAdded(text=str(n)), author)
        else:
            try:
                event = journal.append_held(lease, FlagFailed(intent=n, at=datetime.now(UTC)), author)
            except LeaseLost as lost:
                say(f"LOST {lost}")
                break
            time.sleep(0.02)
        say(event.seq)
    journal.close()


main(*sys.argv[1:])
