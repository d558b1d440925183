"""First contact: no config, no journal. Says what this is and what it would need, and offers to begin; Enter begins nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rolloutctl.cli.out import clean, put, say
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.config.files import Surroundings, config_files
from rolloutctl.errors import ExitCode

TEXT = """\
rolloutctl steps a feature flag from a few users to everyone. Each step is
judged by metrics against limits that were written down before it began, and
when they are broken it turns the flag off again and proves that it is off.

It works with two servers, and there is no config yet that names them:
  Prometheus   or what speaks its API, with the requests of canary and baseline
  Unleash      which holds the flag, and a token for its admin API

  rolloutctl init    asks where they are, and writes a config and a first plan
  rolloutctl demo    brings a service, a flag server and metrics of its own on
                     this machine: try everything, touch nothing
  rolloutctl --help  lists all commands
"""
_QUESTION = "Type demo or init; Enter leaves: "
_ANSWERS = {"demo": "demo", "d": "demo", "init": "init", "i": "init"}


def is_first(globals_: Globals, surroundings: Surroundings) -> bool:
    """Whether nothing on this machine says yet what to show."""
    return (
        globals_.config is None
        and not surroundings.variables()
        and not config_files(None, surroundings)
        and not (surroundings.state_home / "journal.db").exists()
    )


def meet(begin: Callable[[list[str]], int], *, terminal: bool) -> int:
    """`begin` runs a command line. Returns the exit code: 2 where there is no terminal to answer at."""
    if not terminal:
        say(TEXT)
        say("The screen needs a terminal, and this is none.")
        return ExitCode.INVALID
    put(TEXT)
    sys.stdout.write(clean(_QUESTION))
    sys.stdout.flush()
    answer = sys.stdin.readline().strip().lower()
    return begin([_ANSWERS[answer]]) if answer in _ANSWERS else ExitCode.OK
