"""Runs the Prometheus that is on PATH for the demo: own configuration, loopback only, ended by its own process id."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from rolloutctl.demo.http import LOOPBACK
from rolloutctl.errors import Failed

START_LIMIT_S: Final = 15.0
_STOP_LIMIT_S: Final = 5.0


def find_prometheus() -> str | None:
    return shutil.which("prometheus")


class PrometheusProcess:
    """Start it from the main thread: the kernel ends it when the thread that started it ends."""

    def __init__(self, binary: str, config: str, work: Path) -> None:
        self._log = work / "prometheus.log"
        path = work / "prometheus.yml"
        path.write_text(config, encoding="utf-8")
        self.url = f"http://{LOOPBACK}:{_free_port()}"
        command = [
            *(sys.executable, "-m", "rolloutctl.demo.child", str(os.getpid()), binary),
            f"--config.file={path}",
            f"--storage.tsdb.path={work / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--storage.tsdb.retention.time=12h",
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603

    def wait_ready(self, stopped: Callable[[], bool]) -> str:
        """Wait until it answers; return its version. Raises Failed with the end of its log."""
        deadline = time.monotonic() + START_LIMIT_S
        with httpx.Client(base_url=self.url, timeout=1.0, trust_env=False) as client:
            while time.monotonic() < deadline and self._process.poll() is None and not stopped():
                try:
                    if client.get("/-/ready").status_code == httpx.codes.OK:
                        return str(client.get("/api/v1/status/buildinfo").json()["data"]["version"])
                except httpx.HTTPError:
                    pass
                time.sleep(0.05)
        tail = " / ".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])
        raise Failed(f"the Prometheus on PATH did not become ready in {START_LIMIT_S:g} s: {tail}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        # A Prometheus stopped by SIGSTOP does not see SIGTERM.
        self._process.terminate()
        try:
            self._process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
