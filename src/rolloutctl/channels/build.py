"""From a channel's config to the channel."""

from __future__ import annotations

from typing import assert_never

import httpx

from rolloutctl import config
from rolloutctl.channels.attempt import random
from rolloutctl.channels.grafana import Grafana
from rolloutctl.channels.mail import MailChannel
from rolloutctl.channels.pagerduty import PagerDuty
from rolloutctl.channels.posting import PostingChannel, Service
from rolloutctl.channels.slack import Slack
from rolloutctl.channels.teams import Teams
from rolloutctl.channels.webhook import Webhook
from rolloutctl.ports import Channel, Clock
from rolloutctl.wire.credentials import Secrets


def build(settings: config.Channel, secrets: Secrets, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> Channel:
    """Reads and opens nothing. `transport` replaces the network (tests)."""
    service: Service
    match settings:
        case config.WebhookChannel():
            service = Webhook(settings)
        case config.SlackChannel():
            service = Slack(settings)
        case config.TeamsChannel():
            service = Teams(settings)
        case config.PagerDutyChannel():
            service = PagerDuty(settings)
        case config.GrafanaChannel():
            service = Grafana(settings)
        case config.EmailChannel():
            return MailChannel(settings, secrets, clock, random=random)
        case _:
            assert_never(settings)
    timeout_s = settings.timeout.total_seconds()
    return PostingChannel(service, timeout_s, settings.tls, secrets, clock, random=random, transport=transport)
