"""RC707: what looks like a secret. Adapters own authentication; a runbook is read, copied and journalled by everybody.

A finding never repeats what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rolloutctl.constraints import Key
from rolloutctl.findings import Finding
from rolloutctl.runbook.findings import RULES
from rolloutctl.runbook.model import Runbook

_LOOKS = (
    ("a credential of HTTP", re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9+/_.~-]{16,}={0,2}")),
    ("a URL with a password", re.compile(r"://[^\s/?#@:]*:[^\s/?#@]+@")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")),
    ("a signed token", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*")),
    ("an access token", re.compile(r"\b(gh[pousr]_|github_pat_|glpat-|glsa_|xox[abeprs]-|sk-|AKIA)[A-Za-z0-9_-]{12,}")),
    ("a token of Unleash", re.compile(r"(?:^|[\s\"'])[\w*-]+:[\w*-]+\.[0-9a-f]{32,}\b")),
    ("the URL of a webhook that is a secret", re.compile(r"hooks\.slack\.com/services/\w+/\w+/\w+")),
)
_NAMED = re.compile(
    r"(?i)(?:^|[^a-z])(password|passwd|passphrase|secret|client_?secret|(?:access|auth|api|bearer)?[_-]?token|api[_-]?key"
    r"|private[_-]?key|routing_key|credentials?)$"
)
_NOT_VALUES = frozenset({"promql", "path", "id", "alert"})


def secrets(runbook: Runbook) -> Iterator[Finding]:
    for key, text in _texts(runbook.model_dump(by_alias=True, exclude_none=True), ()):
        what = next((what for what, look in _LOOKS if look.search(text)), None)
        if what is None and _is_named(key) and text and "${" not in text:
            what = "a secret, by its name"
        if what is not None:
            yield RULES["RC707"].at(
                key,
                f"This looks like {what}.",
                "Give it to the adapter or channel in config.toml, which reads it from elsewhere.",
            )


def _is_named(key: Key) -> bool:
    """Only names that the author chose: of headers, parameters of requests, JSON keys, defaults of parameters."""
    chosen = key[-2] if len(key) == 3 and key[0] == "params" and key[-1] == "default" else key[-1]
    free = any(part in {"headers", "query", "json", "params", "labels"} for part in key[:-1])
    return free and isinstance(chosen, str) and chosen not in _NOT_VALUES and _NAMED.search(chosen) is not None


def _texts(value: Any, key: Key) -> Iterator[tuple[Key, str]]:
    match value:
        case str():
            yield key, value
        case Mapping():
            for name, item in value.items():
                yield from _texts(item, (*key, str(name)))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _texts(item, (*key, index))
        case _:
            return
