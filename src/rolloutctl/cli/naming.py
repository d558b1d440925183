"""Which rollout is meant by a name on the command line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolloutctl.errors import InvalidInput

WITHOUT_JOURNAL = "Without any journal: `rolloutctl off PROVIDER FLAG --env ENV`, or `rolloutctl rollback --plan FILE`."
"""What takes exposure away when the rollout's journal is not here."""


class NoSuchRollout(InvalidInput):
    pass


def resolved(known: Sequence[str], name: str) -> str:
    """The id of `name#n`, or of the newest attempt of `name`. Raises NoSuchRollout naming what there is."""
    if name in known:
        return name
    attempts = [(int(number), each) for each in known for plan, _, number in [each.rpartition("#")] if plan == name]
    if attempts:
        return max(attempts)[1]
    shown = ", ".join(known[-8:]) or "none yet"
    near = did_you_mean(name, [*(each.rpartition("#")[0] for each in reversed(known)), *reversed(known)])
    raise NoSuchRollout(
        f'there is no rollout "{name}" in this journal.',
        remedy=f"{near}Rollouts: {shown}. Start one with `rolloutctl start PLAN`.",
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with a space behind it, or nothing. It is only ever asked: no guess is acted on."""
    from difflib import get_close_matches

    near = get_close_matches(name, dict.fromkeys(known), n=1)
    return f'Did you mean "{near[0]}"? ' if near else ""
