"""What a first config can be made of: servers on this machine, and the names that a Prometheus knows.

Invariants: looking goes to 127.0.0.1 only; names are read from nothing but the address that is passed; redirects and proxies are
not followed; nothing is sent but GET; a server that does not answer, or answers oddly, is simply not found.
Paths and shapes: the Prometheus HTTP API ("Status", "Querying metadata"), Unleash's health check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

_LOOPBACK = "127.0.0.1"
_TIMEOUT_S = 3.0
_LARGEST = 8 << 20
_MOST_VALUES = 50
PROMETHEUS_PORTS = (9090,)
UNLEASH_PORTS = (4242,)


@dataclass(frozen=True, slots=True)
class Servers:
    """Base URLs; None: nothing that answers like one."""

    prometheus: str | None = None
    unleash: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Metric names, sorted."""

    counters: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()


def look_here(prometheus: Sequence[int] = PROMETHEUS_PORTS, unleash: Sequence[int] = UNLEASH_PORTS) -> Servers:
    """Who answers on these ports of this machine."""
    with _client(None) as http:
        metrics = (f"http://{_LOOPBACK}:{port}" for port in prometheus)
        flags = (f"http://{_LOOPBACK}:{port}" for port in unleash)
        return Servers(
            prometheus=next((url for url in metrics if _is_prometheus(http, url)), None),
            unleash=next((url for url in flags if _is_unleash(http, url)), None),
        )


def names_at(url: str, token: str | None) -> Names | None:
    """Metric names of the Prometheus at `url`; None: it does not tell."""
    with _client(token) as http:
        values = _data(http, f"{url.rstrip('/')}/api/v1/label/__name__/values")
    if not isinstance(values, list):
        return None
    names = sorted(name for name in values if isinstance(name, str))
    return Names(
        counters=tuple(name for name in names if name.endswith("_total")),
        buckets=tuple(name for name in names if name.endswith("_bucket")),
    )


def labels_of(url: str, token: str | None, selector: str) -> Mapping[str, tuple[str, ...]]:
    """Labels of the series that match, with at most fifty values each."""
    with _client(token) as http:
        series = _data(http, f"{url.rstrip('/')}/api/v1/series", {"match[]": selector, "limit": "2000"})
    found: dict[str, set[str]] = {}
    for labels in series if isinstance(series, list) else ():
        for name, value in labels.items() if isinstance(labels, dict) else ():
            if name != "__name__" and isinstance(value, str) and len(found.setdefault(name, set())) < _MOST_VALUES:
                found[name].add(value)
    return {name: tuple(sorted(values)) for name, values in sorted(found.items())}


def _client(token: str | None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False, headers=headers)


def _is_prometheus(http: httpx.Client, url: str) -> bool:
    data = _data(http, f"{url}/api/v1/status/buildinfo")
    return isinstance(data, dict) and "version" in data


def _is_unleash(http: httpx.Client, url: str) -> bool:
    answer = _json(http, f"{url}/health")
    return isinstance(answer, dict) and answer.get("health") == "GOOD"


def _data(http: httpx.Client, url: str, query: Mapping[str, str] | None = None) -> Any:
    answer = _json(http, url, query)
    return answer.get("data") if isinstance(answer, dict) and answer.get("status") == "success" else None


def _json(http: httpx.Client, url: str, query: Mapping[str, str] | None = None) -> Any:
    """None for anything that is no JSON answer of a tolerable size."""
    try:
        with http.stream("GET", url, params=query) as response:
            if response.status_code != httpx.codes.OK:
                return None
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _LARGEST:
                    return None
        return json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError):
        return None
