"""A small model of an Unleash's admin and client API, with the hazards of the real one, and who is served by it.

One project ("default"), two environments, tokens ADMIN and CLIENT. Pure: `answer` takes a request and gives an answer.
"""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ADMIN, CLIENT = "*:*.admin-secret/with+signs=0123456789", "default:production.client-secret-9876543210"
ENVIRONMENTS = ("development", "production")
SEGMENT_IDS = {"staff": 1, "beta": 2}

User = tuple[int, str]
"""A place from 1 to 100 in the flag's group, and the segment the user is in ("" for none)."""
USERS: frozenset[User] = frozenset((place, segment) for place in range(1, 101) for segment in ("", *SEGMENT_IDS))


class Refused(Exception):
    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.document = {"name": name, "message": message, "details": [{"message": message}]}


@dataclass
class Place:
    enabled: bool = False
    strategies: list[dict[str, Any]] = field(default_factory=list)


class UnleashModel:
    def __init__(self, flag: str = "checkout", *, search_events: bool = True) -> None:
        self.flag = flag
        self.places = {name: Place() for name in ENVIRONMENTS}
        self.events: list[dict[str, Any]] = []
        self.writes: list[tuple[str, str, str]] = []
        self.who = "admin"
        self.admin_token = ADMIN
        self.search_events = search_events
        self.after_write: Callable[[], None] = lambda: None
        self._ids = 0

    # -- who is served

    def served(self, environment: str = "production") -> frozenset[User]:
        place = self.places[environment]
        if not place.enabled:
            return frozenset()
        strategies = [each for each in place.strategies if not each["disabled"]]
        return frozenset(user for user in USERS if not strategies or any(_serves(each, user) for each in strategies))

    # -- the wire

    def answer(self, method: str, target: str, token: str, body: bytes = b"") -> tuple[int, Any]:
        parts = urlsplit(target)
        path = [unquote(each) for each in parts.path.split("/")[2:]]
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        wanted = CLIENT if path[:1] == ["client"] else self.admin_token
        if token != wanted:
            message = f"You must log in to use Unleash. {token} is not known."
            return 401, {"name": "UnauthorizedError", "message": message}
        try:
            if method == "GET":
                return 200, self._read(path[1:], query) if path[0] == "admin" else self._client()
            self.writes.append((method, parts.path, body.decode()))
            answer = self._write(method, path[1:], json.loads(body) if body else None)
        except Refused as refused:
            return refused.status, refused.document
        self.after_write()
        return 200, answer

    def _read(self, path: list[str], query: dict[str, str]) -> Any:
        match path:
            case ["environments"]:
                return {"version": 1, "environments": [{"name": name, "enabled": True} for name in ENVIRONMENTS]}
            case ["projects"]:
                return {"version": 1, "projects": [{"id": "default", "name": "Default"}]}
            case ["projects", project, "features"]:
                flags = [{"name": self.flag, "environments": [{"name": name} for name in ENVIRONMENTS]}]
                return {"version": 2, "features": flags if project == "default" else []}
            case ["segments"]:
                return {"segments": [_segment(name) for name in SEGMENT_IDS]}
            case ["ui-config"]:
                return {"version": "8.2.0"}
            case ["search", "events"] if self.search_events:
                offset, limit = int(query["offset"]), int(query["limit"])
                return {"events": self.events[::-1][offset : offset + limit], "total": len(self.events)}
            case ["events", _]:
                return {"version": 1, "events": self.events[::-1]}
            case ["projects", _, "features", _, "environments", environment, *rest]:
                place = self._place(path)
                if rest == ["strategies"]:
                    return [each | {"milestoneId": None} for each in place.strategies]
                short = [{k: v for k, v in each.items() if k != "segments"} for each in place.strategies]
                return {"name": self.flag, "environment": environment, "enabled": place.enabled, "strategies": short}
            case _:
                raise Refused(404, "NotFoundError", "The path you were looking for is not available.")

    def _client(self) -> Any:
        place = self.places["production"]
        keep = ("name", "constraints", "parameters", "variants", "segments")
        strategies = [{k: each[k] for k in keep} for each in place.strategies if not each["disabled"]]
        feature = {"name": self.flag, "enabled": place.enabled, "project": "default", "strategies": strategies}
        query = {"project": ["default"], "environment": "production", "inlineSegmentConstraints": False}
        meta = {"revisionId": len(self.events)}
        return {"version": 2, "features": [feature], "query": query, "meta": meta, "segments": [_segment("staff")]}

    def _write(self, method: str, path: list[str], body: Any) -> Any:
        place, environment, rest = self._place(path), path[5], path[6:]
        match method, rest:
            case "POST", ["on"]:
                if all(each["disabled"] for each in place.strategies):
                    self._create(place, environment, {"name": "flexibleRollout"})
                self._switch(place, environment, on=True)
                return ""
            case "POST", ["off"]:
                self._switch(place, environment, on=False)
                return ""
            case "POST", ["strategies"]:
                return self._create(place, environment, body)
            case (("PATCH" | "PUT" | "DELETE"), ["strategies", number]):
                old = next((each for each in place.strategies if each["id"] == number), None)
                if old is None:
                    raise Refused(404, "NotFoundError", f"Could not find strategy with id: {number}")
                return self._change(place, environment, old, method, body)
            case _:
                raise Refused(404, "NotFoundError", "no such path")

    def _change(self, place: Place, environment: str, old: dict[str, Any], method: str, body: Any) -> Any:
        before = copy.deepcopy(old)
        if method == "DELETE":
            place.strategies.remove(old)
            self._off_when_nothing_is_left(place, environment)
            self._log("feature-strategy-remove", environment, None, before)
            return ""
        if method == "PUT":
            old |= {"constraints": [], **{k: v for k, v in body.items() if k not in {"sortOrder", "title"}}}
            old["title"] = body.get("title", old["title"])
        else:
            for operation in body:
                here, parts = old, str(operation["path"]).split("/")[1:]
                for part in parts[:-1]:
                    here = here[part]
                if operation["op"] != "replace" or not isinstance(operation["value"], str | bool):
                    raise Refused(400, "BadDataError", "the model knows only replace with a string or a switch")
                here[parts[-1]] = operation["value"]
        self._default(old)
        self._off_when_nothing_is_left(place, environment)
        if old != before:
            self._log("feature-strategy-update", environment, copy.deepcopy(old), before)
        return copy.deepcopy(old)

    def _create(self, place: Place, environment: str, body: dict[str, Any]) -> dict[str, Any]:
        if body["name"] not in {"flexibleRollout", "default"}:
            raise Refused(400, "BadDataError", f"Could not find strategy type {body['name']}")
        self._ids += 1
        blank: dict[str, Any] = {
            "title": None,
            "disabled": False,
            "constraints": [],
            "parameters": {},
            "variants": [],
            "segments": [],
        }
        made: dict[str, Any] = {**blank, **body, "id": f"S{self._ids}", "sortOrder": len(place.strategies)}
        self._default(made)
        place.strategies.append(made)
        self._log("feature-strategy-add", environment, copy.deepcopy(made), None)
        return copy.deepcopy(made)

    def _default(self, strategy: dict[str, Any]) -> None:
        if strategy["name"] == "flexibleRollout":
            defaults = {"rollout": "100", "stickiness": "default", "groupId": self.flag}
            strategy["parameters"] = defaults | strategy["parameters"]

    def _switch(self, place: Place, environment: str, *, on: bool) -> None:
        if place.enabled is not on:
            place.enabled = on
            self._log(f"feature-environment-{'enabled' if on else 'disabled'}", environment, None, None)

    def _off_when_nothing_is_left(self, place: Place, environment: str) -> None:
        if all(each["disabled"] for each in place.strategies):
            self._switch(place, environment, on=False)

    def _place(self, path: list[str]) -> Place:
        match path:
            case ["projects", "default", "features", self.flag, "environments", environment, *_] if environment in self.places:
                return self.places[environment]
            case _:
                raise Refused(404, "NotFoundError", f"There's no feature named {path[3]!r}.")

    def _log(self, kind: str, environment: str, data: Any, before: Any) -> None:
        entry = {"type": kind, "createdBy": self.who, "createdAt": "2026-01-05T10:00:00.000Z", "environment": environment}
        self.events.append({"id": 100 + len(self.events), "data": data, "preData": before, **entry})


def _segment(name: str) -> dict[str, Any]:
    constraint = {"contextName": "group", "operator": "IN", "values": [name]}
    return {"id": SEGMENT_IDS[name], "name": name, "constraints": [constraint]}


def _serves(strategy: dict[str, Any], user: User) -> bool:
    place, segment = user
    if strategy["constraints"] or any(SEGMENT_IDS.get(segment) != number for number in strategy["segments"]):
        return False
    return strategy["name"] == "default" or place <= int(strategy["parameters"]["rollout"])


@contextmanager
def served_over_http(model: UnleashModel) -> Iterator[str]:
    """The model's URL on the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = model.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            data = b"" if document == "" else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
