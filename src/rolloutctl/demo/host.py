"""One host of a simulated service: requests arrive, some fail, counters move.

A host's requests per channel are an independent Poisson process (a service's requests are split among hosts at
random), so each host can be brought forward to any moment on its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from rolloutctl.demo.draws import binomial, multinomial, poisson
from rolloutctl.demo.metrics_page import Family, Kind, Page
from rolloutctl.demo.scenarios import Behaviour
from rolloutctl.demo.users import Channel
from rolloutctl.model.samples import Arm

BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
_SPREAD: Final = 0.55
_SCORE_NOISE: Final = 0.003
_COST_SHAPE: Final = 2.0

_REQUESTS: Final = Family("http_requests_total", Kind.COUNTER, "Requests answered, by status code.")
_DURATION: Final = Family("http_request_duration_seconds", Kind.HISTOGRAM, "Time to answer a request.")
_ANSWERS: Final = Family("answers_total", Kind.COUNTER, "Answers given by the model.")
_COST: Final = Family("llm_cost_dollars_total", Kind.COUNTER, "What the answers cost, in US dollars.")
_SCORE: Final = Family("eval_score", Kind.GAUGE, "Score on the evaluation set, 0 to 1.")


@dataclass(frozen=True, slots=True)
class Identity:
    """How the host appears in metrics."""

    job: str
    instance: str
    version: str
    arm: Arm

    def labels(self) -> dict[str, str]:
        return {"job": self.job, "instance": self.instance, "version": self.version, "arm": self.arm.value}


class Host:
    """Counters of one host. Not thread-safe: the service's lock guards it."""

    def __init__(self, identity: Identity, behaviour: Behaviour, rng: Random, started_at: float) -> None:
        self.identity = identity
        self.page = Page(identity.labels())
        self._behaviour = behaviour
        self._rng = rng
        self._at = started_at
        self._bucket_chances = _bucket_chances(behaviour.latency_s)
        codes = [("", {"channel": each.value, "code": code}) for each in Channel for code in ("200", "500")]
        places = self.page.declare(_REQUESTS, codes)
        self._good = dict(zip(Channel, places[0::2], strict=True))
        self._bad = dict(zip(Channel, places[1::2], strict=True))
        edges = [*(str(edge) for edge in BUCKETS_S), "+Inf"]
        self._buckets: dict[Channel, list[int]] = {}
        histogram: list[tuple[str, Mapping[str, str]]] = []
        for channel in Channel:
            histogram += [("_bucket", {"channel": channel.value, "le": edge}) for edge in edges]
            histogram += [(suffix, {"channel": channel.value}) for suffix in ("_sum", "_count")]
        declared = self.page.declare(_DURATION, histogram)
        for number, channel in enumerate(Channel):
            width = len(edges) + 2
            self._buckets[channel] = declared[number * width : (number + 1) * width]
        self._answers = dict(
            zip(Channel, self.page.declare(_ANSWERS, [("", {"channel": each.value}) for each in Channel]), strict=True)
        )
        (self._cost,) = self.page.declare(_COST, [("", {})])
        (self._score,) = self.page.declare(_SCORE, [("", {"suite": "golden"})])
        self.page.values[self._score] = behaviour.score

    def advance(self, now: float, rates: Mapping[Channel, float], errors: Mapping[Channel, float]) -> None:
        """Live until `now` (seconds) at `rates` requests per second and `errors` chance of failing, by channel."""
        elapsed, self._at = now - self._at, max(now, self._at)
        if elapsed <= 0:
            return
        values, rng = self.page.values, self._rng
        for channel, rate in rates.items():
            requests = poisson(rng, rate * elapsed)
            if requests == 0:
                continue
            bad = binomial(rng, requests, errors[channel])
            values[self._good[channel]] += requests - bad
            values[self._bad[channel]] += bad
            values[self._answers[channel]] += requests - bad
            self._observe(channel, requests)
            if requests > bad:
                mean = self._behaviour.cost / _COST_SHAPE
                values[self._cost] += rng.gammavariate((requests - bad) * _COST_SHAPE, mean)
        values[self._score] = min(1.0, max(0.0, rng.gauss(self._behaviour.score, _SCORE_NOISE)))

    def _observe(self, channel: Channel, requests: int) -> None:
        values, places = self.page.values, self._buckets[channel]
        counts = multinomial(self._rng, requests, self._bucket_chances)
        below = 0
        for place, count in zip(places, counts, strict=False):
            below += count
            values[place] += below
        total, number = places[len(counts)], places[len(counts) + 1]
        values[total] += sum(count * middle for count, middle in zip(counts, _MIDDLES, strict=True))
        values[number] += requests


_MIDDLES: Final = tuple((low + high) / 2 for low, high in zip((0.0, *BUCKETS_S), (*BUCKETS_S, 1.5 * BUCKETS_S[-1]), strict=True))
"""What an observation adds to `_sum`: the middle of its bucket."""


def _bucket_chances(median_s: float) -> list[float]:
    """Chance of each bucket, `+Inf` last, for a lognormal latency."""
    below = [0.5 * (1 + math.erf(math.log(edge / median_s) / (_SPREAD * math.sqrt(2)))) for edge in BUCKETS_S]
    return [high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]
