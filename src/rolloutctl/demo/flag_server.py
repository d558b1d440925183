"""The demo's flag server: tokens in front of the admin and the client API, over HTTP on the loopback interface.

Every call needs a token: the admin token for `/api/admin`, the client token for `/api/client`. What a wrong, missing
or misplaced token answers is the real server's (401 in three shapes, 403).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Final

from rolloutctl.demo import flag_client
from rolloutctl.demo.flag_admin import AdminApi
from rolloutctl.demo.flag_bodies import MalformedJson
from rolloutctl.demo.flag_model import PRODUCTION, PROJECT, FlagError
from rolloutctl.demo.flag_store import FlagStore
from rolloutctl.demo.http import LoopbackServer, Request, Response, find, json_response

_HEALTH: Final = "/health"
_ADMIN: Final = "/api/admin/"
_CLIENT: Final = "/api/client/"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Made at random for one world; never written to a file."""

    admin: str
    client: str

    @staticmethod
    def make() -> "Tokens":
        return Tokens(admin=f"*:*.{token_hex(28)}", client=f"{PROJECT}:{PRODUCTION}.{token_hex(28)}")


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_store(now: Callable[[], str] = utc_now) -> FlagStore:
    return FlagStore(now, lambda: token_hex(13).upper())


class FlagServer:
    """Answers requests for a store; `server(port)` puts it on the wire."""

    def __init__(self, store: FlagStore, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens
        self._admin = AdminApi(store)

    def server(self, port: int = 0) -> LoopbackServer:
        return LoopbackServer(self.answer, port)

    def answer(self, request: Request) -> Response:
        if request.path == _HEALTH:
            return json_response(200, {"health": "GOOD"})
        try:
            if request.path.startswith(_ADMIN):
                return self._refused_on_admin(request) or self._answer_admin(request)
            if request.path.startswith(_CLIENT):
                return self._refused_on_client(request) or self._answer_client(request)
            return self._no_route(request)
        except FlagError as error:
            return json_response(error.status, error.document())
        except MalformedJson as error:
            return json_response(400, {"message": str(error)})

    def _answer_admin(self, request: Request) -> Response:
        found = find(self._admin.routes, request)
        if found is None:
            return self._no_route(request)
        route, params = found
        return route.answer(request, params)

    def _answer_client(self, request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/api/client/features":
                return flag_client.features(self._store, PRODUCTION, request)
            case "POST", "/api/client/register" | "/api/client/metrics":
                return Response(202)
            case _:
                return self._no_route(request)

    def _no_route(self, request: Request) -> Response:
        error = FlagError(404, "NotFoundError", f"The path you were looking for ({request.path}) is not available.")
        return json_response(404, error.document())

    def _refused_on_admin(self, request: Request) -> Response | None:
        token = _token(request)
        if token is None:
            return json_response(401, FlagError(401, "AuthenticationRequired", "You must log in to use Unleash.").document())
        if _same(token, self._tokens.client):
            return _wrong_kind()
        if not _same(token, self._tokens.admin):
            return json_response(401, FlagError(401, "UnauthorizedError", "You must log in to use Unleash.").document())
        return None

    def _refused_on_client(self, request: Request) -> Response | None:
        token = _token(request)
        if token is not None and _same(token, self._tokens.client):
            return None
        if token is not None and token.startswith("*:*."):
            return _wrong_kind()
        return json_response(401, {"message": "This endpoint requires an API token."})


def _token(request: Request) -> str | None:
    header = request.headers.get("authorization")
    return None if header is None else header.removeprefix("Bearer ").strip()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _wrong_kind() -> Response:
    return json_response(403, {"message": "invalid token: expected a different token type for this endpoint"})
