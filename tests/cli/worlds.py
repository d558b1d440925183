"""Real commands as processes and in this process, against the demo's flag server and metrics on loopback."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from rolloutctl.__main__ import screen
from rolloutctl.cli.app import run
from rolloutctl.demo.ready import WorldUrls

RUN = (sys.executable, "-m", "rolloutctl")
PLAN = """
format = 1
name = "{name}"
owner = "ana"
[flag]
provider = "flags"
key = "{name}"
environment = "production"
stickiness = "userId"
[metrics]
source = "metrics"
canary = 'version="7.2.0"'
baseline = 'version="6.9.4"'
step = "1s"
max_sample_age = "20s"
[judge]
min_time = "0s"
[rollback]
on_breach = "ask"
watch_after = "2s"
[[criteria]]
id = "load"
type = "value"
test = "threshold"
expr = 'sum(http_requests_total{{job="checkout",version="6.9.4"}})'
min = 0
window = "2s"
breach_after = "1s"
[[gates]]
id = "legal"
title = "Legal"
owner = "ana"
before = "{gated}"
checks = ["papers are signed", "data may stay"]
[[phases]]
name = "five"
owner = "ana"
cohort = {{ percent = 5 }}
bake = "{bake}"
deadline = "4h"
settle_time = "0s"
[[phases]]
name = "everyone"
owner = "ana"
cohort = {{ percent = 100 }}
bake = "1s"
deadline = "4h"
settle_time = "0s"
"""
CONFIG = """
format = 1
[journal]
url = "sqlite:///{folder}/journal.db"
lease = "3s"
[operator]
name = "{operator}"
[operators.ana]
role = "approver"
[operators.vera]
role = "viewer"
[sources.metrics]
type = "prometheus"
url = "{metrics}"
timeout = "3s"
connect_timeout = "1s"
[providers.flags]
type = "unleash"
url = "{flags}"
auth = {{ type = "token", token = {{ env = "CLI_TEST_ADMIN" }} }}
client_auth = {{ type = "token", token = {{ env = "CLI_TEST_CLIENT" }} }}
settle_time = "0s"
connect_timeout = "500ms"
timeout = "{timeout}"
[environments.production]
production = true
[ui]
interval = "500ms"
"""
NOWHERE = "http://127.0.0.1:9"
"""The discard port: nobody listens there."""


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Bench:
    """A folder with a config, a flag of its own at the world's flag server, and a plan for it."""

    folder: Path
    world: WorldUrls
    name: str
    env: dict[str, str] = field(default_factory=dict)

    def write(self, *, gated: str = "everyone", bake: str = "1s", plan: str = PLAN) -> Path:
        path = self.folder / "plan.toml"
        path.write_text(plan.format(name=self.name, gated=gated, bake=bake))
        return path

    def config(self, *, flags: str | None = None, metrics: str | None = None, operator: str = "ana", timeout: str = "2s") -> Path:
        path = self.folder / f"config-{operator}{'-x' if flags or metrics else ''}.toml"
        urls = {"flags": flags or self.world.flags_url, "metrics": metrics or self.world.metrics_url}
        path.write_text(CONFIG.format(folder=self.folder, operator=operator, timeout=timeout, **urls))
        return path

    def run(self, *arguments: str, config: Path | None = None) -> Done:
        """In this process, as `python -m rolloutctl` would."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(["--config", str(config or self.config()), *arguments], screen)
        assert "Traceback" not in err.getvalue(), err.getvalue()
        assert "should not" not in err.getvalue(), err.getvalue()
        return Done(code, out.getvalue(), err.getvalue())

    def run_alone(self, *arguments: str, timeout_s: float = 60.0) -> Done:
        """As a process of its own."""
        done = subprocess.run(
            [*RUN, "--config", str(self.config()), *arguments],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(self, *arguments: str, config: Path | None = None) -> Iterator[Running]:
        out, err = (self.folder / f"{kind}-{uuid.uuid4().hex[:6]}.txt" for kind in ("out", "err"))
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                [*RUN, "--config", str(config or self.config()), *arguments],
                env=self.env,
                cwd=self.folder,
                stdout=to_out,
                stderr=to_err,
            )
        try:
            yield Running(process, out, err)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def percent(self) -> int | None:
        """What the flag server's admin API says now; None: off."""
        with httpx.Client(
            base_url=self.world.flags_url, headers={"Authorization": self.world.admin_token}, trust_env=False
        ) as http:
            document = http.get(f"/api/admin/projects/default/features/{self.name}").json()
        production = next(each for each in document["environments"] if each["name"] == "production")
        if not production["enabled"]:
            return None
        return int(production["strategies"][0]["parameters"]["rollout"])


@dataclass
class Running:
    """A process whose output goes to files, so that reading it never waits longer than it should."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    read: int = 0
    """Lines of `out` that were given."""

    def line(self, within_s: float = 30.0) -> str:
        """The next line; fails when there is none in time."""
        deadline = time.monotonic() + within_s
        while True:
            lines = [line for line in self.out.read_text().splitlines(keepends=True) if line.endswith("\n")]
            if len(lines) > self.read:
                self.read += 1
                return lines[self.read - 1]
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"no more lines (ended: {ended}) after {lines!r}; stderr: {self.err.read_text()}")
            time.sleep(0.02)

    def until(self, words: str, within_s: float = 30.0) -> str:
        """Read lines until one has `words`."""
        while words not in (line := self.line(within_s)):
            pass
        return line

    def end(self, number: int = signal.SIGTERM) -> Done:
        self.process.send_signal(number)
        code = self.process.wait(30)
        error = self.err.read_text()
        assert "Traceback" not in error, error
        return Done(code, self.out.read_text(), error)


def environment(folder: Path, world: WorldUrls) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROLLOUTCTL_")}
    return kept | {
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "xdg"),
        "CLI_TEST_ADMIN": world.admin_token,
        "CLI_TEST_CLIENT": world.client_token,
        "PYTHONWARNINGS": "error",
    }
