"""Where servers for tests live, on which ports, and as whom they run.

Servers of root run as an unprivileged user (PostgreSQL refuses root), so none of their folders may hang below one that
only root can enter: not below root's home, nor below pytest's temporary folders.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servers.leftovers import clear_leftovers, owned

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE_NAME = "rolloutctl-tests"


@dataclass(frozen=True, slots=True)
class ServerUser:
    """An unprivileged account that servers run as when the tests run as root."""

    name: str
    uid: int
    gid: int


def server_user() -> ServerUser | None:
    """Whom to become for a server; None where we are unprivileged already."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return ServerUser(account.pw_name, account.pw_uid, account.pw_gid)
    raise RuntimeError("Running as root, and there is no user `postgres` or `nobody` to run servers as.")


def cache_folder() -> Path:
    """The folder for installed servers; it outlives the checkout, so that a fresh clone finds them again."""
    candidates = [_user_cache(), CHECKOUT / ".cache"]
    for base in candidates:
        folder = base / CACHE_NAME
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                folder.chmod(0o755)  # whatever root's umask is, the servers' user must get in
            if os.access(folder, os.W_OK):
                return folder
    tried = ", ".join(str(base / CACHE_NAME) for base in candidates)
    raise RuntimeError(f"No folder for the servers of the tests can be written. Tried: {tried}")


def _user_cache() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache")
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path("~/.cache").expanduser()


@contextlib.contextmanager
def work_folder(purpose: str) -> Iterator[Path]:
    """A folder for one server's files, owned by the user it runs as; removed at the end."""
    clear_leftovers(Path(tempfile.gettempdir()), f"{CACHE_NAME}-")
    folder = Path(tempfile.mkdtemp(prefix=f"{CACHE_NAME}-{purpose}-"))
    try:
        with owned(folder):
            give_to_server_user(folder)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give_to_server_user(path: Path) -> None:
    if user := server_user():
        os.chown(path, user.uid, user.gid)


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold the file `lock` against other processes; waits for them."""
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
