"""What each scenario of the demo does: a closed list. Durations and rates are those of speed 1.

Speed S divides durations by S and multiplies request rates by S, so that every phase sees the same amount of traffic
at any speed; no clock is warped. Effects come from the canary alone: with the flag off nobody meets them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rolloutctl.demo.users import Channel

MAX_SPEED: Final = 20.0


class Scenario(StrEnum):
    GOOD = "good"
    LATE_REGRESSION = "late-regression"
    NO_DATA = "no-data"
    LOW_TRAFFIC = "low-traffic"
    BAD_HOST = "bad-host"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One version of the service: error chance per request, median seconds, US dollars per answer, score 0 to 1."""

    errors: float
    latency_s: float
    cost: float
    score: float


@dataclass(frozen=True, slots=True)
class Regression:
    """From `after_s` after the canary first had 5 % of the users, its error chance in one channel."""

    channel: Channel
    after_s: float
    errors: float


@dataclass(frozen=True, slots=True)
class Service:
    """One simulated service, its flag, and what its canary does."""

    scenario: Scenario
    job: str
    flag: str
    title: str
    owner: str
    baseline_version: str
    canary_version: str
    requests_per_s: float
    baseline: Behaviour
    canary: Behaviour
    max_errors: float
    """Bound of the plan's error criterion, a share of one."""
    criteria: tuple[str, ...] = ("errors", "latency", "cost", "quality")
    """Which criteria the plan has: expressions over a handful of requests would only be noise."""
    by_channel: bool = True
    """Whether the plan judges each channel separately."""
    regression: Regression | None = None
    vanish_after_s: float | None = None
    """The canary's metrics disappear this long after it first had 5 % of the users."""
    bad_host_factor: float = 1.0
    """The first canary host's errors, times this."""


_BASELINE: Final = Behaviour(errors=0.002, latency_s=0.21, cost=0.00240, score=0.861)
_CANARY: Final = Behaviour(errors=0.002, latency_s=0.20, cost=0.00255, score=0.874)

SERVICES: Final[Mapping[Scenario, Service]] = {
    service.scenario: service
    for service in (
        Service(
            scenario=Scenario.GOOD,
            job="checkout",
            flag="checkout-ranker-v7",
            title="Checkout ranker v7",
            owner="ana.ruiz",
            baseline_version="6.9.4",
            canary_version="7.2.0",
            requests_per_s=600,
            baseline=_BASELINE,
            canary=_CANARY,
            max_errors=0.03,
        ),
        Service(
            scenario=Scenario.LATE_REGRESSION,
            job="assistant",
            flag="assistant-voice-v3",
            title="Assistant dialogue v3",
            owner="ben.okafor",
            baseline_version="2.8.1",
            canary_version="3.0.0",
            requests_per_s=600,
            baseline=_BASELINE,
            canary=_CANARY,
            max_errors=0.03,
            regression=Regression(Channel.VOICE, after_s=150, errors=0.14),
        ),
        Service(
            scenario=Scenario.NO_DATA,
            job="search",
            flag="search-rewrite-v2",
            title="Search query rewriting v2",
            owner="chen.wei",
            baseline_version="1.14.0",
            canary_version="2.0.0",
            requests_per_s=600,
            baseline=_BASELINE,
            canary=_CANARY,
            max_errors=0.03,
            vanish_after_s=120,
        ),
        Service(
            scenario=Scenario.LOW_TRAFFIC,
            job="exports",
            flag="exports-summary-v1",
            title="Export summaries v1",
            owner="dora.lind",
            baseline_version="0.9.0",
            canary_version="1.0.0",
            requests_per_s=0.1,
            baseline=_BASELINE,
            canary=_CANARY,
            max_errors=0.03,
            criteria=("errors", "quality"),
            by_channel=False,
        ),
        Service(
            scenario=Scenario.BAD_HOST,
            job="billing",
            flag="billing-parser-v4",
            title="Billing document parser v4",
            owner="ana.ruiz",
            baseline_version="3.3.2",
            canary_version="4.0.0",
            requests_per_s=600,
            baseline=Behaviour(errors=0.01, latency_s=0.21, cost=0.00240, score=0.861),
            canary=Behaviour(errors=0.01, latency_s=0.20, cost=0.00255, score=0.874),
            max_errors=0.03,
            by_channel=False,
            bad_host_factor=10,
        ),
    )
}
