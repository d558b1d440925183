"""Which config files there are, and what they say before anybody has checked it.

Apart from `settings.py`, which validates: to find the journal and the colours of a config that was validated before, its raw
text is enough, and loads no pydantic. The digest of the bytes says that it is still the same config.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from platformdirs.unix import Unix

from rolloutctl.engine.config.merge import Merged
from rolloutctl.engine.config.paths import SQLITE, anchored, home, on_a_server
from rolloutctl.errors import InvalidInput

_APP = "rolloutctl"
PREFIX = "ROLLOUTCTL_"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of this machine decides where settings come from."""

    cwd: Path
    environ: Mapping[str, str]
    config_home: Path
    """`$XDG_CONFIG_HOME/rolloutctl` or its default."""
    state_home: Path
    """`$XDG_STATE_HOME/rolloutctl` or its default."""

    @classmethod
    def here(cls) -> Surroundings:
        """Raises InvalidInput where there is no home, or no folder to be in."""
        # XDG on every system: one place to document, and what terminal people expect.
        folders = Unix(_APP)
        try:
            return cls(Path.cwd(), dict(os.environ), folders.user_config_path, folders.user_state_path)
        except RuntimeError:
            raise InvalidInput(
                "there is no home folder to look for a config in.",
                remedy="Set HOME, or XDG_CONFIG_HOME and XDG_STATE_HOME, to absolute paths.",
            ) from None
        except FileNotFoundError:
            raise InvalidInput("the folder you are in is not there any more.", remedy="Change to another one.") from None

    def variables(self) -> dict[str, str]:
        """Those of the environment that set a value, by name."""
        named = sorted(self.environ.items())
        return {name: text for name, text in named if name.startswith(PREFIX) and "__" in name.removeprefix(PREFIX)}


@dataclass(frozen=True, slots=True)
class RawConfig:
    """The merged text of all files, not validated: good for nothing unless `digest` is that of a config which was."""

    files: tuple[Path, ...]
    """Weakest first."""
    data: Mapping[str, Any]
    """Relative paths are absolute."""
    digest: str
    journal: Path
    """Where the SQLite journal is; it need not exist."""

    def text(self, table: str, key: str) -> str | None:
        value = self.table(table).get(key)
        return value if isinstance(value, str) else None

    def table(self, name: str) -> Mapping[str, Any]:
        found = self.data.get(name)
        return found if isinstance(found, dict) else {}


def config_files(explicit: Path | None, surroundings: Surroundings) -> tuple[Path, ...]:
    """Weakest first; the explicit one is listed whether it exists or not."""
    usual = (surroundings.config_home / "config.toml", surroundings.cwd / "rolloutctl.toml")
    # isfile says no, rather than raising, where a folder on the way may not be entered.
    found = [path for path in usual if os.path.isfile(path)]  # noqa: PTH113
    if explicit is None:
        return tuple(found)
    path = surroundings.cwd / home(explicit)
    return (*(other for other in found if other != path), path)


def digest_of(files: Sequence[tuple[Path, bytes]]) -> str:
    """Names a config by where its files are and what they hold."""
    named = sha256(b"rolloutctl-config-1\0")
    for path, raw in files:
        named.update(f"{path}\0{sha256(raw).hexdigest()}\0".encode(errors="surrogateescape"))
    return named.hexdigest()


def raw_config(explicit: Path | None, surroundings: Surroundings) -> RawConfig | None:
    """None where only reading it properly will do: a value from the environment, no readable TOML, a journal that is no file."""
    if surroundings.variables():
        return None
    files = config_files(explicit, surroundings)
    try:
        read = [(path, path.read_bytes()) for path in files]
        merged = Merged()
        for path, raw in read:
            merged.take(anchored(tomllib.loads(raw.decode("utf-8-sig")), path.parent), {})
    except (OSError, ValueError, RecursionError):
        return None
    table = merged.data.get("journal")
    url = table.get("url", "") if isinstance(table, dict) else ""
    if not isinstance(url, str) or (url and not url.startswith(SQLITE)):
        return None
    place = journal_place(url, surroundings.state_home)
    return RawConfig(files, merged.data, digest_of(read), place) if place is not None else None


def journal_place(url: str, state_home: Path) -> Path | None:
    """None: it is a database on a server."""
    if on_a_server(url):
        return None
    return Path(url.removeprefix(SQLITE)) if url else state_home / "journal.db"
