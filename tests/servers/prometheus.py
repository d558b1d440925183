"""A real Prometheus that scrapes what a test serves."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx

from servers.process import ServerProcess, ServerStartError, started_on_free_port

READY_S = 30.0


class PrometheusServer:
    """A running Prometheus at `url`; `restart` keeps port and data."""

    def __init__(self, binary: Path, config: Path, work: Path, port: int, flags: Sequence[str] = ()) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.config = config
        command: list[str | Path] = [
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={work / 'data'}",
            "--storage.tsdb.retention.time=1d",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            "--log.level=warn",
            *flags,
        ]
        self.process = ServerProcess("prometheus", command, folder=work)

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/-/ready", timeout=2, trust_env=False).status_code == httpx.codes.OK
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

    def reload(self) -> None:
        """Read `config` again; raises httpx.HTTPStatusError where Prometheus refuses it."""
        httpx.post(f"{self.url}/-/reload", timeout=10, trust_env=False).raise_for_status()


def find_prometheus() -> Path | None:
    found = shutil.which("prometheus") or shutil.which("prometheus", path="/usr/local/bin:/usr/bin")
    return Path(found) if found else None


@contextlib.contextmanager
def running_prometheus(
    targets: Sequence[str],
    *,
    work: Path,
    scrape_interval: str = "1s",
    job: str = "service",
    honor_labels: bool = True,
    config_extra: Mapping[str, object] | None = None,
    flags: Sequence[str] = (),
) -> Iterator[PrometheusServer]:
    """Prometheus scraping `targets` ("host:port", path /metrics) every `scrape_interval`, with its files in `work`.

    `config_extra` holds further top-level keys of prometheus.yml, such as "rule_files"; it may replace ours. `flags` are
    further words of its command line.
    Raises ServerStartError where there is no Prometheus or it does not start.
    """
    binary = find_prometheus()
    if binary is None:
        raise ServerStartError("There is no `prometheus` on PATH: apt-get install prometheus")
    work.mkdir(parents=True, exist_ok=True)
    config = work / "prometheus.yml"
    # JSON is YAML.
    config.write_text(json.dumps(_config(targets, scrape_interval, job, honor_labels) | dict(config_extra or {})))
    server = started_on_free_port(lambda port: PrometheusServer(binary, config, work, port, flags))
    try:
        yield server
    finally:
        server.stop()


def _config(targets: Sequence[str], interval: str, job: str, honor_labels: bool) -> dict[str, object]:
    scrape = {
        "job_name": job,
        "honor_labels": honor_labels,
        "static_configs": [{"targets": list(targets)}],
    }
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "scrape_configs": [scrape],
    }
