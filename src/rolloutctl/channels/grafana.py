"""Grafana: a message becomes an annotation, a mark in time on dashboards.

Contract (https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/annotations/):
POST /api/annotations with `time` in milliseconds, `tags` and `text`, and `dashboardUID` and `panelId` for one place only;
200 with `{"message": "Annotation added", "id": …}`. The text is shown as HTML, so that it is escaped as HTML.
"""

from __future__ import annotations

import json
from html import escape

from rolloutctl import config
from rolloutctl.channels.posting import Post
from rolloutctl.channels.text import fact_lines, text_lines, title_of
from rolloutctl.model.exchange import Answered
from rolloutctl.model.message import Message
from rolloutctl.wire.credentials import Secrets, sign


class Grafana:
    name = "Grafana"
    repeatable = False

    def __init__(self, settings: config.GrafanaChannel) -> None:
        self._settings = settings

    async def post(self, message: Message, secrets: Secrets) -> Post:
        signed = await sign(self._settings.auth, secrets)
        body = json.dumps(annotation(message, self._settings), ensure_ascii=False)
        return Post(self._settings.url.rstrip("/") + "/api/annotations", body, signed.headers, signed.secrets)

    def taken(self, answer: Answered) -> str | None:
        document = answer.document
        number = document.get("id") if isinstance(document, dict) else None
        return f"annotation {number}" if isinstance(number, int) else None


def annotation(message: Message, settings: config.GrafanaChannel) -> dict[str, object]:
    lines = [title_of(message), *text_lines(message), *fact_lines(message)]
    document: dict[str, object] = {
        "time": int(message.at.timestamp() * 1000),
        "tags": list(dict.fromkeys((*settings.tags, message.urgency.value))),
        "text": "\n".join(map(escape, lines)),
    }
    if settings.dashboard is not None:
        document["dashboardUID"] = settings.dashboard
    if settings.panel is not None:
        document["panelId"] = settings.panel
    return document
