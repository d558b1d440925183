"""What `init` has to know before it writes. Plain values; whoever makes them has checked them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; None: not said, so it is asked or taken from what is there. "-" leaves something out."""

    operator: str | None = None
    timezone: str | None = None
    prometheus: str | None = None
    prometheus_token: str | None = None
    unleash: str | None = None
    unleash_token: str | None = None
    client_token: str | None = None
    project: str | None = None
    environment: str | None = None
    flag: str | None = None
    requests: str | None = None
    errors: str | None = None
    latency: str | None = None
    arm: str | None = None
    canary: str | None = None
    baseline: str | None = None
    host: str | None = None
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigAnswers:
    """Tokens are names of environment variables; empty: there is none."""

    operator: str
    timezone: str
    prometheus: str
    prometheus_token: str
    unleash: str
    unleash_token: str
    client_token: str
    project: str
    environment: str


@dataclass(frozen=True, slots=True)
class PlanAnswers:
    """Empty: left out."""

    owner: str
    flag: str
    environment: str
    requests: str
    """Selector of a counter, without `$arm`."""
    errors: str
    """Label matcher that makes it the counter of bad ones."""
    latency: str
    """Selector of a histogram's buckets, without `$arm`."""
    arm: str
    canary: str
    baseline: str
    host: str
    segment: str
