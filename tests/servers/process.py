"""One server process: started, watched, paused and ended by its own process id.

Invariants: a process never outlives its test run. It is stopped by its owner, else at interpreter exit, else (where
util-linux has `setpriv`) by the kernel when the run dies. Its output goes to a file, whose tail is part of every
message about a failed start.
"""

import atexit
import os
import shutil
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from servers.places import free_port, give_to_server_user, server_user

POLL_S = 0.02
PORT_ATTEMPTS = 3
PORT_TAKEN = ("address already in use", "eaddrinuse")
_running: "weakref.WeakSet[ServerProcess]" = weakref.WeakSet()


class ServerStartError(RuntimeError):
    """A server did not come up; the message ends with the tail of its log."""


class ServerProcess:
    """A command that runs in the background, in a session of its own.

    `environment` is all the process sees of environment variables, apart from PATH, HOME, LANG and TZ, which are set
    here. `unprivileged` runs it as `places.server_user()` where the tests run as root.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        unprivileged: bool = False,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._command = [str(word) for word in command]
        self._environment = base_environment(folder) | dict(environment or {})
        self._unprivileged = unprivileged
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started.")
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        if self.is_running():
            raise RuntimeError(f"{self.name} runs already, as process {self.pid}.")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_launcher(unprivileged=self._unprivileged), *self._command],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _running.add(self)

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait until `ready()`; raises ServerStartError when the process ends first, or when time is up."""
        give_up = time.monotonic() + timeout_s
        while not ready():
            if not self.is_running():
                raise ServerStartError(self._explain(f"ended with status {self._status()}"))
            if time.monotonic() > give_up:
                raise ServerStartError(self._explain(f"was not ready within {timeout_s:g} s"))
            time.sleep(POLL_S)

    def stop(self, *, how: signal.Signals = signal.SIGTERM, grace_s: float = 10.0) -> None:
        """Ask it to end; kill it after `grace_s` seconds. Nothing happens where it ended already."""
        if self._process is not None and self.is_running():
            self.resume()
            self._process.send_signal(how)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.kill()
        _running.discard(self)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        _running.discard(self)

    def pause(self) -> None:
        """Freeze it: connections are still accepted by the kernel, nothing answers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)

    def log_tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _status(self) -> int | None:
        return None if self._process is None else self._process.returncode

    def _explain(self, what: str) -> str:
        return f"{self.name} {what}. The end of {self.log}:\n{self.log_tail() or '(empty)'}"


class Server(Protocol):
    """What can be started and stopped, and has one main process."""

    @property
    def process(self) -> ServerProcess: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


S = TypeVar("S", bound=Server)


def started_on_free_port(build: Callable[[int], S]) -> S:
    """Build a server for a free port and start it; again, where another program was quicker to take the port."""
    for attempt in range(1, PORT_ATTEMPTS + 1):
        server = build(free_port())
        try:
            server.start()
        except BaseException:
            server.stop()
            log = server.process.log_tail().lower()
            if attempt == PORT_ATTEMPTS or not any(words in log for words in PORT_TAKEN):
                raise
        else:
            return server
    raise AssertionError("unreachable: the last attempt returns or raises")


def base_environment(home: Path) -> dict[str, str]:
    """What every server sees: nothing of the caller's settings, proxies or secrets."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC"}


def run_tool(command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a short command as the servers' user; raises ServerStartError with its output when it fails."""
    give_to_server_user(folder)
    done = subprocess.run(
        [*_launcher(unprivileged=True), *map(str, command)],
        cwd=folder,
        env=base_environment(folder) | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise ServerStartError(f"{command[0]} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")


def _launcher(*, unprivileged: bool) -> list[str]:
    """The words before a command: become another user, and die with the parent. They replace themselves by it."""
    user = server_user() if unprivileged else None
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if user is not None:
            raise ServerStartError("Running as root: `setpriv` (Debian package util-linux) is needed, and is not there.")
        return []
    become = [f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"] if user else []
    return [setpriv, "--pdeathsig=KILL", *become]


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        process.kill()
