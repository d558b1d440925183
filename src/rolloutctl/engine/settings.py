"""The effective config: files and environment variables merged key by key, and where each value came from.

Later ones win: config.toml under the XDG config folder, `./rolloutctl.toml`, `--config FILE`, then environment variables
`ROLLOUTCTL_SECTION__KEY`. Relative paths in a file are relative to that file. Nothing here reads a secret.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from platformdirs.unix import Unix
from pydantic import BaseModel

from rolloutctl.config import Config, FromCommand, FromEnv, FromFile
from rolloutctl.constraints import Key
from rolloutctl.engine.config_merge import Merged
from rolloutctl.engine.config_paths import SQLITE, anchored, home
from rolloutctl.errors import ConfigInvalid, InvalidInput, Place
from rolloutctl.not_yet import CONFIG
from rolloutctl.shown import printable
from rolloutctl.strict_toml import MAX_BYTES, Document, decode, parse, validate
from rolloutctl.toml_models import annotations_at
from rolloutctl.toml_words import dotted

_APP = "rolloutctl"
_PREFIX = "ROLLOUTCTL_"


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
        # XDG on every system: one place to document, and what terminal people expect.
        folders = Unix(_APP)
        return cls(Path.cwd(), dict(os.environ), folders.user_config_path, folders.user_state_path)


@dataclass(frozen=True, slots=True)
class Settings:
    config: Config
    origins: Mapping[str, str]
    """Dotted key -> file and line, or environment variable; a key that is missing here has its default."""
    files: tuple[Path, ...]
    """Files that were read, weakest first."""
    state_home: Path


@dataclass(frozen=True, slots=True)
class Effective:
    """One line of `config show`."""

    key: str
    value: str
    origin: str


def read_settings(explicit: Path | None, surroundings: Surroundings) -> Settings:
    """Raises ConfigInvalid; files that are not there are fine, but for the explicit one."""
    files = _files(explicit, surroundings)
    merged = Merged()
    for path in files:
        document = _read(path)
        merged.take(anchored(document.data, path.parent), document.places)
    for variable, text in sorted(surroundings.environ.items()):
        if variable.startswith(_PREFIX) and "__" in variable.removeprefix(_PREFIX):
            _take_variable(merged, variable, text)
    # Paths from files are absolute by now; one that still is not came from a variable.
    data = anchored(merged.data, surroundings.cwd)
    config = validate(Config, Document(str(files[-1]) if files else "config", data, merged.places), ConfigInvalid, CONFIG)
    origins = {dotted(key): str(Place(place.file, place.line)) for key, place in merged.places.items()}
    return Settings(config, origins, files, surroundings.state_home)


def journal_path(settings: Settings) -> Path:
    """Where the SQLite journal is; the folder need not exist yet."""
    url = settings.config.journal.url
    return Path(url.removeprefix(SQLITE)) if url else settings.state_home / "journal.db"


def effective(settings: Settings) -> tuple[Effective, ...]:
    """Every value in force, with where it came from; secrets as where they are read from, never what they are."""
    return tuple(
        Effective(dotted(key), value, settings.origins.get(dotted(key), "default")) for key, value in _leaves(settings.config, ())
    )


def _files(explicit: Path | None, surroundings: Surroundings) -> tuple[Path, ...]:
    usual = (surroundings.config_home / "config.toml", surroundings.cwd / "rolloutctl.toml")
    # isfile says no, rather than raising, where a folder on the way may not be entered.
    found = [path for path in usual if os.path.isfile(path)]  # noqa: PTH113
    if explicit is None:
        return tuple(found)
    path = surroundings.cwd / home(explicit)
    return (*(other for other in found if other != path), path)


def _read(path: Path) -> Document:
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        trouble = (error.strerror or "").lower() if isinstance(error, OSError) else ""
        why = f"the config file cannot be read: {trouble or 'it has no usable name'}."
        raise ConfigInvalid((InvalidInput(why, remedy="Check the path and its permissions.", place=Place(name)),)) from None
    try:
        document = parse(decode(raw, name), name)
    except InvalidInput as error:
        raise ConfigInvalid((error,)) from None
    version = document.data.get("format", 1)
    if version != 1 or isinstance(version, bool):
        problem = InvalidInput(
            "this version reads format 1.", remedy="Write format = 1, or use a newer version.", place=document.place(("format",))
        )
        raise ConfigInvalid((problem,))
    return document


def _take_variable(merged: Merged, variable: str, text: str) -> None:
    place = Place(f"environment variable {variable}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigInvalid((InvalidInput("the value is not UTF-8 text.", place=place),)) from None
    table: Mapping[str, Any] = merged.data
    key: Key = ()
    for part in variable.removeprefix(_PREFIX).split("__"):
        key = (*key, _known_name(table, part))
        inner = table.get(str(key[-1]))
        table = inner if isinstance(inner, dict) else {}
    merged.put(key, _typed(key, text, merged.data), place)


def _known_name(table: Mapping[str, Any], part: str) -> str:
    """The key that a variable's part means: as it is written where it is known already, else in lower case."""
    plain = _plain(part)
    return next((name for name in table if _plain(name) == plain), part.lower())


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _typed(key: Key, text: str, data: object) -> object:
    """A variable is text; where no text is wanted it is read as TOML would."""
    wanted = annotations_at(Config, data, key)
    if not wanted or not all(a in (bool, int) or get_origin(a) in (tuple, dict) or _is_model(a) for a in wanted):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return text


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _leaves(value: object, key: Key) -> Iterator[tuple[Key, str]]:
    match value:
        case FromEnv():
            yield key, f"«from env {value.env}»"
        case FromFile():
            yield key, f"«from file {value.file}»"
        case FromCommand():
            yield key, f"«from command {value.command[0]}»"
        case BaseModel():
            plain = value.model_dump(mode="json")
            for name in type(value).model_fields:
                inner = getattr(value, name)
                nested = isinstance(inner, (BaseModel, dict))
                yield from _leaves(inner if nested else plain[name], (*key, name))
        case dict():
            for name, inner in value.items():
                yield from _leaves(inner, (*key, name))
        case None:
            yield key, "not set"
        case bool():
            yield key, "true" if value else "false"
        case list():
            yield key, printable(", ".join(map(str, value)) or "none")
        case _:
            yield key, printable(str(value))
