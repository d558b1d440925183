"""The effective config: files and environment variables merged key by key, and where each value came from.

Later ones win: config.toml under the XDG config folder, `./rolloutctl.toml`, `--config FILE`, then environment variables
`ROLLOUTCTL_SECTION__KEY`. Relative paths in a file are relative to that file. Nothing here reads a secret.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel

from rolloutctl.config import Config, FromCommand, FromEnv, FromFile
from rolloutctl.constraints import Key
from rolloutctl.engine.config.files import PREFIX, Surroundings, config_files, digest_of, journal_place
from rolloutctl.engine.config.merge import Merged
from rolloutctl.engine.config.paths import anchored
from rolloutctl.errors import ConfigInvalid, InvalidInput, Place
from rolloutctl.not_yet import CONFIG
from rolloutctl.shown import printable
from rolloutctl.strict_toml import MAX_BYTES, Document, decode, parse, validate
from rolloutctl.toml_models import annotations_at
from rolloutctl.toml_words import dotted

__all__ = ["Surroundings"]


@dataclass(frozen=True, slots=True)
class Settings:
    config: Config
    origins: Mapping[str, str]
    """Dotted key -> file and line, or environment variable; a key that is missing here has its default."""
    files: tuple[Path, ...]
    """Files that were read, weakest first."""
    state_home: Path
    digest: str = ""
    """Of the files' places and bytes, as `config_files.raw_config` gives it; empty where variables have a say."""


@dataclass(frozen=True, slots=True)
class Effective:
    """One line of `config show`."""

    key: str
    value: str
    origin: str


def read_settings(explicit: Path | None, surroundings: Surroundings, without: frozenset[str] = frozenset()) -> Settings:
    """Raises ConfigInvalid; files that are not there are fine, but for the explicit one.

    `without`: tables that are not looked at, by a command that does not need them.
    """
    files = config_files(explicit, surroundings)
    merged = Merged()
    read: list[tuple[Path, bytes]] = []
    for path in files:
        raw = _bytes(path)
        read.append((path, raw))
        document = _parsed(raw, str(path))
        looked_at = {key: value for key, value in document.data.items() if key not in without}
        merged.take(anchored(looked_at, path.parent), document.places)
    variables = surroundings.variables()
    for variable, text in variables.items():
        if _plain(variable.removeprefix(PREFIX).split("__")[0]) in without:
            continue
        _take_variable(merged, variable, text)
    # Paths from files are absolute by now; one that still is not came from a variable.
    data = anchored(merged.data, surroundings.cwd)
    config = validate(Config, Document(str(files[-1]) if files else "config", data, merged.places), ConfigInvalid, CONFIG)
    origins = {dotted(key): str(Place(place.file, place.line)) for key, place in merged.places.items()}
    return Settings(config, origins, files, surroundings.state_home, "" if variables or without else digest_of(read))


def journal_path(settings: Settings) -> Path | None:
    """Where the SQLite journal is, whose folder need not exist yet; None: it is a database on a server."""
    return journal_place(settings.config.journal.url, settings.state_home)


def journal_shown(settings: Settings) -> str:
    """Where the journal is, for people: a path or a URL, which holds no password."""
    path = journal_path(settings)
    return str(path) if path is not None else settings.config.journal.url


def effective(settings: Settings) -> tuple[Effective, ...]:
    """Every value in force, with where it came from; secrets as where they are read from, never what they are."""
    return tuple(
        Effective(dotted(key), value, settings.origins.get(dotted(key), "default")) for key, value in _leaves(settings.config, ())
    )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        trouble = (error.strerror or "").lower() if isinstance(error, OSError) else ""
        why = f"the config file cannot be read: {trouble or 'it has no usable name'}."
        raise ConfigInvalid((InvalidInput(why, remedy="Check the path and its permissions.", place=Place(str(path))),)) from None


def _parsed(raw: bytes, name: str) -> Document:
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
    for part in variable.removeprefix(PREFIX).split("__"):
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
