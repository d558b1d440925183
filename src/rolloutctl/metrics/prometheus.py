"""`PrometheusSource`: queries of the judge over the Prometheus HTTP API, through prometheus-api-client.

That library is synchronous, so a bounded pool of threads waits for it, one client each. Similar queries share requests; of a
window that was fetched before only the newest part is fetched again. Whatever goes wrong is an answer (`SourceFailure`).
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from rolloutctl import config
from rolloutctl.errors import SourceUnreachable
from rolloutctl.metrics.approximate import approximated, counted
from rolloutctl.metrics.failure import TooLarge, clean, down
from rolloutctl.metrics.fetching import Fetching
from rolloutctl.metrics.limits import Limits
from rolloutctl.metrics.planning import Planner
from rolloutctl.metrics.pool import Pool
from rolloutctl.metrics.question import Announced, Instant, Range, Rules
from rolloutctl.metrics.rules import Named, chosen
from rolloutctl.metrics.window import INGEST_DELAY_S, WindowCache
from rolloutctl.model.outcome import Health
from rolloutctl.model.samples import Answer, Query, QueryKind, Samples, SourceFailure

if TYPE_CHECKING:
    from rolloutctl.metrics.client import Client

POOL_SIZE = 4
_PATIENCE = 6
"""Timeouts: how long one fetch goes on reading history, before the rest of it is left to the next."""


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
        self._patience_s = _PATIENCE * settings.timeout.total_seconds()
        self._limits = Limits()
        self._planner = Planner(self._limits)
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
        self._limits.tick()
        everything = tuple(dict.fromkeys(queries))
        alerts = [query for query in everything if not query.kind.has_past]
        if alerts:
            distinct = tuple(query for query in everything if query.kind.has_past)
            measured, watched = await asyncio.gather(self._measured(distinct), self._alerts(alerts))
            return {**measured, **watched}
        return await self._measured(everything)

    async def _alerts(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        """The list of rules is one request; an Alertmanager is asked alert by alert."""
        asked: dict[Rules | Announced, list[Query]] = defaultdict(list)
        listed = [query for query in queries if query.kind is QueryKind.RULE]
        if listed:
            asked[Rules(tuple(sorted({query.text for query in listed})))] = listed
        answers: dict[Query, Answer] = {}
        for query in queries:
            if query.kind is QueryKind.ANNOUNCED and self._settings.alertmanager is None:
                answers[query] = Samples(())
            elif query.kind is QueryKind.ANNOUNCED:
                asked[Announced(query.text)].append(query)
        found = await asyncio.gather(*(self._pool.run(partial(_named, question=question)) for question in asked))
        for named, wanted in zip(found, asked.values(), strict=True):
            for query in wanted:
                answers[query] = named if isinstance(named, SourceFailure) else chosen(named, query)
        return answers

    async def _measured(self, distinct: Sequence[Query]) -> Mapping[Query, Answer]:
        exact = [query for query in distinct if not (self._limits.is_wide(query.text) and approximated(query))]
        answers = dict(await self._fetched(exact))
        for query, answer in answers.items():
            if isinstance(answer, TooLarge):
                self._limits.wide(query.text)
        left = [query for query in distinct if query not in answers or isinstance(answers[query], TooLarge)]
        instead = {query: made for query in left if (made := approximated(query)) is not None}
        if instead:
            found = await self._fetched(tuple(dict.fromkeys(instead.values())))
            answers |= {query: counted(found[made]) for query, made in instead.items()}
        return answers

    async def _fetched(self, queries: Sequence[Query]) -> Mapping[Query, Answer]:
        fetching = Fetching(
            self._ask,
            self._window,
            self._limits,
            self._planner,
            max_series=self._settings.max_series,
            monotonic=self._monotonic,
            give_up_at=self._monotonic() + self._patience_s,
        )
        return await fetching.answers(queries)

    async def _ask(self, question: Instant | Range, most: int) -> Samples | SourceFailure:
        return await self._pool.run(partial(_samples, question=question, most=most))

    async def close(self) -> None:
        self._pool.close()


def _named(client: Client, question: Rules | Announced) -> Named | SourceFailure:
    return client.rules(question) if isinstance(question, Rules) else client.announced(question)


def _samples(client: Client, question: Instant | Range, most: int) -> Samples | SourceFailure:
    return client.samples(question, most)
