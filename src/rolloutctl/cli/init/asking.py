"""One question at a time: what the command line says, else what a person types, else the default.

Questions go to stderr and answers come from stdin, so that stdout is the result alone. An answer that cannot be used is asked
for again; one that came by an option ends it with a sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rolloutctl.cli.out import clean, fitted, say
from rolloutctl.errors import InvalidInput

NOTHING = "-"
"""Leaves something optional out."""
_SHOWN = 8


class Asker:
    def __init__(self, *, interactive: bool) -> None:
        self.interactive = interactive

    def one(
        self,
        option: str,
        question: str,
        given: str | None,
        default: str,
        check: Callable[[str], str],
        *,
        optional: bool = False,
    ) -> str:
        """The checked answer; empty: left out. `check` raises ValueError with what is wrong. Raises InvalidInput."""
        if given is not None:
            return self._checked(option, given, check, optional=optional)
        if not self.interactive:
            if not default and not optional:
                raise InvalidInput(f"{question[:1].lower()}{question[1:]} is not known.", remedy=f"Say it: {option} VALUE.")
            return self._checked(option, default or NOTHING, check, optional=optional)
        while True:
            shown = default or (NOTHING if optional else "")
            _prompt(f"{question}{f' [{shown}]' if shown else ''}: ")
            answer = _line().strip() or shown
            try:
                return self._checked(option, answer, check, optional=optional)
            except InvalidInput as error:
                say(f"  {error.message}")

    def yes(self, question: str) -> bool:
        """Enter means yes; without a person it is yes, too."""
        if not self.interactive:
            return True
        while True:
            _prompt(f"{question} [Y/n]: ")
            answer = _line().strip().lower()
            if answer in {"", "y", "yes", "n", "no"}:
                return answer not in {"n", "no"}
            say("  Answer y or n.")

    def hint(self, what: str, names: Sequence[str]) -> None:
        """Some of the names that an answer may be."""
        if self.interactive and names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            say(f"  {what}: {', '.join(names[:_SHOWN])}{more}")

    @staticmethod
    def _checked(option: str, answer: str, check: Callable[[str], str], *, optional: bool) -> str:
        if optional and answer in {"", NOTHING}:
            return ""
        try:
            return check(answer)
        except ValueError as error:
            # Without the answer: a token may have been typed where the name of a variable is meant.
            raise InvalidInput(f"this cannot be used for {option}: {error}.") from None


def _prompt(text: str) -> None:
    sys.stderr.write(fitted(clean(text)))
    sys.stderr.flush()


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        say("")
        raise InvalidInput("the answers have ended before the last question; nothing was written.")
    return line
