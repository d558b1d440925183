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
from rolloutctl.engine.config_paths import SQLITE, anchored
from rolloutctl.errors import ConfigInvalid, InvalidInput, Place
from rolloutctl.not_yet import CONFIG
from rolloutctl.shown import printable
from rolloutctl.strict_toml import MAX_BYTES, Document, decode, parse, validate
from rolloutctl.toml_models import annotations_at
from rolloutctl.toml_words import dotted

_APP = "rolloutctl"
_PREFIX = "ROLLOUTCTL_"
# Tables that mean something only as a whole: half of one and half of another would be neither.
_WHOLE = frozenset({"auth", "client_auth", "token", "password"})


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
    merged, places = _Merged(), {}
    for path in files:
        document = _read(path)
        merged.take(anchored(document.data, path.parent), document.places)
    _take_environment(merged, surroundings)
    places = merged.places
    document = Document(str(files[-1]) if files else "config", merged.data, places)
    config = validate(Config, document, ConfigInvalid, CONFIG)
    origins = {dotted(key): str(Place(place.file, place.line)) for key, place in places.items()}
    return Settings(config, origins, files, surroundings.state_home)


def journal_path(settings: Settings) -> Path:
    """Where the SQLite journal is; the folder need not exist yet."""
    url = settings.config.journal.url
    return Path(url.removeprefix(SQLITE)) if url else settings.state_home / "journal.db"


def effective(settings: Settings) -> tuple[Effective, ...]:
    """Every value in force, with where it came from; secrets as where they are read from, never what they are."""
    lines: list[Effective] = []
    for key, value in _leaves(settings.config, ()):
        origin = next(
            (settings.origins[dotted(key[:n])] for n in range(len(key), 0, -1) if dotted(key[:n]) in settings.origins), ""
        )
        lines.append(Effective(dotted(key), value, origin if origin and _said(settings, key) else "default"))
    return tuple(lines)


def _files(explicit: Path | None, surroundings: Surroundings) -> tuple[Path, ...]:
    usual = (surroundings.config_home / "config.toml", surroundings.cwd / "rolloutctl.toml")
    found = [path for path in usual if path.is_file()]
    if explicit is not None:
        found.append(surroundings.cwd / explicit.expanduser())
    return tuple(dict.fromkeys(found))


def _read(path: Path) -> Document:
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = f"the config file cannot be read: {(error.strerror or 'unknown trouble').lower()}."
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


class _Merged:
    """The values so far and their places; later ones replace earlier ones key by key."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.places: dict[Key, Place] = {}

    def take(self, data: Mapping[str, Any], places: Mapping[Key, Place]) -> None:
        self._table(self.data, data, (), places)

    def _table(self, into: dict[str, Any], data: Mapping[str, Any], key: Key, places: Mapping[Key, Place]) -> None:
        for name, value in data.items():
            here = (*key, name)
            present = into.get(name)
            if isinstance(value, dict) and isinstance(present, dict) and name not in _WHOLE:
                self._table(present, value, here, places)
            else:
                self.put(into, here, value, places)

    def put(self, into: dict[str, Any], key: Key, value: object, places: Mapping[Key, Place]) -> None:
        name = str(key[-1])
        self.forget(key)
        into[name] = value
        self.places.update({place: at for place, at in places.items() if place[: len(key)] == key})
        for length in range(1, len(key)):
            if key[:length] in places:
                self.places.setdefault(key[:length], places[key[:length]])

    def forget(self, key: Key) -> None:
        for place in [place for place in self.places if place[: len(key)] == key]:
            del self.places[place]


def _take_environment(merged: _Merged, surroundings: Surroundings) -> None:
    for variable in sorted(surroundings.environ):
        path = variable.removeprefix(_PREFIX)
        if path == variable or "__" not in path:
            continue
        key: list[str] = []
        table: Any = merged.data
        parts = path.split("__")
        for depth, part in enumerate(parts):
            name = _known_name(table, part)
            key.append(name)
            if depth == len(parts) - 1:
                break
            inner = table.get(name)
            alone = name in ("token", "password")
            if not isinstance(inner, dict) or alone:
                inner = {}
                merged.forget(tuple(key))
                table[name] = inner
            table = inner
        full = tuple(key)
        value = _typed(full, surroundings.environ[variable], merged.data)
        merged.put(table, full, value, {full: Place(f"environment variable {variable}")})
    merged.data = anchored_environment(merged, surroundings.cwd)


def anchored_environment(merged: _Merged, cwd: Path) -> dict[str, Any]:
    """Paths from files are absolute by now; what is still relative came from a variable."""
    return anchored(merged.data, cwd)


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


def _said(settings: Settings, key: Key) -> bool:
    """Whether the value itself was said, and not only its table."""
    return dotted(key) in settings.origins or any(
        isinstance(part, str) and dotted(key[: index + 1]) in settings.origins and part in _WHOLE
        for index, part in enumerate(key)
    )


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
