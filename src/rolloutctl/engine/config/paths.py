"""Relative paths in a config are relative to the file they stand in, and `~` is the user's home."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SQLITE = "sqlite:///"
_ON_A_SERVER = ("postgresql://", "postgres://")
_TLS_FILES = ("ca", "cert", "key")
_SECRETS = ("token", "password", "routing_key", "url")
"""Keys whose value may be a table that says where a secret is read from."""
_FROM = frozenset({"env", "file", "command", "keyring"})


def anchored(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A copy in which every path is absolute: certificates, files and programs of secrets, the journal's database."""
    return {name: _anchor(value, name, folder) for name, value in data.items()}


def _anchor(value: object, name: str, folder: Path) -> object:
    if not isinstance(value, dict):
        return value
    if name == "journal":
        return {key: _of_journal(item, key, folder) for key, item in value.items()}
    if name == "operator":
        return {key: _path(item, folder) if key == "signing_key" else item for key, item in value.items()}
    if name == "rehearsals":
        return {key: _path(item, folder) if key == "records" else item for key, item in value.items()}
    if name == "tls":
        return {key: _path(item, folder) if key in _TLS_FILES else item for key, item in value.items()}
    if name in _SECRETS and set(value) <= _FROM:
        return {key: _secret(item, key, folder) for key, item in value.items()}
    return {key: _anchor(item, key, folder) for key, item in value.items()}


def _of_journal(value: object, key: str, folder: Path) -> object:
    match key:
        case "url":
            return _journal(value, folder)
        case "witness":
            return _path(value, folder)
        case _:
            return _anchor(value, key, folder)


def _path(value: object, folder: Path) -> object:
    return str(folder / home(Path(value))) if isinstance(value, str) and value else value


def _secret(value: object, key: str, folder: Path) -> object:
    if key == "file":
        return _path(value, folder)
    # A bare program name is looked up on PATH; one with a slash is a path.
    if key == "command" and isinstance(value, list) and value and isinstance(value[0], str) and "/" in value[0]:
        return [_path(value[0], folder), *value[1:]]
    return value


def _journal(value: object, folder: Path) -> object:
    if not isinstance(value, str) or not value.startswith(SQLITE) or value == SQLITE:
        return value
    return f"{SQLITE}{folder / home(Path(value.removeprefix(SQLITE)))}"


def on_a_server(url: str) -> bool:
    """The URL of a journal names a PostgreSQL database and no file."""
    return url.startswith(_ON_A_SERVER)


def home(path: Path) -> Path:
    """`~` as the user's home."""
    try:
        return path.expanduser()
    except RuntimeError:
        # No such user: the path stays as written, and opening it says so.
        return path
