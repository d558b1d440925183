"""The keys of plans and of config.toml, from the JSON Schemas that the program prints itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reference_pages.markdown import code, link, page, table
from rolloutctl.schemas import config_schema, plan_schema

Schema = Mapping[str, Any]
_HEADS = ("key", "what it may be", "default", "meaning")


@dataclass(frozen=True)
class Section:
    """One table of the file."""

    heading: str
    about: str
    keys: Mapping[str, Schema]
    required: frozenset[str]


@dataclass
class Reader:
    """Walks a schema and gives a section for every table, each definition once."""

    schema: Schema
    headings: dict[str, str] = field(default_factory=dict)
    """Name of a definition -> heading under which it is told."""

    def sections(self) -> list[Section]:
        return list(self._object(self.schema, "", "Top of the file"))

    def _object(self, node: Schema, path: str, heading: str) -> Iterator[Section]:
        node = self.resolved(node)
        keys = node.get("properties", {})
        yield Section(heading, node.get("description", ""), keys, frozenset(node.get("required", ())))
        for name, inner in keys.items():
            yield from self._under(inner, f"{path}.{name}" if path else name, listed=False)

    def _under(self, node: Schema, path: str, *, listed: bool) -> Iterator[Section]:
        if node.get("type") == "array":
            yield from self._under(node["items"], path, listed=True)
        elif isinstance(named := node.get("additionalProperties"), Mapping):
            yield from self._under(named, f"{path}.NAME", listed=False)
        elif options := node.get("oneOf") or node.get("anyOf"):
            yield from self._union([option for option in options if "$ref" in option], path, listed=listed)
        elif "$ref" in node and "properties" in self.resolved(node):
            yield from self._once(node, path, _heading(path, listed=listed))

    def _once(self, node: Schema, path: str, heading: str) -> Iterator[Section]:
        name = node["$ref"].rpartition("/")[2]
        if name not in self.headings:
            self.headings[name] = heading
            yield from self._object(node, path, heading)

    def _union(self, options: list[Schema], path: str, *, listed: bool) -> Iterator[Section]:
        """Keys that all of them have are told once."""
        heading = _heading(path, listed=listed)
        models = [self.resolved(option) for option in options]
        fresh = [option["$ref"].rpartition("/")[2] not in self.headings for option in options]
        if not any(fresh):
            return
        shared: dict[str, Schema] = {
            name: inner
            for name, inner in models[0]["properties"].items()
            if name != "type" and all(model["properties"].get(name) == inner for model in models)
        }
        if len(shared) > 2:
            required = frozenset.intersection(*(frozenset(model.get("required", ())) for model in models))
            yield Section(heading, "Keys of every type.", shared, required)
        for option, model in zip(options, models, strict=True):
            tag = model["properties"].get("type", {}).get("const")
            own = f'{heading} of type "{tag}"' if tag else f"Secret from {' and '.join(model.get('required', ()))}"
            self.headings[option["$ref"].rpartition("/")[2]] = own
            rest = {name: inner for name, inner in model["properties"].items() if len(shared) <= 2 or name not in shared}
            yield Section(own, model.get("description", ""), rest, frozenset(model.get("required", ())))
            for name, inner in rest.items():
                yield from self._under(inner, f"{path}.{name}", listed=False)

    def resolved(self, node: Schema) -> Schema:
        reference = node.get("$ref")
        if reference is None:
            return node
        target = self.schema["$defs"][reference.rpartition("/")[2]]
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}

    def words(self, node: Schema) -> str:
        """What the value may be, in words."""
        if "$ref" in node and (heading := self._heading_of(node)):
            return f"table {link(heading)}"
        options = node.get("oneOf") or node.get("anyOf") or ()
        headings = [self._heading_of(option) for option in options]
        if headings and all(headings):
            return f"table {', '.join(link(heading, heading.split()[-1].strip(chr(34))) for heading in headings)}"
        node = self.resolved(node)
        if options := node.get("oneOf") or node.get("anyOf"):
            return " or ".join(dict.fromkeys(self.words(option) for option in options))
        if node.get("type") == "array":
            return f"list of {self.words(node['items'])}"
        if isinstance(named := node.get("additionalProperties"), Mapping):
            return "table of texts" if named.get("type") == "string" else f"by name: {self.words(named)}"
        return _plain(node)

    def _heading_of(self, node: Schema) -> str:
        return self.headings.get(node.get("$ref", "").rpartition("/")[2], "")


def _plain(node: Schema) -> str:
    """In words, for a value that holds no other."""
    match node:
        case {"const": value}:
            return code(_toml(value))
        case {"enum": values}:
            return ", ".join(code(_toml(value)) for value in values)
        case {"type": "string", "pattern": str(pattern)} if "ms|s|m|h" in pattern:
            return "duration"
        case {"type": "string", "pattern": str(pattern)} if pattern.endswith("%$"):
            return "percentage"
        case {"type": "string"}:
            return "text"
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "integer" | "number" as kind}:
            return ("whole number" if kind == "integer" else "number") + _limits(node)
        case _:
            return "table"


def _heading(path: str, *, listed: bool) -> str:
    """As the table stands in the file; what several tables hold is called by its last part."""
    short = path.rpartition(".")[2] if path.count(".") > 1 else path
    return f"[[{short}]]" if listed else f"[{short}]"


def _limits(node: Schema) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else ""


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _default(name: str, node: Schema, section: Section) -> str:
    if name in section.required:
        return "required"
    value = node.get("default")
    if node.get("type") in {"integer", "number"} and isinstance(value, str):
        return code(value)  # exact decimals travel as text
    return "–" if value is None or value in ("", [], {}) else code(_toml(value))


def _shown(heading: str) -> str:
    """Brackets as code: a page would take them for a link."""
    table_name, of, rest = heading.partition(" of ")
    return f"{code(table_name)}{of}{rest}" if heading.startswith("[") else heading


def _told(reader: Reader, section: Section) -> str:
    rows = []
    for name, node in section.keys.items():
        meaning = node.get("description") or reader.resolved(node).get("description", "")
        rows.append((code(name), reader.words(node), _default(name, node, section), meaning))
    return "\n\n".join(part for part in (f"## {_shown(section.heading)}", section.about, table(_HEADS, rows)) if part)


def _page(title: str, intro: str, schema: Schema) -> str:
    reader = Reader(schema)
    sections = reader.sections()
    return page(title, intro, (_told(reader, section) for section in sections))


def plan_page() -> str:
    intro = """Every key of a plan file. `rolloutctl schema plan` prints the same as a JSON Schema for your editor;
`rolloutctl check PLAN` says what is wrong with a file, with line and key. An unknown key is an error.
How to write one: [Write a plan](../how-to/write-a-plan.md).

A **duration** is text such as `"15s"`, `"500ms"`, `"1h30m"` or `"28d"`; a **percentage** is text such as `"10%"`."""
    return _page("Plan keys", intro, plan_schema())


def config_page() -> str:
    intro = """Every key of config.toml. It is read from `$XDG_CONFIG_HOME/rolloutctl/config.toml`, then `./rolloutctl.toml`, then
`--config FILE`; an environment variable such as `ROLLOUTCTL_UI__INTERVAL=5s` overrides them all. `rolloutctl config show` prints
what is in force and where it came from. `NAME` is a name you choose: plans refer to it.
The same as a file to start from: [examples](examples.md).

A **duration** is text such as `"15s"`, `"500ms"` or `"1h30m"`. A **secret** never stands in the
file: it says where it is read from."""
    return _page("Config keys", intro, config_schema())
