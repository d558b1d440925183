"""Where an answer sends us on to, by RFC 9110, 15.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx

from rolloutctl.model.exchange import Answered, Exchange

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Found:
    place: str
    """A whole URL."""


@dataclass(frozen=True, slots=True)
class Dead:
    why: str


def next_place(here: str, ended: Exchange) -> Found | Dead | None:
    """None: it sends nobody anywhere."""
    if not isinstance(ended, Answered) or ended.status not in _REDIRECTS or "location" not in ended.headers:
        return None
    try:
        place = httpx.URL(here).join(ended.headers["location"])
    except (httpx.InvalidURL, ValueError):
        return Dead("it is redirected to something that is no URL")
    if place.scheme not in _PORTS or not place.host or place.userinfo:
        return Dead("it is redirected to something that is not fetched")
    if place.scheme == "http" and httpx.URL(here).scheme == "https":
        return Dead("it is redirected from https to http")
    return Found(str(place))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port."""
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.host.lower(), parsed.port or _PORTS.get(parsed.scheme, 0)
