"""A secret becomes a header when it is used, and is forgotten with the operation that used it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from rolloutctl.config import BasicAuth, BearerAuth, HeaderAuth, NoAuth, Secret, TokenAuth
from rolloutctl.errors import InvalidInput, RolloutctlError, Unreachable

Secrets = Callable[[Secret], str]
"""Reads a secret from where the config says; may block; raises RolloutctlError with a sentence."""

LONGEST_READ_S = 10.0
"""For a command that prints a secret."""
_LOOK = "Look where the config reads it from."


@dataclass(frozen=True, slots=True)
class Signed:
    """Headers for a request, and what must not be said about it."""

    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


AnyAuth = NoAuth | TokenAuth | BearerAuth | BasicAuth | HeaderAuth


async def sign(auth: AnyAuth | None, secrets: Secrets) -> Signed:
    """Raises InvalidInput for a secret that no header can carry, Unreachable where it cannot be read in time."""
    match auth:
        case NoAuth() | None:
            return Signed({}, ())
        case TokenAuth(token=place):
            token = await read_in_time(place, secrets)
            return Signed({"Authorization": token}, (token,))
        case BearerAuth(token=place):
            token = await read_in_time(place, secrets)
            return Signed({"Authorization": f"Bearer {token}"}, (token,))
        case HeaderAuth(name=name, token=place):
            token = await read_in_time(place, secrets)
            return Signed({name: token}, (token,))
        case BasicAuth(username=username, password=place):
            password = await read_in_time(place, secrets)
            pair = f"{username}:{password}"
            encoded = base64.b64encode(pair.encode()).decode()
            return Signed({"Authorization": f"Basic {encoded}"}, (encoded, pair, password))
        case _:
            assert_never(auth)


async def read_in_time(place: Secret, secrets: Secrets) -> str:
    """A secret that a header can carry. Raises as `sign` does."""
    try:
        value = (await asyncio.wait_for(asyncio.to_thread(secrets, place), LONGEST_READ_S)).strip()
    except TimeoutError:
        raise Unreachable(f"The token could not be read within {LONGEST_READ_S:g} s.", remedy=_LOOK) from None
    except RolloutctlError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a reader raises may quote what it read
        raise Unreachable(f"The token could not be read ({type(error).__name__}).", remedy=_LOOK) from None
    if not value:
        raise InvalidInput("The token is empty.", remedy=_LOOK)
    if not (value.isascii() and value.isprintable()):
        raise InvalidInput("The token has characters that no header can carry.", remedy=_LOOK)
    return value
