"""config.example.toml: every key of the models with its sentence, its default where it has one, and a value to start from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rolloutctl.schemas import config_schema

Schema = Mapping[str, Any]

HEAD = """\
# Every key of rolloutctl's config, with its default where it has one. Settings come from
# $XDG_CONFIG_HOME/rolloutctl/config.toml, then ./rolloutctl.toml, then --config FILE; environment variables such as
# ROLLOUTCTL_UI__INTERVAL=5s override them all. `rolloutctl config show` tells what is in force and where it came from.
# Relative paths are relative to the file they stand in. A line that begins with "#: " is another way to write the key above it.
"""
_PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEAsEBxHhtXp57ukS7rvA6fc94+x8RtY/QBdrxjWKty6"
NAMES = {
    "operators": '"ana.ruiz"',
    "sources": "prometheus",
    "providers": "unleash",
    "adapters": "cache",
    "environments": "production",
}
VALUES = {
    "journal.witness": '"/var/lib/rolloutctl/witness"',
    "journal.password": '{ env = "JOURNAL_PASSWORD" }',
    "operator.name": '"ana.ruiz"',
    "operator.timezone": '"Europe/Madrid"',
    "operator.signing_key": '"/home/ana/.ssh/id_ed25519"',
    "operators.ssh_key": f'"{_PUBLIC_KEY}"',
    "operators.role": '"approver"',
    "operators.groups": '["checkout"]',
    "sources.url": '"http://127.0.0.1:9090"',
    "sources.headers": '{ X-Scope-OrgID = "checkout" }',
    "sources.auth": '{ type = "bearer", token = { file = "prometheus.token" } }',
    "sources.tls": '{ ca = "ca.pem" }',
    "sources.alertmanager": '"http://127.0.0.1:9093"',
    "providers.url": '"http://127.0.0.1:4242"',
    "providers.auth": '{ type = "token", token = { env = "UNLEASH_TOKEN" } }',
    "providers.client_auth": '{ type = "token", token = { command = ["pass", "show", "unleash-client"] } }',
    "providers.tls": '{ ca = "ca.pem", cert = "me.pem", key = "me.key" }',
    "adapters.url": '"https://cache.example.com"',
    "adapters.headers": '{ X-Tenant = "checkout" }',
    "adapters.auth": '{ type = "header", name = "X-Api-Key", token = { file = "cache.key" } }',
    "adapters.tls": '{ ca = "ca.pem" }',
    "channels.url": '{ env = "CHANNEL_URL" }',
    "channels.pagerduty.url": '"https://events.pagerduty.com"',
    "channels.grafana.url": '"https://grafana.example.com"',
    "channels.headers": '{ X-Tenant = "checkout" }',
    "channels.auth": '{ type = "bearer", token = { env = "CHANNEL_TOKEN" } }',
    "channels.tls": '{ ca = "ca.pem" }',
    "channels.routing_key": '{ env = "PAGERDUTY_KEY" }',
    "channels.host": '"mail.example.com"',
    "channels.port": "587",
    "channels.username": '"rollout"',
    "channels.password": '{ env = "MAIL_PASSWORD" }',
    "channels.sender": '"rollout@example.com"',
    "channels.to": '["release@example.com"]',
    "channels.dashboard": '"checkout-overview"',
    "channels.panel": "2",
    "rehearsals.records": '"/var/lib/rolloutctl/rehearsals"',
    "environments.production": "true",
    "environments.overrides": "{}",
    "ui.keys": "{}",
}
"""What stands in the example where there is no default, or where the default would teach nothing."""
OTHER_WAYS = {
    "journal.url": ('"sqlite:////var/lib/rolloutctl/journal.db"', '"postgresql://rollout@db.example.com/rollout"'),
    "journal.mode": ('"0660"',),
    "sources.auth": (
        '{ type = "none" }',
        '{ type = "basic", username = "rollout", password = { env = "PROM_PASSWORD" } }',
        '{ type = "token", token = { command = ["pass", "show", "prometheus"] } }',
    ),
    "sources.tls": ('{ cert = "me.pem", key = "me.key" }',),
    "operators.revoked_keys": (f'[{{ ssh_key = "{_PUBLIC_KEY}", valid_until = "2026-01-31T12:00:00Z" }}]',),
    "environments.overrides": ('{ adapters.cache.url = "https://cache.staging.example.com" }',),
    "ui.keys": ('{ "rollout.explain" = "x" }',),
}
"""Optional parts, written out: another value for the key above, commented out."""
_COMMENT_AT = 42


def example_config() -> str:
    """The file's text. Raises LookupError when a new key needs a value here."""
    schema = config_schema()
    blocks = [HEAD + "".join(_shared(schema)) + _top(schema)]
    for section, node in schema["properties"].items():
        if section == "format":
            continue
        for header, model in _tables(schema, section, node):
            about = " ".join(dict.fromkeys(each["description"] for each in (node, model) if "description" in each))
            blocks.append("\n".join([_commented(f"[{header}]", about), *_keys(schema, section, header, model)]))
    return "\n\n".join(blocks) + "\n"


