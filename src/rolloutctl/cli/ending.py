"""How the program ends when something was raised: a sentence on stderr and an exit code.

What nobody expected goes to a file that one sentence names (`engine/unexpected/crash.py`).
"""

from __future__ import annotations

import errno

from typer.exceptions import Abort, TyperException

from rolloutctl.cli.out import complain, hang_up, say
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
            hang_up()
            return 128 + 13
        case TyperException():
            _show_usage(error)
            return ExitCode.INVALID
        case OSError() if error.errno in {errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT}:
            where = f": {error.filename}" if error.filename else ""
            complain(f"{(error.strerror or 'unknown trouble').lower()}{where}.")
            return ExitCode.FAILED
        case _:
            from rolloutctl.engine.unexpected.crash import told

            complain(f"something went wrong that should not ({type(error).__name__}). {told(error)}")
            return ExitCode.FAILED


def _show_usage(error: TyperException) -> None:
    from rolloutctl.cli.usage import usage_sentence, where_help_is

    complain(usage_sentence(error))
    if help_is := where_help_is(error):
        say(help_is)
