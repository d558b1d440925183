"""Microsoft Teams, by a workflow that posts the card it gets in a webhook request.

Contract (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using): POST of a
message with one Adaptive Card as attachment to a URL that is a secret; 202 without a body once the workflow has begun.
Lines are text runs (https://adaptivecards.io/explorer/TextRun.html), in which Markdown means nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from rolloutctl import config
from rolloutctl.channels.addresses import secret_url
from rolloutctl.channels.posting import Post
from rolloutctl.channels.text import fact_lines, text_lines, title_of
from rolloutctl.model.exchange import Answered
from rolloutctl.model.message import Message, Urgency
from rolloutctl.wire.credentials import Secrets

_BRACES = re.compile(r"\{(?=\{)")
"""Two of them begin a function that a card would carry out, such as {{DATE(…)}}."""
_COLOURS = {Urgency.INFO: "Default", Urgency.WARNING: "Warning", Urgency.CRITICAL: "Attention"}


class Teams:
    name = "Microsoft Teams"
    repeatable = False

    def __init__(self, settings: config.TeamsChannel) -> None:
        self._settings = settings

    async def post(self, message: Message, secrets: Secrets) -> Post:
        url, hidden = await secret_url(self._settings.url, secrets)
        return Post(url, json.dumps(teams_document(message), ensure_ascii=False), secrets=hidden)

    def taken(self, answer: Answered) -> str | None:
        return "the workflow has begun" if answer.status in {200, 202} and not answer.body.strip() else None


def teams_document(message: Message) -> dict[str, object]:
    heading = {"weight": "Bolder", "size": "Medium", "color": _COLOURS[message.urgency]}
    lines = [_line(title_of(message), heading)]
    lines += [_line(text, {}) for text in text_lines(message) if text]
    lines += [_line(text, {"isSubtle": True}) for text in fact_lines(message)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": lines,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _line(text: str, looks: Mapping[str, object]) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": _BRACES.sub("{ ", text), **looks}]}
