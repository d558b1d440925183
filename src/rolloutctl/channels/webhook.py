"""Any server that takes our own JSON document by POST.

The document: `format` (1), `title`, `text` (lines), `at` (RFC 3339, UTC), `urgency` (info, warning, critical), `matter` (news,
open, seen, closed), `about` (names the matter), `key` (names the message; also the header `Idempotency-Key`), `facts` (names
and values, in order). Any status of 2xx means that it was taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from rolloutctl import config
from rolloutctl.channels.addresses import secret_url
from rolloutctl.channels.posting import Post
from rolloutctl.channels.text import facts_of, text_lines, title_of
from rolloutctl.model.exchange import IDEMPOTENCY_KEY, Answered
from rolloutctl.model.message import Message
from rolloutctl.units import show_time
from rolloutctl.wire.credentials import Secrets, sign
from rolloutctl.wire.text import clean


class Webhook:
    name = "the webhook"
    repeatable = False

    def __init__(self, settings: config.WebhookChannel) -> None:
        self._settings = settings

    async def post(self, message: Message, secrets: Secrets) -> Post:
        place = self._settings.url
        url, hidden = (place, ()) if isinstance(place, str) else await secret_url(place, secrets)
        signed = await sign(self._settings.auth, secrets)
        key = clean(message.key)
        headers: Mapping[str, str] = {IDEMPOTENCY_KEY: key} if key.isascii() and key else {}
        body = json.dumps(webhook_document(message), ensure_ascii=False)
        return Post(url, body, {**self._settings.headers, **headers, **signed.headers}, (*hidden, *signed.secrets))

    def taken(self, answer: Answered) -> str | None:
        return answer.why


def webhook_document(message: Message) -> dict[str, object]:
    return {
        "format": 1,
        "title": title_of(message),
        "text": "\n".join(text_lines(message)),
        "at": show_time(message.at),
        "urgency": message.urgency.value,
        "matter": message.matter.value,
        "about": clean(message.about),
        "key": clean(message.key),
        "facts": [{"name": name, "value": value} for name, value in facts_of(message)],
    }
