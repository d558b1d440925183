"""A private PostgreSQL cluster: own data folder, own port, own password, thrown away afterwards.

It trades durability for speed, so it is of no use for tests of what a power cut does.
"""

import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.places import give_to_server_user
from servers.process import ServerProcess, ServerStartError, run_tool, started_on_free_port

READY_S = 30.0
SUPERUSER = "tests"
FAST_AND_FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")
STATUS_LINE = 7  # of postmaster.pid, counted from 0


class PostgresServer:
    """A cluster at 127.0.0.1:`port`; `start` after `stop` or `kill` finds the data again."""

    def __init__(self, programs: Path, work: Path, port: int, password: str) -> None:
        self.port = port
        self.password = password
        self._programs = programs
        self._work = work
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", *FAST_AND_FORGETFUL)
        options = [word for setting in settings for word in ("-c", setting)]
        command: list[str | Path] = [programs / "postgres", "-D", work / "data", "-p", str(port), *options]
        self.process = ServerProcess("postgres", command, folder=work, unprivileged=True)

    @property
    def pid(self) -> int:
        return self.process.pid

    def url(self, database: str) -> str:
        return f"postgres://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> None:
        command: list[str | Path] = [self._programs / "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, name]
        run_tool(command, folder=self._work, environment={"PGPASSWORD": self.password})

    def start(self) -> None:
        self.process.start()
        self.process.wait_until(self._is_ready, timeout_s=READY_S)

    def stop(self) -> None:
        """End it and every connection."""
        self.resume()
        self.process.stop(how=signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would."""
        self.resume()
        self.process.kill()

    def pause(self) -> None:
        """Freeze all of its processes: a database that hangs. The parent first, so that it starts no new ones."""
        self.process.pause()
        self._signal_children(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_children(signal.SIGCONT)
        self.process.resume()

    def _signal_children(self, which: signal.Signals) -> None:
        if not self.process.is_running():
            return
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        for pid in map(int, children.read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)

    def _is_ready(self) -> bool:
        """Whether it takes connections. It opens its port earlier, and says in postmaster.pid when it means it."""
        with contextlib.suppress(OSError, IndexError):
            lines = (self._work / "data" / "postmaster.pid").read_text().splitlines()
            return lines[0] == str(self.pid) and lines[STATUS_LINE].strip() == "ready"
        return False


@dataclass(frozen=True, slots=True)
class Database:
    """An empty database of a running cluster."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """Without a password: that comes from the environment."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.server.port}/{self.name}"


def find_postgres() -> Path | None:
    """The folder of the programs of the newest PostgreSQL here."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    for folder in [*reversed(versions), *([Path(on_path).parent] if on_path else [])]:
        if all((folder / name).exists() for name in ("initdb", "postgres", "createdb")):
            return folder
    return None


@contextlib.contextmanager
def running_postgres(*, work: Path) -> Iterator[PostgresServer]:
    """A new cluster with its files in `work`, which the servers' user must be able to enter.

    Raises ServerStartError where there is no PostgreSQL or it does not start.
    """
    programs = find_postgres()
    if programs is None:
        raise ServerStartError("There is no PostgreSQL on this machine: apt-get install postgresql")
    work.mkdir(parents=True, exist_ok=True)
    give_to_server_user(work)
    password = _create_cluster(programs, work)
    server = started_on_free_port(lambda port: PostgresServer(programs, work, port, password))
    try:
        yield server
    finally:
        server.stop()


def _create_cluster(programs: Path, work: Path) -> str:
    """Fill `work`/data; answers the superuser's password."""
    password = secrets.token_hex(16)
    secret = work / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    give_to_server_user(secret)
    login = ["-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={secret}"]
    run_tool([programs / "initdb", "-D", work / "data", *login, "-E", "UTF8", "--no-locale", "--no-sync"], folder=work)
    return password
