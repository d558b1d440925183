import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rolloutctl.schemas import config_schema, plan_schema
from schema_check import errors

ROOT = Path(__file__).parents[1]
FILES: list[tuple[Callable[[], dict[str, Any]], Path]] = [(plan_schema, path) for path in sorted((ROOT / "plans").glob("*.toml"))]
FILES.append((config_schema, ROOT / "config.example.toml"))


@pytest.mark.parametrize(("schema", "path"), FILES, ids=[path.stem for _, path in FILES])
def test_shipped_files_fit_their_schema(schema: Callable[[], dict[str, Any]], path: Path) -> None:
    assert list(errors(schema(), tomllib.loads(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", "format = 2"),
        ('owner  = "ana.ruiz"', ""),
        ("max   = 0.02", "maximum = 0.02"),
        ("percent = 5 ", "percent = 500 "),
        ('bake   = "2h"', 'bake = "2 hours"'),
        ('test  = "threshold"', 'test = "sequential"'),
        ("max   = 0.8", 'max = "fast"'),
        ('exposure       = "25%"', "exposure = 25"),
    ],
)
def test_the_schema_finds_what_is_wrong(old: str, new: str) -> None:
    text = (ROOT / "plans" / "canary.toml").read_text(encoding="utf-8")
    assert old in text
    assert list(errors(plan_schema(), tomllib.loads(text.replace(old, new))))


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(inner)


@pytest.mark.parametrize("schema", [plan_schema, config_schema])
def test_every_key_is_described_and_its_default_fits(schema: Callable[[], dict[str, Any]]) -> None:
    whole = schema()
    json.dumps(whole)
    assert whole["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    tables = [node["properties"] for node in nodes(whole) if isinstance(node.get("properties"), dict)]
    assert len(tables) > 5
    for table in tables:
        for name, prop in table.items():
            refers = whole["$defs"][prop["$ref"].split("/")[-1]] if "$ref" in prop else {}
            assert prop.get("description") or refers.get("description"), name
            if "default" in prop and prop.get("type") != "object" and "$ref" not in prop:
                assert (
                    list(errors({key: value for key, value in prop.items() if key != "default"}, prop["default"], whole)) == []
                ), name
    assert {"type": "null"} not in list(nodes(whole))
