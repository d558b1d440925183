"""Names of the made-up rollouts, by which they are found in a terminal's output; and the anchor that draws the same rows."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROLLOUT = re.compile(r"rollout-\d{3}")
PHASE = re.compile(r"bake-\d{3}")
CANARY, BASELINE = "7.2.0", "6.9.4"


def rollout_name(number: int) -> str:
    return f"rollout-{number:03}"


def phase_name(number: int) -> str:
    return f"bake-{number:03}"


def job_name(number: int) -> str:
    return f"service-{number:03}"


def minimal_app(rows: int) -> list[str]:
    """The command of the anchor with so many rows, which look like those of the fleet screen."""
    texts = [
        ["◷", f"{rollout_name(n)}#1", f"1/2 {phase_name(n)}", "5 %", "PENDING", "3✔ 1◷ 0✖", "▰▰▰▰▰▱▱▱ 62 %", "17m 3s, then ask"]
        for n in range(rows)
    ]
    return [sys.executable, str(Path(__file__).with_name("minimal.py")), json.dumps(texts)]
