"""What the tests of channels share: every kind of channel over a local server, and a message that no channel may take literally."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from adapters.parts import QuickClock, secrets_of
from rolloutctl import config
from rolloutctl.channels.build import build
from rolloutctl.model.message import Delivery, Matter, Message, Urgency
from rolloutctl.ports import Channel

AT = datetime(2026, 1, 5, 10, 0, 0, 250_000, tzinfo=UTC)
SECRETS = {
    "SLACK": "/services/T0001/B0001/w3bhook-secret",
    "TEAMS": "/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=s1gnature-secret",
    "HOOK": "/in/h00k-secret",
    "KEY": "r0uting-key-secret",
    "GRAFANA": "glsa_grafana-secret",
    "PASSWORD": "m@il-password-secret",
}
"""Of those that are URLs only what follows the host."""
SETTINGS: dict[str, dict[str, Any]] = {
    "slack": {"type": "slack", "url": {"env": "SLACK"}},
    "teams": {"type": "teams", "url": {"env": "TEAMS"}},
    "webhook": {
        "type": "webhook",
        "url": {"env": "HOOK"},
        "auth": {"type": "basic", "username": "rollout", "password": {"env": "PASSWORD"}},
    },
    "pagerduty": {"type": "pagerduty", "routing_key": {"env": "KEY"}},
    "grafana": {"type": "grafana", "auth": {"type": "bearer", "token": {"env": "GRAFANA"}}},
}
TAKEN = {
    "slack": (200, "ok"),
    "teams": (202, ""),
    "webhook": (204, ""),
    "pagerduty": (202, '{"status": "success", "message": "Event processed", "dedup_key": "x"}'),
    "grafana": (200, '{"message": "Annotation added", "id": 7}'),
}
"""How each service says that it has taken a message: status and body."""

MESSAGE = Message(
    title="checkout#1: rolled back",
    text="error rate 4.1 % > 2 %\nflag is off",
    at=AT,
    urgency=Urgency.CRITICAL,
    matter=Matter.OPEN,
    about="rollout/checkout#1",
    facts=(("journal", "41 ab12"),),
    key="run-7:tell-people",
)
NASTY = Message(
    title='<!channel> <b onclick="x">&amp;\x1b[31m*bold*\r\nBcc: all@example.com',
    text="_a_ [link](http://evil.test) {{DATE(2026)}}\n\u202egnihton\u202c\x00\n.\n<at>everyone</at>",
    at=AT,
    facts=(("a<b", "c&d\nsecond"),),
)


def channel(settings: Mapping[str, Any], secrets: Mapping[str, str], clock: QuickClock | None = None) -> Channel:
    described: config.Channel = TypeAdapter(config.Channel).validate_python({"timeout": "5s", **settings})
    return build(described, secrets_of(secrets), clock or QuickClock())


def over(kind: str, url: str, clock: QuickClock | None = None, **settings: Any) -> Channel:
    """A channel of that kind whose service is at `url`."""
    secrets = {name: f"{url}{value}" if value.startswith("/") else value for name, value in SECRETS.items()}
    place = {} if "url" in SETTINGS[kind] else {"url": url}
    return channel({**SETTINGS[kind], **place, **settings}, secrets, clock)


async def told(one: Channel, message: Message = MESSAGE) -> Delivery:
    try:
        return await one.notify(message)
    finally:
        await one.close()
