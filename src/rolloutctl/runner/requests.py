"""From the requests of a runbook to requests of an adapter, and to a line for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from rolloutctl.model import exchange
from rolloutctl.runbook.http import ReadRequest, Request
from rolloutctl.runbook.placeholders import Landing, render, render_json

_REDIRECTS = 5


def rendered(
    request: Request | ReadRequest, values: Mapping[str, str], timeout: timedelta, max_body: int, key: str = ""
) -> exchange.Request:
    """With its values, each escaped for where it lands. Raises ValueError for a value that is missing or cannot stand there."""
    body = request.json_body if isinstance(request, Request) else None
    return exchange.Request(
        method=request.method,
        path=render(request.path, values, Landing.URL_PATH),
        query=tuple((name, render(text, values, Landing.HEADER)) for name, text in request.query.items()),
        headers={name: render(text, values, Landing.HEADER) for name, text in request.headers.items()},
        body="" if body is None else json.dumps(_encodable(render_json(body, values)), ensure_ascii=False, separators=(",", ":")),
        timeout_s=timeout.total_seconds(),
        max_body=max_body,
        key=key,
        redirects=_REDIRECTS if request.follow_redirects else 0,
    )


def line(adapter: str, request: exchange.Request) -> str:
    """`cache: PUT /generation/ranker {"generation":"stable"}`; credentials are the adapter's and not here."""
    query = "?" + "&".join(f"{name}={value}" for name, value in request.query) if request.query else ""
    return f"{adapter}: {request.method} {request.path}{query}" + (f" {request.body}" if request.body else "")


def _encodable(value: Any) -> Any:
    match value:
        case Decimal():
            whole = value == value.to_integral_value()
            return int(value) if whole else float(value)
        case Mapping():
            return {key: _encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
        case _:
            return value
