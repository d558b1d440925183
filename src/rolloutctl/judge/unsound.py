"""Samples that are there and cannot be judged: what is too much of it, and what is said, whichever test judges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolloutctl.judge.threshold import Missing
from rolloutctl.model.verdict import State

BROKEN_SHARE = 0.2
"""Of a window's samples: more that are no numbers, and the window is NOT_A_NUMBER."""
CLIPPED_SHARE = 0.01
"""Of the judged cells: more with bad events above all events, and nothing passes."""
CLIPPED_FROM = 1.0 + 1e-9
FEWEST_CLIPPED = 2


def clipped_often(times: int, cells: int) -> str:
    return f"in {times} of {cells} cells bad events outnumber all events: the counters do not belong together"


def undated(what: str, selector: str) -> Missing:
    return Missing(
        State.NO_DATA,
        f"{what} has a value, but {selector} has no sample: nothing tells how old the value is.",
        "A sample of it, or `fresh` naming the selector that dates the value.",
    )


def several(what: str, differ_in: Sequence[str]) -> Missing:
    labels = ", ".join(differ_in)
    return Missing(
        State.AMBIGUOUS,
        f"{what} has several series where one is meant; they differ in {labels}.",
        f"An expression that sums or selects by {labels}.",
    )


def empty(what: str) -> Missing:
    """Fresh samples behind the expression, and still nothing comes out of it."""
    return Missing(
        State.NO_DATA,
        f"the expression gives no value for {what}, although its selectors have fresh samples.",
        "An expression that gives a number; look for a comparison or labels that match nothing.",
    )


def differing(kinds: Iterable[tuple[tuple[str, str], ...]]) -> tuple[str, ...]:
    """Names of the labels in which they are not all alike."""
    known = [dict(kind) for kind in kinds]
    names = sorted({name for kind in known for name in kind})
    return tuple(name for name in names if len({kind.get(name, "") for kind in known}) > 1)
