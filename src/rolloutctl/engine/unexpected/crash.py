"""What nobody expected: written down for whoever mends it, and one sentence for the person at the terminal.

Invariants: a traceback goes to a file (0600, in the state folder), never to the terminal; the file holds no secret that this
process has read, no value of a variable that is named like a secret, no credentials of URLs and headers; nothing here raises.
There is one file for a process, so the state of this module is the process's: a hook of the interpreter has nobody to ask.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from errno import ENOENT
from pathlib import Path

from platformdirs.unix import Unix

_KEPT = 20
_LARGEST = 1 << 20
_SHORTEST_SECRET = 6
_LIKE_A_SECRET = re.compile(r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|PRIVATE|AUTH(?!OR)|COOKIE|WEBHOOK", re.IGNORECASE)
_QUOTE = r"""['"\\]*"""
_CARRIERS = (
    (re.compile(rf"(?i)((?:authorization|cookie|x-api-key){_QUOTE}\s*[:=,]\s*b?{_QUOTE})[^\r\n'\"]+"), r"\1…"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=:*-]{6,}"), r"\1 …"),
    (re.compile(r"(?i)(\w://)[^\s/?#@'\"]+@"), r"\1…@"),
    (re.compile(r"(?i)([?&][\w.-]*(?:token|key|secret|password|signature|sig)=)[^\s&'\"]+"), r"\1…"),
)
"""Where credentials travel that this process need not have read itself: headers, URLs."""

_lock = threading.RLock()
_files: dict[Path, Path] = {}
"""The file by the folder it is in."""
_untold: deque[str] = deque(maxlen=999)
"""Places of what was written down while nobody could be told."""


def told(error: BaseException, folder: Path | None = None) -> str:
    """Write the error down, and say where; where that is not possible, say where in the code it happened.

    `folder` is for whoever has the state folder already.
    """
    _untold.clear()
    try:
        return f"The details are in {write(trace(error), folder)}."
    except OSError as failure:
        why = (failure.strerror or "unknown trouble").lower()
        return f"The details could not be written ({why}: {failure.filename or 'state folder'}); it happened in {place(error)}."


def note(text: str, where: str) -> None:
    """Write down what ended nothing; `left_behind` tells about it later."""
    with suppress(OSError):
        write(text, None)
    _untold.append(where)


def left_behind() -> str:
    """What was noted since the last call, as one sentence for the end of the program; empty: nothing."""
    if not _untold:
        return ""
    many = f"were {len(_untold)} unexpected errors" if len(_untold) > 1 else "was an unexpected error"
    first = _untold[0]
    _untold.clear()
    written = [str(file) for file in _files.values()]
    where = f"the details are in {written[-1]}" if written else f"the details could not be written; it happened in {first}"
    return f"There {many} meanwhile; {where}."


def trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def place(error: BaseException) -> str:
    """`module.py:12 in function`, of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else "an unknown place"


def write(text: str, folder: Path | None) -> Path:
    """Append to the file of this process. Raises OSError."""
    with _lock:
        folder = folder or _state_folder()
        file = _files.get(folder) or _new_file(folder)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace") as log:
            if os.fstat(descriptor).st_size < _LARGEST:
                told_by = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} process {os.getpid()} {' '.join(sys.argv[1:2])}"
                log.write(scrubbed(f"{told_by}\n{text}\n", os.environ))
        _files[folder] = file
        return file


def scrubbed(text: str, environ: Mapping[str, str]) -> str:
    """Without secrets. When they cannot be told from the rest, only the places in the code are left."""
    try:
        from rolloutctl.engine.config.secrets import Scrubber, read_so_far  # noqa: PLC0415 - its import may be what fails

        named = {value for name, value in environ.items() if _LIKE_A_SECRET.search(name) and len(value) >= _SHORTEST_SECRET}
        text = Scrubber(read_so_far() | named)(text)
    except Exception:  # noqa: BLE001 - what fails may be the very thing that is reported
        text = "\n".join(line for line in text.splitlines() if line.lstrip().startswith('File "'))
    for carrier, without in _CARRIERS:
        text = carrier.sub(without, text)
    return text


def _state_folder() -> Path:
    try:
        return Unix("rolloutctl").user_state_path
    except RuntimeError:
        raise FileNotFoundError(ENOENT, "there is no home folder", "set HOME or XDG_STATE_HOME") from None


def _new_file(folder: Path) -> Path:
    """Its name; older files than the newest twenty go."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in sorted(folder.glob("crash-*.log"))[: -_KEPT + 1]:
        with suppress(OSError):
            old.unlink()
    return folder / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
