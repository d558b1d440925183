"""One series of requests to a source on behalf of many queries: what is asked, and whose answers are whose; pure.

Several expressions become one as `label_replace(A, tag, "0", "", "") or label_replace(B, tag, "1", "", "")`: no two of them
have a series with the same labels, so nothing is lost, and the tag says whose it is. Expressions whose grids lie beside each
other (every phase has a grid of its own) are shifted onto one grid by `offset`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rolloutctl.metrics.question import Instant, Range
from rolloutctl.metrics.selector import CannotTell, quoted
from rolloutctl.metrics.share import Share, alone
from rolloutctl.metrics.uncollected import uncollected
from rolloutctl.metrics.window import Window
from rolloutctl.model.samples import Labels, Query, QueryKind, Series

TAG = "rolloutctl_query"
MAX_POINTS = 10_000
"""Per range query; Prometheus refuses more than 11,000 per series."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What is wanted of a query: from `since` to its end; and what is known of it."""

    query: Query
    since: float
    window: Window


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A share, and how far its times lie before those of the request."""

    share: Share
    parts: Mapping[str, Sequence[Part]]
    """By query text."""
    shift_ms: int
    text: str
    """What is sent for it: of the same times as the request's."""


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """Times are those of the request; `step` is 0 for raw samples."""

    kind: QueryKind
    placed: tuple[Placed, ...]
    begin: float
    end: float
    step: float
    family: str

    @property
    def parts(self) -> list[Part]:
        return [part for one in self.placed for parts in one.parts.values() for part in parts]

    @property
    def text(self) -> str:
        if len(self.placed) == 1:
            return self.placed[0].text
        return _any_of(
            [f'label_replace({one.text}, {quoted(TAG)}, "{number}", "", "")' for number, one in enumerate(self.placed)]
        )

    def question(self, begin: float, end: float) -> Instant | Range:
        if self.kind is QueryKind.RAW:
            # One millisecond more than needed: a range is open at its beginning from Prometheus 3 on.
            milliseconds = math.ceil((end - begin) * 1000) + 1
            return Instant(f"{self.text}[{milliseconds}ms]", end)
        return Range(self.text, begin, end, self.step)

    def chunk_end(self, begin: float, length_s: float) -> float:
        """The end of a request that begins there and is about as long."""
        if self.kind is QueryKind.RAW:
            return min(self.end, begin + length_s)
        points = max(1, min(MAX_POINTS - 1, math.floor(length_s / self.step)))
        whole = math.floor((self.end - begin) / self.step + 1e-6)
        return self.end if points >= whole else begin + points * self.step

    def handed_out(self, series: Sequence[Series]) -> tuple[list[Mapping[str, Sequence[Series]]], int]:
        """For each placed share the series by query text, at the queries' own times, and how many nobody wanted.

        Raises CannotTell.
        """
        found: list[Mapping[str, Sequence[Series]]] = []
        unwanted = 0
        with uncollected():
            for one, mine in zip(self.placed, self._by_place(series), strict=True):
                given, left = one.share.handed_out(mine)
                found.append(given)
                unwanted += left
        return found, unwanted

    def _by_place(self, series: Sequence[Series]) -> Iterator[list[Series]]:
        if len(self.placed) == 1:
            yield [_moved(one, one.labels, self.placed[0].shift_ms) for one in series]
            return
        piles: list[list[Series]] = [[] for _ in self.placed]
        for one in series:
            place, labels = _untagged(one.labels)
            if not 0 <= place < len(piles):
                raise CannotTell
            piles[place].append(_moved(one, labels, self.placed[place].shift_ms))
        yield from piles

    def smaller(self) -> list[Errand]:
        """The same in more requests: one for each share, or, of one share, one for each text; none where it is one already."""
        if len(self.placed) > 1:
            return [replace(self, placed=(one,), family=one.share.family) for one in self.placed]
        by_text = self.placed[0].parts
        return [of_one_text(parts) for parts in by_text.values()] if len(by_text) > 1 else []


def of_one_text(parts: Sequence[Part]) -> Errand:
    """Parts of queries that differ in nothing but their beginning."""
    query = parts[0].query
    text = f"timestamp({query.text})" if query.kind is QueryKind.TIMESTAMP else query.text
    placed = Placed(alone(query.text), {query.text: parts}, 0, text)
    return Errand(query.kind, (placed,), min(part.since for part in parts), query.end, query.step, query.text)


def by_text(parts: Sequence[Part]) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        found[part.query.text].append(part)
    return found


def _any_of(texts: Sequence[str]) -> str:
    """As a balanced tree: a server looks at everything on the left of each `or` again."""
    if len(texts) == 1:
        return texts[0]
    half = len(texts) // 2
    return f"({_any_of(texts[:half])} or {_any_of(texts[half:])})"


@lru_cache(maxsize=100_000)
def _untagged(labels: Labels) -> tuple[int, Labels]:
    """The number of the share, -1 where there is none, and the labels without it."""
    tag = next((value for name, value in labels if name == TAG), "")
    return int(tag) if tag.isdecimal() else -1, tuple(pair for pair in labels if pair[0] != TAG)


def _moved(series: Series, labels: Labels, shift_ms: int) -> Series:
    if shift_ms == 0:
        return series if labels is series.labels else series.relabelled(labels)
    times, values = series.arrays()
    histograms = tuple(replace(one, time=one.time - shift_ms / 1000) for one in series.histograms)
    return Series.of_arrays(labels, np.round(times - shift_ms / 1000, 3), values, histograms)
