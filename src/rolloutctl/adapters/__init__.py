"""Adapters: the HTTP endpoints that the config names, behind `ports.Adapter`."""

from rolloutctl import wire as _wire  # noqa: F401 - before httpx, of which it leaves out a slow part
