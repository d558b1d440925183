"""How long a first look at the world may take."""

from __future__ import annotations

from rolloutctl.config import Config

_SPARE_S = 5.0


def first_look_s(config: Config) -> float:
    """Seconds until every source and provider has answered or has failed to."""
    sources = [each.timeout + each.connect_timeout for each in config.sources.values()]
    providers = [each.timeout + each.connect_timeout for each in config.providers.values()]
    return _SPARE_S + max((span.total_seconds() for span in (*sources, *providers)), default=0.0)
