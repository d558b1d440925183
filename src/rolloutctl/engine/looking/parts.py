"""The integration map: what the config and the adapters say of each source, provider and the journal, and how it last failed.

No secret is read here: only the kind of a credential is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from rolloutctl.config import PrometheusSource, UnleashProvider
from rolloutctl.engine.view.snapshot import PartHealth
from rolloutctl.engine.world.world import World
from rolloutctl.model.outcome import Capabilities
from rolloutctl.units import show_duration

Told = tuple[tuple[str, str], ...]


class Parts:
    """`seen` completes what polling found; it remembers the newest failure of each part."""

    def __init__(self, world: World) -> None:
        config = world.config
        self._told: dict[tuple[str, str], Told] = {
            ("journal", "journal"): (
                ("address", config.journal.url or "rolloutctl's state folder"),
                ("file mode", config.journal.mode),
                ("limits", f"a driver that is silent for {show_duration(config.journal.lease)} has lost its rollouts"),
            )
        }
        self._told |= {("source", name): tuple(_source(config.sources[name])) for name in config.sources}
        self._told |= {
            ("provider", name): tuple(_provider(settings, world.providers[name].capabilities))
            for name, settings in config.providers.items()
            if name in world.providers
        }
        self._failures: dict[tuple[str, str], tuple[str, datetime | None]] = {}

    def seen(self, part: PartHealth) -> PartHealth:
        key = (part.kind, part.name)
        if part.health is not None and not part.health.ok:
            self._failures[key] = (part.health.text, part.at)
        failure, failed_at = self._failures.get(key, ("", None))
        return replace(part, told=self._told.get(key, ()), failure=failure, failed_at=failed_at)


def _source(settings: PrometheusSource) -> Iterator[tuple[str, str]]:
    yield "type", settings.type
    yield "address", settings.url
    yield "auth", settings.auth.type if settings.auth is not None else "none"
    timeouts = f"answer {show_duration(settings.timeout)}, connection {show_duration(settings.connect_timeout)}"
    yield "limits", f"{timeouts}; a query may return {settings.max_series:,} series"


def _provider(settings: UnleashProvider, can: Capabilities) -> Iterator[tuple[str, str]]:
    yield "type", f"{settings.type}, project {settings.project}"
    yield "address", settings.url
    client = f"; client API {settings.client_auth.type}" if settings.client_auth is not None else ""
    yield "auth", f"admin API {settings.auth.type}{client}"
    step = float(can.percent_step)
    yield (
        "limits",
        (
            f"answer {show_duration(settings.timeout)}, connection {show_duration(settings.connect_timeout)}; "
            f"steps of {step:g} %; clients follow within {show_duration(settings.settle_time)}"
        ),
    )
    yield "verified by", can.verify or "reading back through the admin API only"
