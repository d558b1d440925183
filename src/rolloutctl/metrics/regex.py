"""Regular expressions that Prometheus (RE2 syntax, the whole value) and Python certainly read alike; pure.

Contract: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors ("fully anchored") and
https://github.com/google/re2/wiki/Syntax. Whatever is not plain here (flags, classes with names, lazy or doubled
quantifiers, assertions, repeated groups) is left to the source: Python might read it otherwise, or search for ever.
"""

from __future__ import annotations

import re
from functools import lru_cache

_CLASS = r"\[(?:[A-Za-z0-9_](?:-[A-Za-z0-9])?)+\]"
_ATOM = rf"(?:[A-Za-z0-9_\-/:,=@#%&~!<>\"' ]|\\[.\-/+*?|()\[\]{{}}^$\\]|{_CLASS}|\.)"
_PIECE = rf"{_ATOM}(?:[*+?]|\{{[0-9]{{1,2}}(?:,[0-9]{{0,2}})?\}})?"
_BRANCHES = rf"(?:{_PIECE})*(?:\|(?:{_PIECE})*)*"
_PLAIN = re.compile(rf"(?:{_PIECE}|\((?:\?:)?{_BRANCHES}\)\??|\|)*")
_UNBOUNDED = re.compile(r"[*+}]")
_MAX_UNBOUNDED = 4
"""Each of them may multiply the time a match takes by the length of the value."""


@lru_cache(maxsize=1024)
def same_everywhere(pattern: str) -> re.Pattern[str] | None:
    """To be used with `fullmatch`; None where the two might differ."""
    if not _PLAIN.fullmatch(pattern) or len(_UNBOUNDED.findall(pattern)) > _MAX_UNBOUNDED:
        return None
    try:
        return re.compile(pattern, re.ASCII)
    except (re.error, OverflowError):
        return None


def decidable(value: str) -> bool:
    """Whether a label's value is one that both read alike: "." is a line break for newer Prometheus and not for older."""
    return "\n" not in value


def alternation(values: list[str]) -> str:
    """A regular expression for exactly these values."""
    return "|".join(escaped(value) for value in values)


def escaped(value: str) -> str:
    """As RE2 wants it: Python's own escaping also escapes characters that RE2 does not let one escape."""
    return re.sub(r"[.+*?()|\[\]{}^$\\]", r"\\\g<0>", value)
