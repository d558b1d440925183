"""docs/benchmarks.md: the newest measurement of every benchmark, on which machine and when."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.figures import Row
from bench.registry import Benchmark

_HEAD = """# Benchmarks

Written by `make bench`; not edited by hand. `make bench ARGS="keys idle"` measures some of them again, and adding one is adding
a file to `bench/measures/`.

How to read it: machines differ and are never quiet, so a speed means little by itself. Each is measured beside an
**anchor** in the same run, in turn with it; the columns show the medians of at least five such pairs, and **ratio** is the
median of the ratios of the pairs. **Bar** is what we hold ourselves to: a multiple of the anchor, or an absolute figure where it
says so. A bar that is missed says **no**; a row without a bar is there to explain another.
"""
_TITLES = ("what", "ours", "anchor", "ratio", "bar", "holds")


@dataclass(frozen=True, slots=True)
class Measured:
    date: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def load(path: Path) -> dict[str, Measured]:
    if not path.exists():
        return {}
    found = json.loads(path.read_text())
    return {
        name: Measured(each["date"], tuple(Row(**row) for row in each["rows"]), tuple(each["notes"]))
        for name, each in found.items()
    }


def save(path: Path, measured: Mapping[str, Measured]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: asdict(each) for name, each in measured.items()}, indent=1))


def table(rows: Sequence[Row]) -> str:
    lines = [" | ".join(_TITLES), " | ".join("---" for _ in _TITLES)]
    lines += [" | ".join((row.what, row.ours, row.anchor, row.ratio, row.bar, _word(row.holds))) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _word(holds: bool | None) -> str:
    return "–" if holds is None else "yes" if holds else "**no**"


def markdown(known: Mapping[str, Benchmark], measured: Mapping[str, Measured]) -> str:
    parts = [_HEAD, f"Machine: {_machine()}.\n"]
    for name, benchmark in known.items():
        parts.append(f"## {name}\n\n{benchmark.about}\n")
        found = measured.get(name)
        if found is None:
            parts.append("Not measured yet.\n")
            continue
        parts.append(f"{table(found.rows)}\n")
        parts += [f"{note}\n" for note in found.notes]
        parts.append(f"Measured on {found.date}.\n")
    return "\n".join(parts)


def _machine() -> str:
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    names = ("textual", "httpx", "pydantic", "numpy", "prometheus-api-client")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    cpu = f"{os.cpu_count()} cores, {models[0] if models else 'unknown CPU'}"
    return f"{cpu}; Linux {platform.release()}; Python {platform.python_version()}; {libraries}; {_server()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _server() -> str:
    try:
        said = subprocess.run(["prometheus", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return "no Prometheus"
    words = (said.stdout + said.stderr).split()
    return f"Prometheus {words[2]}" if len(words) > 2 else "Prometheus"
