"""Starts a demo world as its own process and ends it by its own process id."""

import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Final

import httpx
from pydantic import ValidationError

from rolloutctl.demo.ready import WorldUrls
from rolloutctl.demo.scenarios import SERVICES, Scenario
from rolloutctl.demo.service import identities
from rolloutctl.errors import Failed

READY_LIMIT_S: Final = 30.0
SCRAPED_LIMIT_S: Final = 20.0
_STOP_LIMIT_S: Final = 8.0
_LOG_LINES: Final = 5


@contextmanager
def running_world(
    *,
    speed: float = 1.0,
    scenarios: Sequence[Scenario] = (),
    seed: int = 1,
    embedded_metrics: bool = False,
    flags_port: int = 0,
) -> Iterator[WorldUrls]:
    """Run a world (no scenarios: all of them) until the block ends.

    Its own session keeps a Ctrl+C at the terminal away from it; its standard input is a pipe that closes with this
    process, so it cannot be left behind. Raises Failed with the end of its log when it does not become ready.
    """
    command = [sys.executable, "-m", "rolloutctl.demo.world", f"--speed={speed:g}", f"--seed={seed}"]
    command += [f"--port={flags_port}", *(f"--scenario={each.value}" for each in scenarios)]
    if embedded_metrics:
        command.append("--embedded-metrics")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
            start_new_session=True,
        )
        with process:
            try:
                yield _wait_ready(process, log)
            finally:
                _stop(process)


def _wait_ready(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> WorldUrls:
    assert process.stdout is not None
    line = _read_line(process.stdout, READY_LIMIT_S)
    try:
        return WorldUrls.model_validate_json(line)
    except ValidationError:
        log.seek(0)
        tail = " / ".join(log.read().decode(errors="replace").splitlines()[-_LOG_LINES:])
        raise Failed(f"the demo's world did not become ready within {READY_LIMIT_S:g} s: {tail or 'it said nothing'}") from None


def _read_line(stream: IO[bytes], limit_s: float) -> bytes:
    deadline, line = time.monotonic() + limit_s, b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        chunk = stream.read(4096) if ready else b""
        if not chunk:
            break
        line += chunk
    return line


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_scraped(world: WorldUrls, limit_s: float = SCRAPED_LIMIT_S) -> None:
    """Wait until every simulated host has been scraped; a real Prometheus begins some 5 s after it is ready.

    Raises Failed after `limit_s` seconds.
    """
    hosts = sum(len(identities(SERVICES[scenario])) for scenario in world.scenarios)
    deadline = time.monotonic() + limit_s
    with httpx.Client(base_url=world.metrics_url, timeout=2.0, trust_env=False) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                result = client.get("/api/v1/query", params={"query": "count(up == 1)"}).json()["data"]["result"]
                if result and float(result[0]["value"][1]) >= hosts:
                    return
            time.sleep(0.1)
    raise Failed(f"not all of the demo's {hosts} hosts were scraped within {limit_s:g} s by {world.metrics}")
