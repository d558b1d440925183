"""Channels: where people are notified, each service behind `ports.Channel`."""

from rolloutctl import wire as _wire  # noqa: F401 - before httpx, of which it leaves out a slow part
