"""`PrometheusSource`: queries of the judge over the Prometheus HTTP API, through prometheus-api-client.

That library is synchronous, so a bounded pool of threads waits for it, one client each; equal queries are sent once; of a
window that was fetched before only the newest part is fetched again. Whatever goes wrong is an answer (`SourceFailure`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from rolloutctl import config
from rolloutctl.errors import SourceUnreachable
from rolloutctl.metrics.failure import clean, down
from rolloutctl.metrics.pool import Pool
from rolloutctl.metrics.question import Instant, Range
from rolloutctl.metrics.window import INGEST_DELAY_S, WindowCache
from rolloutctl.model.outcome import Health
from rolloutctl.model.samples import Answer, Labels, Query, QueryKind, Samples, Series, SourceFailure

if TYPE_CHECKING:
    from rolloutctl.metrics.client import Client

POOL_SIZE = 4
MAX_POINTS = 10_000
"""Per range query; Prometheus refuses more than 11,000 per series."""
_ROUNDING_S = 0.001
"""Grid times come back in milliseconds."""


class PrometheusSource:
    """Implements `ports.Source`. `secrets` reads a secret when it is needed, on one of the pool's threads."""

    def __init__(
        self,
        settings: config.PrometheusSource,
        secrets: Callable[[config.Secret], str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        ingest_delay: float = INGEST_DELAY_S,
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._monotonic = monotonic
        self._window = WindowCache(ingest_delay=ingest_delay)
        self._pool: Pool[Client] = Pool(
            self._client, size=POOL_SIZE, timeout_s=settings.timeout.total_seconds(), monotonic=monotonic
        )

    def _client(self) -> Client:
        # requests and prometheus-api-client cost start-up time: they are loaded with the first query, on its thread.
        from rolloutctl.metrics.client import Client  # noqa: PLC0415

        return Client(self._settings, self._secrets)

    async def probe(self) -> Health:
        begun = self._monotonic()
        found = await self._now()
        took = self._monotonic() - begun
        url = clean(self._settings.url)
        if isinstance(found, SourceFailure):
            return Health(ok=False, latency_s=took, text=found.why, facts={"url": url})
        shown = found.isoformat(timespec="seconds")
        return Health(ok=True, latency_s=took, text=f"answers queries; its clock says {shown}.", facts={"url": url})

    async def now(self) -> datetime:
        found = await self._now()
        if isinstance(found, SourceFailure):
            raise SourceUnreachable(found.why)
        return found

    async def _now(self) -> datetime | SourceFailure:
        found = await self._pool.run(lambda client: client.number("time()"))
        if isinstance(found, SourceFailure):
            return found
        try:
            return datetime.fromtimestamp(found, UTC)
        except (ValueError, OverflowError, OSError):
            return down("the source answered a time that is none.")

    async def fetch(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        distinct = list(dict.fromkeys(queries))
        answers = await asyncio.gather(*(self._answer(query) for query in distinct))
        return dict(zip(distinct, answers, strict=True))

    async def close(self) -> None:
        self._pool.close()

    async def _answer(self, query: Query) -> Answer:
        since = self._window.missing_from(query)
        found = await self._fetched(query, since)
        if isinstance(found, SourceFailure):
            return found
        if found.warnings or (since > query.start and not self._window.knows(query)):
            # Partial, or forgotten meanwhile: nothing to piece together with.
            return found if since <= query.start else await self._fetched(query, query.start)
        return Samples(self._window.merged(query, since, found.series))

    async def _fetched(self, query: Query, since: float) -> Answer:
        """Everything of the query from `since` on."""
        series: list[Series] = []
        warnings: dict[str, None] = {}
        for question in _questions(query, since):
            found = await self._pool.run(partial(_samples, question=question))
            if isinstance(found, SourceFailure):
                return found
            series += found.series
            warnings.update(dict.fromkeys(found.warnings))
        return Samples(_pieced(series, query, since), tuple(warnings))


def _samples(client: Client, question: Instant | Range) -> Samples | SourceFailure:
    return client.samples(question)


def _questions(query: Query, since: float) -> Iterator[Instant | Range]:
    """What to send for a query from `since` on; nothing where that is after its end."""
    if since > query.end:
        return
    if query.kind is QueryKind.RAW:
        # One millisecond more than needed: a range is open at its beginning from Prometheus 3 on.
        milliseconds = math.ceil((query.end - since) * 1000) + 1
        yield Instant(f"{query.text}[{milliseconds}ms]", query.end)
        return
    text = f"timestamp({query.text})" if query.kind is QueryKind.TIMESTAMP else query.text
    points = math.floor((query.end - since) / query.step + 1e-6) + 1
    for first in range(0, points, MAX_POINTS):
        last = min(points, first + MAX_POINTS) - 1
        yield Range(text, since + first * query.step, since + last * query.step, query.step)


def _pieced(series: Sequence[Series], query: Query, since: float) -> tuple[Series, ...]:
    """Pieces of the same series as one, in order of time, and nothing outside of what was asked for."""
    pieces: dict[Labels, list[Series]] = {}
    for one in series:
        pieces.setdefault(one.labels, []).append(one)
    begin, end = (since, query.end) if query.kind is QueryKind.RAW else (since - _ROUNDING_S, query.end + _ROUNDING_S)
    found = []
    for labels, parts in pieces.items():
        kept = [(t, v) for part in parts for t, v in zip(part.times, part.values, strict=True) if begin <= t <= end]
        if kept:
            found.append(Series(labels, tuple(t for t, _ in kept), tuple(v for _, v in kept)))
    return tuple(found)