def _top(schema: Schema) -> str:
    node = schema["properties"]["format"]
    return _commented(f"format = {node['const']}", node["description"])


def _tables(schema: Schema, section: str, node: Schema) -> Iterator[tuple[str, Schema]]:
    """(name of the table, its model): one per kind where a section has several."""
    named = node.get("additionalProperties")
    options = _options(node)
    for option in options:
        model = _model(schema, option)
        if not named:
            yield section, model
        else:
            tag = model["properties"].get("type", {}).get("const")
            yield f"{section}.{tag if tag and len(options) > 1 else NAMES[section]}", model


def _keys(schema: Schema, section: str, header: str, model: Schema) -> Iterator[str]:
    pad = max(len(key) for key in model["properties"])
    for key, node in model["properties"].items():
        own = f"{header}.{key}"
        path = own if own in VALUES else f"{section}.{key}"
        if path in VALUES:
            value = VALUES[path]
        elif "const" in node or "default" in node:
            value = json.dumps(node.get("const", node.get("default")), ensure_ascii=False)
        else:
            raise LookupError(f"{path} has no default: give it a value in VALUES of scripts/reference_pages/example_config.py")
        if "description" not in node:
            raise LookupError(f"{path} has no sentence: write one under the field")
        yield _commented(f"{key:<{pad}} = {value}", node["description"] + _choices(schema, node))
        yield from (f"#: {key:<{pad}} = {other}" for other in OTHER_WAYS.get(path, ()))


def _choices(schema: Schema, node: Schema) -> str:
    """The words to choose from, where the sentence does not name them."""
    words = [str(word) for word in _model(schema, node).get("enum", ())]
    return "" if all(word in node["description"] for word in words) else f" One of: {', '.join(words)}."


def _commented(line: str, sentence: str) -> str:
    return f"{line:<{_COMMENT_AT - 1}} # {' '.join(sentence.split())}"


def _model(schema: Schema, node: Schema) -> Schema:
    reference = node.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else node


def _shared(schema: Schema) -> Iterator[str]:
    """What stands inside several tables: each kind with its keys, in the order of their first use."""
    seen: dict[str, str] = {}
    for node in schema["properties"].values():
        for option in _options(node):
            _inside(schema, _model(schema, option), seen)
    if seen:
        yield "#\n# Tables inside the tables below:\n"
    for name, key in seen.items():
        model = schema["$defs"][name]
        keys = dict(model["properties"])
        tag = keys.pop("type", {})
        if tag:
            yield _aside(2, f'{key} = {{ type = "{tag["const"]}", … }}', tag["description"])
        elif len(keys) == 1:
            ((only, node),) = keys.items()
            yield _aside(2, f"{key} = {{ {only} = … }}", node["description"])
            continue
        else:
            yield _aside(2, f"{key} = {{ … }}", model.get("description", ""))
        yield from (_aside(6, inner, node["description"]) for inner, node in keys.items())
    yield "\n"


def _aside(indent: int, what: str, sentence: str) -> str:
    return f"#{' ' * indent}{what:<{_COMMENT_AT - 4 - indent}}{' '.join(sentence.split())}\n"


def _options(node: Schema) -> list[Schema]:
    named = node.get("additionalProperties") or node
    return named.get("oneOf") or named.get("anyOf") or [named] if isinstance(named, Mapping) else []


def _inside(schema: Schema, model: Schema, seen: dict[str, str]) -> None:
    """Fill `seen`: name of a definition -> the key under which it stands first."""
    for key, node in model.get("properties", {}).items():
        for option in _options(node):
            name = option.get("$ref", "").rpartition("/")[2]
            if name and name not in seen and "properties" in schema["$defs"][name]:
                seen[name] = key
                _inside(schema, schema["$defs"][name], seen)
