"""Places in a JSON document: `generation`, `items[0].score`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from rolloutctl.constraints import Matching

_STEP = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d{1,6})\]")
JsonPath = Annotated[
    str,
    Matching(
        r"(?:[^.\[\]\s]{1,100}|\[\d{1,6}\])(?:\.[^.\[\]\s]{1,100}|\[\d{1,6}\]){0,20}",
        'a path into JSON; write "generation", "items[0].name"',
    ),
]


def path_steps(path: str) -> tuple[str | int, ...]:
    """The keys and indexes of a JsonPath, outermost first."""
    return tuple(match[1] if match[1] is not None else int(match[2]) for match in _STEP.finditer(path))


def picked(document: Any, path: str) -> Any:
    """What stands there; None where nothing does."""
    found = document
    for step in path_steps(path):
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and step < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found
