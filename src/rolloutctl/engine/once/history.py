"""A source's history for phases that slide over it: what the next one needs is fetched, what the last one had is kept.

Invariants: an answer is what the source would give to that query alone. `answers` is asked for phases in order of time; what
lies before the newest phase's beginning is forgotten. Nothing is asked for longer than `PIECE_S` at once, so that a fetch of
weeks is no single request. What the source has summed itself cannot be pieced together and is fetched for each phase anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rolloutctl.engine.evidence.parts import between, joined
from rolloutctl.errors import SourceUnreachable
from rolloutctl.model.samples import Answer, FailureKind, Query, QueryKind, Samples, SourceFailure
from rolloutctl.ports import Source

PIECE_S = 6 * 3600.0
_TICK_S = 0.0005
"""Grid times come back rounded to milliseconds."""
_ALIGNED = 1e-6
_Key = tuple[QueryKind, str, float, tuple[str, ...] | None, float]


@dataclass(frozen=True, slots=True)
class _Known:
    """Of one query, whatever its start and end."""

    begin: float
    until: float
    samples: Samples
    anchor: float
    """A time on its grid."""


class History:
    """`requests` counts queries sent, for whoever wants to know."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[_Key, _Known] = {}
        self._alone: set[_Key] = set()
        self._phase_start = 0.0
        self.requests = 0

    async def answers(self, queries: Sequence[Query], phase_start: float) -> Mapping[Query, Answer]:
        """Raises SourceUnreachable when the source does not answer."""
        self._phase_start = phase_start
        found: dict[Query, Answer] = {}
        # What only a journal holds was not recorded then.
        found |= {query: Samples(()) for query in queries if not query.kind.of_source}
        asked = [query for query in queries if query.kind.of_source]
        whole = [query for query in asked if not query.kind.has_past or self._key(query) in self._alone]
        pieced = [query for query in asked if query not in whole]
        for pieces in _in_step([list(self._missing(query)) for query in pieced]):
            answers = await self._fetch([piece for _, piece in pieces])
            for query, piece in pieces:
                answer = answers[piece]
                if isinstance(answer, SourceFailure):
                    found[query] = answer
                else:
                    self._add(self._key(query), piece, answer)
        for query in pieced:
            if query in found:
                self._known.pop(self._key(query), None)
            elif self._key(query) in self._alone:
                whole.append(query)
            else:
                found[query] = self._cut(query)
        return found | dict(await self._fetch(whole))

    async def _fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        if not queries:
            return {}
        self.requests += len(queries)
        answers = await self._source.fetch(queries)
        for answer in answers.values():
            if isinstance(answer, SourceFailure) and answer.kind is FailureKind.DOWN:
                raise SourceUnreachable(answer.why)
        return answers

    def _missing(self, query: Query) -> Iterator[tuple[Query, Query]]:
        """(the query, a piece of what is not known yet); from its beginning where what is known does not fit."""
        known = self._known.get(self._key(query))
        if known is None or not _fits(known, query):
            self._known.pop(self._key(query), None)
            start = query.start
        elif known.until >= query.end:
            return
        else:
            self._known[self._key(query)] = _trimmed(known, query)
            start = _after(query, known.until)
        while start <= query.end + _slack(query):
            end = min(query.end, _piece_end(query, start))
            yield query, replace(query, start=start, end=end)
            start = _after(query, end)

    def _add(self, key: _Key, piece: Query, answer: Samples) -> None:
        if answer.approximate:
            self._alone.add(key)
            self._known.pop(key, None)
            return
        known = self._known.get(key)
        if known is None:
            self._known[key] = _Known(piece.start, piece.end, answer, piece.start)
        else:
            self._known[key] = replace(known, until=piece.end, samples=joined([known.samples, answer]))

    def _key(self, query: Query) -> _Key:
        """What is the same from phase to phase: also how long before the phase it begins."""
        return query.kind, query.text, query.step, query.by, round(query.start - self._phase_start, 3)

    def _cut(self, query: Query) -> Samples:
        known = self._known[self._key(query)]
        return between(known.samples, math.nextafter(query.start - _slack(query), -math.inf), query.end + _slack(query))


def _slack(query: Query) -> float:
    return 0.0 if query.kind is QueryKind.RAW else _TICK_S


def _fits(known: _Known, query: Query) -> bool:
    if query.start < known.begin - _slack(query) or query.start > known.until:
        return False
    steps = (query.start - known.anchor) / query.step if query.step else 0.0
    return abs(steps - round(steps)) < _ALIGNED


def _trimmed(known: _Known, query: Query) -> _Known:
    samples = between(known.samples, math.nextafter(query.start - _slack(query), -math.inf), math.inf)
    return replace(known, begin=query.start, samples=samples)


def _after(query: Query, time: float) -> float:
    return time + query.step if query.step else math.nextafter(time, math.inf)


def _piece_end(query: Query, start: float) -> float:
    return start + math.floor(PIECE_S / query.step) * query.step if query.step else start + PIECE_S


def _in_step(pieces: Sequence[Sequence[tuple[Query, Query]]]) -> Iterator[list[tuple[Query, Query]]]:
    """The first pieces of all queries together, then the second ones: similar queries share requests."""
    for turn in range(max(map(len, pieces), default=0)):
        yield [each[turn] for each in pieces if turn < len(each)]
