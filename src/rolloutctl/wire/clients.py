"""HTTP clients as every edge of this program has them: TLS verified, no redirect followed, nothing compressed.

Invariant: an httpx or ssl error about a file is a sentence; the libraries' own log lines, which quote URLs, are not written.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from rolloutctl.config import Tls
from rolloutctl.errors import InvalidInput
from rolloutctl.wire.text import clean

# A URL may be a secret itself, and so may what a server sends back.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for all of it (a slow drip ends there)."""

    connect_s: float
    read_s: float

    @property
    def total_s(self) -> float:
        return self.connect_s + self.read_s

    @property
    def of_httpx(self) -> httpx.Timeout:
        return httpx.Timeout(self.read_s, connect=self.connect_s, pool=self.connect_s)


ClientFactory = Callable[[Timeouts, int], httpx.AsyncClient]
"""From timeouts and the number of idle connections to keep."""


def client_factory(
    url: str, tls: Tls | None, transport: httpx.AsyncBaseTransport | None = None, *, connections: int = 10
) -> ClientFactory:
    """Raises InvalidInput for certificate files that cannot be used. `transport` replaces the network (tests)."""
    base = url.rstrip("/")
    # No redirect is followed, so a plain address never needs the certificates, which take a while to load.
    context = tls_context(tls) if tls is not None or not base.lower().startswith("http://") else False

    def make(timeouts: Timeouts, idle: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=base,
            verify=context,
            follow_redirects=False,
            timeout=timeouts.of_httpx,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=idle),
            transport=transport,
            # Compressed answers are not asked for, so that `max_body` counts what is unpacked too.
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "rolloutctl"},
        )

    return make


def tls_context(tls: Tls | None) -> ssl.SSLContext:
    """Verifies; trusts the system's authorities or those of the config. Raises InvalidInput."""
    place = tls or Tls()
    try:
        context = ssl.create_default_context(cafile=place.ca)
    except (OSError, ValueError) as error:
        what = f"The certificates in {place.ca} cannot be read: {clean(str(error))}."
        raise InvalidInput(what, remedy="Give a PEM file.") from None
    if place.cert is not None:
        try:
            context.load_cert_chain(place.cert, place.key)
        except (OSError, ValueError) as error:
            what = f"The client certificate {place.cert} cannot be read: {clean(str(error))}."
            raise InvalidInput(what, remedy="Give PEM files, the key without a passphrase.") from None
    return context
