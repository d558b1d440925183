"""Slack, by an incoming webhook.

Contract (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks): POST of `{"text": …}` to a URL that is
a secret; 200 with the body `ok`. Refusals are a word as plain text: 400 invalid_payload, 403 action_prohibited,
404 no_service, 410 channel_is_archived. `&`, `<` and `>` are escaped, so that no text becomes a link or calls `<!channel>`
(https://docs.slack.dev/messaging/formatting-message-text); with `mrkdwn` false no other character means anything.
"""

from __future__ import annotations

import json

from rolloutctl import config
from rolloutctl.channels.addresses import secret_url
from rolloutctl.channels.posting import Post
from rolloutctl.channels.text import fact_lines, text_lines, title_of
from rolloutctl.model.exchange import Answered
from rolloutctl.model.message import Message
from rolloutctl.wire.credentials import Secrets


class Slack:
    name = "Slack"
    repeatable = False

    def __init__(self, settings: config.SlackChannel) -> None:
        self._settings = settings

    async def post(self, message: Message, secrets: Secrets) -> Post:
        url, hidden = await secret_url(self._settings.url, secrets)
        return Post(url, json.dumps(slack_document(message), ensure_ascii=False), secrets=hidden)

    def taken(self, answer: Answered) -> str | None:
        return "ok" if answer.status == 200 and answer.body.strip() == b"ok" else None


def slack_document(message: Message) -> dict[str, object]:
    lines = [title_of(message), *text_lines(message), *fact_lines(message)]
    return {"text": "\n".join(map(escaped, lines)), "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
