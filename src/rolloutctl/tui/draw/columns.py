"""Which columns the fleet has room for. Pure.

The name is shown in full wherever it can be, with the verdict and what happens next; the others follow by what they are worth.
What a narrow terminal leaves out stands under the table, for the rollout under the cursor.
"""

from __future__ import annotations

from dataclasses import dataclass

from rolloutctl.tui.draw.ink import Line


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    title: str
    width: int
    """Without the padding."""


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    cells: tuple[Line, ...]


NEXT = 17
"""`rolls back in 42s`: never cut for the sake of a name."""
SMALL_BAKE = 6
"""A bake cell as wide as this has no bar."""
_PADDING = 2
_NAME, _VERDICT = 12, 12
_PHASE, _LONG_PHASE = 10, 24
_BY_WORTH = (("cohort", 9), ("criteria", 11), ("bake", 13), ("bake", SMALL_BAKE))
_WIDEST_NEXT = 60


def fleet_columns(cells: int, *, name: int, phase: int, verdict: int) -> tuple[Column, ...]:
    """Columns for a table `cells` wide, without its borders; `name`, `phase` and `verdict` are what the longest of each needs."""
    widths = {"state": 1, "verdict": max(_VERDICT, verdict), "next": NEXT}
    left = cells - sum(width + _PADDING for width in widths.values()) - _PADDING
    widths["rollout"] = max(_NAME, min(name, left))
    left -= widths["rollout"] + _PADDING
    if left >= _PHASE:
        widths["phase"] = min(max(_PHASE, min(phase, _LONG_PHASE)), left)
        left -= widths["phase"] + _PADDING
    for key, width in _BY_WORTH:
        if key not in widths and left >= width:
            widths[key] = width
            left -= width + _PADDING
    widths["next"] = max(_NAME, min(_WIDEST_NEXT, NEXT + left + _PADDING))
    titles = {"state": "", "rollout": "rollout", "phase": "phase", "cohort": "cohort", "verdict": "verdict"}
    titles |= {"criteria": "criteria", "bake": "bake", "next": "next"}
    return tuple(Column(key, title, widths[key]) for key, title in titles.items() if key in widths)
