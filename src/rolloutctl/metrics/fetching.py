"""Answering a set of queries: what is known stays known, what is missing is asked in as few requests as the limits allow.

Invariants: a query's answer is what it would be if it were asked alone and whole. A request that was refused because of what
else was in it is asked again in parts, in the same fetch, and nobody sees that. A long stretch is read in chunks, each of which
stays known, so that a fetch that is broken off is continued by the next one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from rolloutctl.metrics.errand import Errand, Part
from rolloutctl.metrics.failure import TooLarge, down, invalid
from rolloutctl.metrics.limits import Limits
from rolloutctl.metrics.planning import Planner
from rolloutctl.metrics.question import Instant, Range
from rolloutctl.metrics.scraped import raw_part, timestamps
from rolloutctl.metrics.selector import CannotTell
from rolloutctl.metrics.uncollected import uncollected
from rolloutctl.metrics.window import WindowCache
from rolloutctl.model.samples import Answer, FailureKind, Query, QueryKind, Samples, Series, SourceFailure
from rolloutctl.units import show_clock

Ask = Callable[[Instant | Range, int], Awaitable[Samples | SourceFailure]]
_SERIES_PER_COUNTER = 20
_SERIES_PER_EXPRESSION = 5
_COST_OF_TIMESTAMP = 20
_USUAL_INTERVAL_S = 15.0
_SHORTEST_CHUNK_S = 60.0
_CHUNK_SAMPLES = 250_000
"""What a request should bring: about 8 MB."""
_CHUNK_TOOK_S = 1.0
"""What a request should take: expressions bring little and cost the server much."""
_GROWTH, _CAREFUL_GROWTH = 8.0, 2.0
"""From chunk to chunk; carefully for expressions: what `timestamp()` costs Prometheus grows with the square of the points."""
_MAX_MERGED_SERIES = 50_000
_MAX_UNWANTED = 50
"""Series that come along and nobody wanted, besides twice as many as somebody wanted."""


@dataclass(frozen=True, slots=True)
class _Dated:
    """A TIMESTAMP query that is known from `since` to `cut` once `raw` is answered."""

    query: Query
    since: float
    raw: Query
    cut: float


class Fetching:
    """One fetch."""

    def __init__(
        self,
        ask: Ask,
        cache: WindowCache,
        limits: Limits,
        planner: Planner,
        *,
        max_series: int,
        monotonic: Callable[[], float],
        give_up_at: float,
    ) -> None:
        self._ask = ask
        self._cache = cache
        self._limits = limits
        self._planner = planner
        self._max_series = max_series
        self._monotonic = monotonic
        self._give_up_at = give_up_at
        self._answers: dict[Query, Answer] = {}

    async def answers(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        """`queries` are distinct."""
        # Planning, decoding and handing out are work for the processor: not on the engine's loop.
        await self._date(await asyncio.to_thread(self._long, queries))
        errands = await asyncio.to_thread(self._planned, queries)
        await asyncio.gather(*(self._run(errand) for errand in errands))
        return self._answers

    def _planned(self, queries: Sequence[Query]) -> list[Errand]:
        parts = []
        with self._cache.lock, uncollected():
            for query in queries:
                window = self._cache.window(query)
                since = window.missing_from()
                if since > query.end:
                    self._answers[query] = Samples(window.series(query.end))
                else:
                    parts.append(Part(query, since, window))
            return self._planner.planned(parts)

    def _long(self, queries: Sequence[Query]) -> list[_Dated]:
        """Queries whose scrapes of a long time nobody knows yet."""
        found = []
        with self._cache.lock:
            for query in queries:
                since = self._cache.window(query).missing_from()
                instead = raw_part(query, since)
                if instead is not None:
                    found.append(_Dated(query, since, *instead))
        return found

    async def _date(self, dated: Sequence[_Dated]) -> None:
        """Make what is old of them known from raw samples. Where that fails all of it is asked as it was wanted."""
        if not dated:
            return
        raw = Fetching(
            self._ask,
            # Kept only until it has been read: those who want the samples themselves ask from another time on.
            WindowCache(),
            self._limits,
            self._planner,
            max_series=self._max_series,
            monotonic=self._monotonic,
            give_up_at=self._give_up_at,
        )
        answers = await raw.answers(tuple(dict.fromkeys(one.raw for one in dated)))
        await asyncio.to_thread(self._keep_dated, dated, answers)

    def _keep_dated(self, dated: Sequence[_Dated], answers: Mapping[Query, Answer]) -> None:
        with self._cache.lock, uncollected():
            for one in dated:
                answer = answers[one.raw]
                if not isinstance(answer, Samples) or answer.warnings:
                    continue
                series = timestamps(answer.series, one.query, one.since, one.cut)
                if series is not None:
                    window = self._cache.window(one.query)
                    window.add(one.since, one.cut, series, one.query.end)
                    self._cache.keep(one.query, window)

    async def _run(self, errand: Errand) -> SourceFailure | None:
        """Every part has an answer afterwards."""
        failure = await self._read(errand)
        if failure is None:
            return None
        smaller = errand.smaller() if _is_refusal(failure) else []
        if not smaller:
            if failure.kind is FailureKind.INVALID and not isinstance(failure, TooLarge):
                self._limits.refused(errand.parts[0].query.text)
            for part in errand.parts:
                self._answers[part.query] = failure
            return failure
        failures = await asyncio.gather(*(self._run(one) for one in smaller))
        if not any(failures):
            self._limits.too_many(errand.family, len(smaller))
        return next((one for one in failures if one is not None), None)

    async def _read(self, errand: Errand) -> SourceFailure | None:
        """Chunk by chunk; None when every part has its answer."""
        begin, parts = errand.begin, errand.parts
        length = _first_length(errand, len(parts))
        while True:
            end = errand.chunk_end(begin, length)
            asked = self._monotonic()
            found = await self._ask(errand.question(begin, end), self._most(errand))
            took = self._monotonic() - asked
            if isinstance(found, TooLarge) and found.kind is FailureKind.DOWN and end - begin > _SHORTEST_CHUNK_S:
                length = max(_SHORTEST_CHUNK_S, errand.step, (end - begin) / _GROWTH)
                continue
            if isinstance(found, SourceFailure):
                return found
            if any("PromQL" in warning for warning in found.warnings) and len(parts) > 1:
                return invalid(found.warnings[0])
            try:
                given, unwanted = await asyncio.to_thread(errand.handed_out, found.series)
            except CannotTell:
                return invalid("the source answered series that cannot be told apart.")
            done = end >= errand.end or bool(found.warnings)
            await asyncio.to_thread(self._keep, errand, given, begin, end, found.warnings, done)
            self._waste(errand, len(found.series), unwanted)
            if done:
                return None
            if self._monotonic() > self._give_up_at:
                return down(f"reading history takes long: {show_clock(errand.end - end)} of it are left; the next look goes on.")
            enough = min(_CHUNK_SAMPLES / (sum(map(len, found.series)) + 1), _CHUNK_TOOK_S / max(took, 0.001))
            growth = _GROWTH if errand.kind is QueryKind.RAW else _CAREFUL_GROWTH
            length = (end - begin) * min(growth, max(1 / _GROWTH, enough))
            begin = math.nextafter(end, math.inf) if errand.kind is QueryKind.RAW else end + errand.step

    def _most(self, errand: Errand) -> int:
        places = sum(len(one.share.places) for one in errand.placed)
        return self._max_series if places == 1 else min(self._max_series * places, max(self._max_series, _MAX_MERGED_SERIES))

    def _waste(self, errand: Errand, series: int, unwanted: int) -> None:
        if unwanted > 2 * (series - unwanted) + _MAX_UNWANTED:
            for one in errand.placed:
                self._limits.too_many(one.share.family, len(one.share.places))

    def _keep(
        self,
        errand: Errand,
        given: Sequence[Mapping[str, Sequence[Series]]],
        begin: float,
        end: float,
        warnings: tuple[str, ...],
        done: bool,
    ) -> None:
        with self._cache.lock, uncollected():
            for one, series in zip(errand.placed, given, strict=True):
                shift_s = one.shift_ms / 1000
                for text, parts in one.parts.items():
                    for part in parts:
                        since, until = max(_own(part, begin - shift_s), part.since), _own(part, end - shift_s)
                        self._keep_one(part, since, until, shift_s, series.get(text, ()), warnings, done)

    def _keep_one(
        self,
        part: Part,
        since: float,
        until: float,
        shift_s: float,
        series: Sequence[Series],
        warnings: tuple[str, ...],
        done: bool,
    ) -> None:
        query, window = part.query, part.window
        if len(series) > self._max_series:
            why = f"it returns {len(series):,} series, more than the {self._max_series:,} that `max_series` allows"
            self._answers[query] = TooLarge(FailureKind.INVALID, f"the query is too wide: {why}.")
            return
        if self._answers and isinstance(self._answers.get(query), TooLarge):
            return
        if warnings:
            # A partial answer is told, and never becomes part of what is known.
            self._answers[query] = Samples(window.with_partial(since, series), warnings)
            return
        if since <= until:
            # What was evaluated at a later time with an offset is as provisional as what is that much younger.
            window.add(since, until, series, query.end - shift_s)
            self._cache.keep(query, window)
        if done:
            self._answers[query] = Samples(window.series(query.end))


def _own(part: Part, at: float) -> float:
    """The time of the part's own grid that is meant: requests have theirs in whole milliseconds."""
    query = part.query
    if query.kind is QueryKind.RAW:
        return at
    return query.start + round((at - query.start) / query.step) * query.step


def _first_length(errand: Errand, parts: int) -> float:
    """Of the first chunk, before it is known how much an errand brings."""
    if errand.kind is QueryKind.RAW:
        return _CHUNK_SAMPLES / (_SERIES_PER_COUNTER * parts) * _USUAL_INTERVAL_S
    each = _COST_OF_TIMESTAMP if errand.kind is QueryKind.TIMESTAMP else _SERIES_PER_EXPRESSION
    return _CHUNK_SAMPLES / (each * parts) * errand.step


def _is_refusal(failure: SourceFailure) -> bool:
    """Whether asking for less at once may help."""
    return isinstance(failure, TooLarge) or failure.kind is FailureKind.INVALID
