"""Plans as text for tests: one that is well, and edits of it."""

import re
from pathlib import Path

from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "plans").glob("*.toml"))

WELL = """\
format = 1
name   = "ranker"
owner  = "ana"
[flag]
provider    = "unleash"
key         = "ranker"
environment = "production"
[metrics]
source   = "prometheus"
canary   = 'version="2"'
baseline = 'version="1"'
requests = 'requests_total{$arm}'
host     = "instance"
segment  = { label = "channel", required = ["web"] }
[[criteria]]
id    = "errors"
type  = "ratio"
test  = "threshold"
bad   = 'requests_total{code="500",$arm}'
total = 'requests_total{$arm}'
max   = 0.02
[[criteria]]
id    = "quality"
type  = "value"
test  = "threshold"
expr  = 'avg(rate(score{$arm}[5m]))'
tolerate = "10%"
better = "higher"
role  = "signal"
[[gates]]
id     = "legal"
title  = "Legal has signed"
owner  = "legal"
before = "five"
[[phases]]
name   = "five"
owner  = "ana"
cohort = { percent = 5 }
bake   = "1h"
[[phases]]
name   = "half"
owner  = "ana"
cohort = { percent = 50 }
bake   = "1h"
[[phases]]
name   = "everyone"
owner  = "ana"
cohort = { percent = 100 }
bake   = "1h"
"""


def edited(*changes: tuple[str, str]) -> str:
    """WELL with each old piece replaced; an old piece that is not there is a mistake of the test."""
    text = WELL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def plan(*changes: tuple[str, str]) -> Plan:
    return read_plan(edited(*changes), "plan.toml")


def without(key: str) -> tuple[str, str]:
    """The change that drops the line of the first such key."""
    match = re.search(rf"^{key} .*\n", WELL, re.MULTILINE)
    assert match
    return match[0], ""
