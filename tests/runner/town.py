"""A small town on loopback: a flag server, a cache, a pager, an Alertmanager and metrics, each keeping what was done to it."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rolloutctl.demo.flag_server import FlagServer, Tokens, new_store
from rolloutctl.demo.flag_store import FlagStore
from rolloutctl.demo.http import LoopbackServer, Request, Response, json_response

FLAG = "ranker"
ADMIN, CACHE_KEY = "TOWN_ADMIN", "TOWN_CACHE"
CACHE_SECRET = "s3cr3t-cache+key/=="


@dataclass
class Place:
    """The cache and the pager: what they hold, and every request that changed something."""

    generation: str = "canary"
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and idempotency key, in order."""
    bodies: list[Any] = field(default_factory=list)
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)
    firing: bool = True
    value: float | None = 0.0
    guard: float = 500.0
    age_s: float = 0.0
    held: threading.Event | None = None
    """The cache does not answer a PUT before it is set; nothing else is asked meanwhile."""
    echoes: bool = False
    """Requests for the cache are refused with an error that repeats their headers, in several forms."""
    seen: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Request) -> Response:
        with self.lock:
            self.seen.append(request)
            if request.method not in {"GET", "HEAD"} and not request.path.startswith("/api/v1/"):
                self.writes.append((request.method, request.path, request.headers.get("idempotency-key", "")))
                self.bodies.append(json.loads(request.body) if request.body else None)
            return self._answer(request)

    def _answer(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        if self.held is not None and request.method == "PUT":
            self.held.wait(60)
        if self.echoes and request.method == "PUT":
            key = request.headers.get("x-api-key", "")
            forms = (key, quote(key, safe=""), base64.b64encode(key.encode()).decode())
            return json_response(400, {"message": f"it says: {' '.join(forms)}"})
        match request.method, parts:
            case "GET", ["generation", _]:
                return json_response(200, {"generation": self.generation, "asked": len(self.seen)})
            case "PUT", ["generation", _]:
                self.generation = json.loads(request.body)["generation"]
                return json_response(200, {"generation": self.generation})
            case "POST", ["page" | "hook"]:
                return json_response(202, {"ok": True})
            case _, ["api", *rest]:
                return self._api(request, rest)
            case _:
                return json_response(404, {"message": "nothing here"})

    def _api(self, request: Request, parts: list[str]) -> Response:
        match request.method, parts:
            case "GET", ["v2", "silences"]:
                return json_response(200, list(self.silences.values()))
            case "POST", ["v2", "silences"]:
                made = f"silence-{len(self.silences) + 1}"
                body = json.loads(request.body)
                self.silences[made] = {"id": made, "comment": body["comment"], "status": {"state": "active"}}
                return json_response(200, {"silenceID": made})
            case "DELETE", ["v2", "silence", made]:
                self.silences[made]["status"]["state"] = "expired"
                return Response(200)
            case "GET", ["v2", "alerts"]:
                return json_response(200, [])
            case _, ["v1", "rules"]:
                return json_response(200, {"status": "success", "data": {"groups": [self._rules()]}})
            case _, ["v1", "query" | "query_range"]:
                return self._query(request)
            case _:
                return json_response(404, {"message": "no such API"})

    def _rules(self) -> dict[str, Any]:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        rule = {"type": "alerting", "name": "Burn", "health": "ok", "lastEvaluation": now, "labels": {}}
        return {"interval": 15, "rules": [rule]}

    def _query(self, request: Request) -> Response:
        asked = {**dict(urllib.parse.parse_qsl(request.body.decode())), **request.query}
        text, now = asked["query"], time.time()
        if text == "time()":
            return self._ok("scalar", [now, str(now)])
        at = float(asked.get("start") or asked.get("time") or now)
        series = []
        for part, tag in _parts(text):
            number = self._number(part, at)
            if number is not None:
                labels = {"rolloutctl_query": tag} if tag else {}
                series.append({"metric": labels, "values": [[at, str(number)]], "value": [at, str(number)]})
        kind = "matrix" if request.path.endswith("range") else "vector"
        return self._ok(kind, series)

    def _number(self, text: str, at: float) -> float | None:
        if "ALERTS" in text:
            return 1.0 if self.firing else None
        if "timestamp(" in text:
            return None if self.value is None else at - self.age_s
        return self.guard if "guard" in text else self.value

    @staticmethod
    def _ok(kind: str, result: Any) -> Response:
        return json_response(200, {"status": "success", "data": {"resultType": kind, "result": result}})


_TAG = re.compile(r'"rolloutctl_query", *"(\d+)"')


def _parts(text: str) -> list[tuple[str, str]]:
    """The expressions of a merged query, each with its tag."""
    parts, start = [], 0
    for match in _TAG.finditer(text):
        parts.append((text[start : match.start()], match[1]))
        start = match.end()
    return parts or [(text, "")]


@dataclass
class Town:
    folder: Path
    place: Place
    flags: FlagStore
    url: str
    flags_url: str
    tokens: Tokens
    config: Path

    def flag_on(self, environment: str) -> bool:
        return self.flags.flag("default", FLAG).placements[environment].enabled

    @property
    def environ(self) -> dict[str, str]:
        return {ADMIN: self.tokens.admin, CACHE_KEY: CACHE_SECRET, "XDG_STATE_HOME": str(self.folder / "state")}


@contextmanager
def town(folder: Path, *, on: tuple[str, ...] = ("development", "production"), cache_url: str = "") -> Iterator[Town]:
    """The flag is on for everybody in the environments `on`; `cache_url`: of a proxy in front of the cache."""
    from rolloutctl.demo.flag_store import Target as StoreTarget

    with ExitStack() as stack:
        tokens, store, place = Tokens.make(), new_store(), Place()
        store.create_flag("default", FLAG, "release", None, "ana")
        for environment in on:
            store.switch_on(StoreTarget("default", FLAG, environment), "ana")
        server = stack.enter_context(LoopbackServer(place.answer))
        flags = stack.enter_context(FlagServer(store, tokens).server())
        config = folder / "config.toml"
        config.write_text(CONFIG.format(folder=folder, place=server.url, cache=cache_url or server.url, flags=flags.url))
        yield Town(folder, place, store, server.url, flags.url, tokens, config)


CONFIG = """\
format = 1
[journal]
url = "sqlite:///{folder}/journal.db"
lease = "5s"
[operator]
name = "ana"
[sources.metrics]
type = "prometheus"
url = "{place}"
alertmanager = "http://alerts.invalid"
timeout = "5s"
[providers.flags]
type = "unleash"
url = "{flags}"
auth = {{ type = "token", token = {{ env = "TOWN_ADMIN" }} }}
settle_time = "0s"
[adapters.cache]
url = "http://production.invalid"
auth = {{ type = "header", name = "X-Api-Key", token = {{ env = "TOWN_CACHE" }} }}
[channels.release]
type = "webhook"
url = "{place}/hook"
[environments.production]
production = true
[environments.development]
rehearsal = true
overrides = {{ adapters.cache.url = "{cache}", sources.metrics.alertmanager = "{place}" }}
[rehearsals]
records = "records"
"""
