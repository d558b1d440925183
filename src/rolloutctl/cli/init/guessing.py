"""Which of the names that a Prometheus knows are probably meant. Pure; every guess is only a default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_REQUESTS = ("http_requests_total", "http_server_requests_total", "requests_total", "grpc_server_handled_total")
_ARMS = ("version", "app_version", "release", "track", "variant", "arm", "image_tag", "revision", "color")
_HOSTS = ("pod", "instance", "host", "hostname", "replica", "container_id")
_CODES = ("code", "status_code", "status", "http_status_code", "http_response_status_code", "response_code", "grpc_code")
_BAD_WORDS = ("error", "errors", "failure", "failed", "fail")
_OWN = ("prometheus_", "promhttp_", "go_", "process_", "python_", "net_conntrack_", "scrape_", "alertmanager_", "node_")
FALLBACK_ERRORS = 'code=~"5.."'


def requests(counters: Sequence[str]) -> str:
    """The counter that counts requests; empty: none looks like it."""
    ours = [name for name in counters if not name.startswith(_OWN)]
    for wanted in _REQUESTS:
        for name in ours:
            if name == wanted or name.endswith(f"_{wanted}"):
                return name
    return next((name for name in ours if "request" in name), "")


def latency(buckets: Sequence[str], counter: str) -> str:
    """The histogram of seconds that goes with the counter of requests; empty: none looks like it."""
    seconds = [name for name in buckets if name.endswith("_seconds_bucket") and not name.startswith(_OWN)]
    stem = counter.removesuffix("_total").removesuffix("s")
    near = [name for name in seconds if stem and name.startswith(stem)]
    wordy = [name for name in seconds if re.search("request|latency|duration", name)]
    return next(iter([*near, *wordy]), "")


def arm(labels: Mapping[str, Sequence[str]]) -> str:
    """The label that tells canary and baseline apart: best one that has two values already."""
    known = [name for name in _ARMS if name in labels]
    return next((name for name in known if len(labels[name]) > 1), next(iter(known), ""))


def arms(values: Sequence[str]) -> tuple[str, str]:
    """(canary, baseline): the newest and the one before it; empty where there is none."""
    if "canary" in values:
        return "canary", next((value for value in values if value != "canary"), "")
    ordered = sorted(values, key=_natural, reverse=True)
    return (ordered[0], ordered[1]) if len(ordered) > 1 else ("", next(iter(ordered), ""))


def host(labels: Mapping[str, Sequence[str]]) -> str:
    return next((name for name in _HOSTS if name in labels), "")


def errors(labels: Mapping[str, Sequence[str]]) -> str:
    """The matcher of requests that failed; empty: no label looks like it."""
    for name in _CODES:
        values = labels.get(name, ())
        if any(re.fullmatch(r"[1-5]\d\d", value) for value in values):
            return f'{name}=~"5.."'
        if any(re.fullmatch(r"[1-5]xx", value) for value in values):
            return f'{name}="5xx"'
    for name in (*_CODES, "outcome", "result"):
        bad = next((value for value in labels.get(name, ()) if value.lower() in _BAD_WORDS), None)
        if bad is not None:
            return f'{name}="{bad}"'
    return ""


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Numbers by size, so that 1.10 comes after 1.9."""
    parts = re.split(r"(\d+)", text)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
