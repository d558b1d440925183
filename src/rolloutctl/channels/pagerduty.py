"""PagerDuty, by Events API v2.

Contract (https://developer.pagerduty.com/docs/events-api-v2/overview/): POST /v2/enqueue with `routing_key`,
`event_action` trigger, acknowledge or resolve and `dedup_key`, which makes one incident of what is sent again; 202 with
`{"status": "success", …}`, 400 for an invalid event, 429 for too many. News, of which nobody should be woken, are change
events: POST /v2/change/enqueue. A summary has at most 1024 characters, a `dedup_key` 255.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import assert_never

from rolloutctl import config
from rolloutctl.channels.posting import Post
from rolloutctl.channels.text import facts_of, text_lines, title_of
from rolloutctl.model.exchange import Answered
from rolloutctl.model.message import Matter, Message, Urgency
from rolloutctl.units import show_time
from rolloutctl.wire.credentials import Secrets, read_in_time

_LONGEST_KEY = 255
_SOURCE = "rolloutctl"


class PagerDuty:
    name = "PagerDuty"
    repeatable = True

    def __init__(self, settings: config.PagerDutyChannel) -> None:
        self._settings = settings

    async def post(self, message: Message, secrets: Secrets) -> Post:
        key = await read_in_time(self._settings.routing_key, secrets)
        path, document = event(message)
        body = json.dumps({"routing_key": key, **document}, ensure_ascii=False)
        return Post(self._settings.url.rstrip("/") + path, body, secrets=(key,))

    def taken(self, answer: Answered) -> str | None:
        document = answer.document
        told = isinstance(document, dict) and document.get("status") == "success"
        return (answer.text or "it has taken the event") if told and answer.status == 202 else None


def event(message: Message) -> tuple[str, dict[str, object]]:
    """Path and document, without the routing key."""
    details = {"text": "\n".join(text_lines(message)), **dict(facts_of(message))}
    told = {"summary": title_of(message), "source": _SOURCE, "timestamp": show_time(message.at), "custom_details": details}
    match message.matter:
        case Matter.NEWS:
            return "/v2/change/enqueue", {"payload": told}
        case Matter.OPEN:
            action = "trigger"
        case Matter.SEEN:
            action = "acknowledge"
        case Matter.CLOSED:
            action = "resolve"
        case _:
            assert_never(message.matter)
    payload = {**told, "severity": _severity(message.urgency)}
    return "/v2/enqueue", {"event_action": action, "dedup_key": dedup_key(message), "payload": payload, "client": _SOURCE}


def dedup_key(message: Message) -> str:
    """The same for all messages about one matter; of a message that names none, of its own."""
    name = message.about or message.key or f"{message.title} {show_time(message.at)}"
    return name if len(name) <= _LONGEST_KEY and name.isprintable() else sha256(name.encode("utf-8", "replace")).hexdigest()


def _severity(urgency: Urgency) -> str:
    match urgency:
        case Urgency.INFO:
            return "info"
        case Urgency.WARNING:
            return "warning"
        case Urgency.CRITICAL:
            return "critical"
        case _:
            assert_never(urgency)
