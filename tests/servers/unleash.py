"""A real Unleash with a PostgreSQL of its own, with random tokens for this one instance.

Tokens are handed over at the first start into an empty database (INIT_*_API_TOKENS). Telemetry and the version check
are off. Sources: the settings in unleash-server 8's `lib/create-config`.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from servers.postgres import PostgresServer, running_postgres
from servers.process import ServerProcess, started_on_free_port
from servers.unleash_install import UnleashInstall, ensure_unleash

READY_S = 60.0
DATABASE = "unleash"
ENVIRONMENTS = ("development", "production")
"""The environments that a fresh Unleash has."""


class UnleashServer:
    """A running Unleash at `url`, project "default". Faults: `kill`, `pause_database`, `stop_database`; then `repair`."""

    def __init__(self, install: UnleashInstall, database: PostgresServer, work: Path, port: int, search_limit: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.database = database
        self.admin_token = f"*:*.{secrets.token_hex(16)}"
        self._client_tokens = {name: f"default:{name}.{secrets.token_hex(16)}" for name in ENVIRONMENTS}
        self._frontend_tokens = {name: f"default:{name}.{secrets.token_hex(16)}" for name in ENVIRONMENTS}
        settings = {
            "NODE_ENV": "production",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(port),
            "UNLEASH_URL": self.url,
            "LOG_LEVEL": "warn",
            "DATABASE_URL": database.url(DATABASE),
            "DATABASE_SSL": "false",
            "INIT_ADMIN_API_TOKENS": self.admin_token,
            "INIT_CLIENT_API_TOKENS": ",".join(self._client_tokens.values()),
            "INIT_FRONTEND_API_TOKENS": ",".join(self._frontend_tokens.values()),
            "SEARCH_FEATURES_RATE_LIMIT_PER_MINUTE": str(search_limit),
            "CHECK_VERSION": "false",
            "SEND_TELEMETRY": "false",
        }
        command = [install.node, install.script]
        self.process = ServerProcess("unleash", command, folder=work, environment=settings, unprivileged=True)

    @property
    def pid(self) -> int:
        return self.process.pid

    def client_token(self, environment: str = "production") -> str:
        """What an SDK of a back end shows."""
        return self._client_tokens[environment]

    def frontend_token(self, environment: str = "production") -> str:
        return self._frontend_tokens[environment]

    def start(self) -> None:
        self.process.start()
        self.process.wait_until(self.is_ready, timeout_s=READY_S)

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """End it at once: connections break, the API is gone."""
        self.process.kill()

    def restart(self) -> None:
        """Start it again at the same address, with the same data."""
        self.stop()
        self.start()

    def pause_database(self) -> None:
        """The API accepts requests and does not answer them. What was sent meanwhile may land after the resume."""
        self.database.pause()

    def resume_database(self) -> None:
        self.database.resume()

    def stop_database(self) -> None:
        self.database.stop()

    def start_database(self) -> None:
        self.database.start()

    def repair(self) -> None:
        """Undo every fault of the above, so that the next test finds a working server. Quick where nothing is broken."""
        if not self.database.process.is_running():
            self.start_database()
        self.resume_database()
        if self.process.is_running():
            self.process.resume()
            if any(self.is_ready() for _ in range(3)):
                return
        self.restart()

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.request("GET", "/api/admin/environments", timeout_s=2).status_code == httpx.codes.OK
        return False

    def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
    ) -> httpx.Response:
        """One call to `path` ("/api/…"), with the admin token unless another is given. Any status is an answer."""
        return httpx.request(
            method,
            self.url + path,
            json=json,
            headers={"Authorization": token or self.admin_token, **(headers or {})},
            timeout=timeout_s,
            trust_env=False,
        )

    def create_flag(self, name: str) -> None:
        """A release flag in project "default", off everywhere, without strategies."""
        body = {"name": name, "type": "release", "description": "made by a test"}
        self.request("POST", "/api/admin/projects/default/features", body).raise_for_status()

    def client_features(self, environment: str = "production") -> dict[str, Any]:
        """What an SDK downloads."""
        answer = self.request("GET", "/api/client/features", token=self.client_token(environment))
        answer.raise_for_status()
        features: dict[str, Any] = answer.json()
        return features


@contextlib.contextmanager
def running_unleash(*, work: Path, search_limit: int = 1000) -> Iterator[UnleashServer]:
    """Unleash and its database with their files in `work`, which the servers' user must be able to enter.

    `search_limit` is how often a minute /api/admin/search/features answers (Unleash's own default is 15).
    Raises UnleashUnavailableError where it cannot be installed, ServerStartError where it does not start.
    """
    install = ensure_unleash()
    with running_postgres(work=work / "postgres") as database:
        database.create_database(DATABASE)
        server = started_on_free_port(lambda port: UnleashServer(install, database, work, port, search_limit))
        try:
            yield server
        finally:
            server.stop()
