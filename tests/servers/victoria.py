"""A real VictoriaMetrics, filled over HTTP: another server that answers the Prometheus API."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx

from servers.process import ServerProcess, ServerStartError, started_on_free_port

READY_S = 30.0


class VictoriaServer:
    """A running VictoriaMetrics at `url`; `restart` keeps port and data."""

    def __init__(self, binary: Path, work: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        command: list[str | Path] = [
            binary,
            f"-storageDataPath={work / 'data'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=1y",
            "-search.maxUniqueTimeseries=100000",
            "-loggerLevel=WARN",
        ]
        self.process = ServerProcess("victoria-metrics", command, folder=work)

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=2, trust_env=False).status_code == httpx.codes.OK
        return False

    def start(self) -> None:
        self.process.start()
        self.process.wait_until(self.is_ready, timeout_s=READY_S)

    def stop(self) -> None:
        self.process.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()

    def fill(self, lines: str) -> None:
        """`name{labels} value milliseconds` by line; they can be found when this returns."""
        httpx.post(f"{self.url}/api/v1/import/prometheus", content=lines, timeout=60, trust_env=False).raise_for_status()
        httpx.get(f"{self.url}/internal/force_flush", timeout=60, trust_env=False).raise_for_status()


def find_victoria() -> Path | None:
    found = shutil.which("victoria-metrics") or shutil.which("victoria-metrics", path="/usr/local/bin:/usr/bin")
    return Path(found) if found else None


@contextlib.contextmanager
def running_victoria(*, work: Path) -> Iterator[VictoriaServer]:
    """Raises ServerStartError where there is no VictoriaMetrics or it does not start."""
    binary = find_victoria()
    if binary is None:
        raise ServerStartError("There is no `victoria-metrics` on PATH: apt-get install victoria-metrics")
    work.mkdir(parents=True, exist_ok=True)
    server = started_on_free_port(lambda port: VictoriaServer(binary, work, port))
    try:
        yield server
    finally:
        server.stop()
