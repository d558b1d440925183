"""How the program ends when something was raised: a sentence on stderr and an exit code.

What nobody expected goes to a log file (0600, without secrets), named in one sentence.
"""

from __future__ import annotations

import errno
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from typer.exceptions import Abort, TyperException

from rolloutctl.cli.out import complain
from rolloutctl.cli.signals import Ended
from rolloutctl.errors import ExitCode, RolloutctlError


def code_of(error: BaseException) -> int:
    match error:
        case RolloutctlError():
            complain(str(error))
            return error.exit_code
        case Ended():
            complain(f"ended by {error.name}; what was begun is journalled.")
            return 128 + error.number
        case KeyboardInterrupt() | Abort():
            return 130
        case BrokenPipeError():
            return 128 + 13
        case TyperException():
            _show_usage(error)
            return ExitCode.INVALID
        case OSError() if error.errno in {errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT}:
            where = f": {error.filename}" if error.filename else ""
            complain(f"{(error.strerror or 'unknown trouble').lower()}{where}.")
            return ExitCode.FAILED
        case _:
            complain(f"something went wrong that should not ({type(error).__name__}). {_written(error)}")
            return ExitCode.FAILED


def _show_usage(error: TyperException) -> None:
    show = getattr(error, "show", None)
    if show is not None:
        show()
    else:
        complain(str(error))


def _written(error: BaseException) -> str:
    """Where the details are, as a sentence."""
    from platformdirs.unix import Unix

    folder = Unix("rolloutctl").user_state_path
    path = folder / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    text = "".join(traceback.format_exception(error))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as log:  # noqa: PTH123
            log.write(_scrubbed(text))
    except OSError as failure:
        return f"The details could not be written to {path}: {failure.strerror}."
    return f"The details are in {path}."


def _scrubbed(text: str) -> str:
    """Without what the environment holds: a secret that this process knew came from there, or stands in the config's files."""
    from rolloutctl.engine.secrets import Scrubber

    return Scrubber(_known_secrets())(text)


def _known_secrets() -> set[str]:
    """Every secret of the config that can be read without running a program."""
    from rolloutctl.config import FromCommand
    from rolloutctl.engine.secrets import read_secret
    from rolloutctl.engine.settings import Surroundings, read_settings

    found: set[str] = set()
    try:
        config = read_settings(_config_argument(), Surroundings.here()).config
    except (RolloutctlError, OSError):
        return found
    adapters = [*config.sources.values(), *config.providers.values()]
    auths = [getattr(adapter, field, None) for adapter in adapters for field in ("auth", "client_auth")]
    for secret in [getattr(auth, field, None) for auth in auths for field in ("token", "password")]:
        if secret is None or isinstance(secret, FromCommand):
            continue
        try:
            found.add(read_secret(secret))
        except RolloutctlError:
            continue
    return found


def _config_argument() -> Path | None:
    import sys

    from rolloutctl.cli.toplevel import globals_first

    first = globals_first(sys.argv[1:])
    for place, argument in enumerate(first):
        if argument == "--config" and place + 1 < len(first):
            return Path(first[place + 1])
        if argument.startswith("--config="):
            return Path(argument.removeprefix("--config="))
    return None
