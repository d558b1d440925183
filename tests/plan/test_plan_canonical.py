import json
import unicodedata
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plan.texts import SHIPPED, WELL, edited, plan
from rolloutctl.plan.canonical import canonical_plan, plan_digest
from rolloutctl.plan.model import Plan
from rolloutctl.plan.read import read_plan

TABLES = WELL.index("[[criteria]]")


@pytest.mark.parametrize(
    "text",
    [
        edited(('bake   = "1h"', 'bake = "60m"')),
        edited(('bake   = "1h"', 'bake = "3600s"')),
        edited(("percent = 5 ", "percent = 5.0 ")),
        edited(("percent = 5 ", "percent = 5.00 ")),
        edited(("max   = 0.02", "max = 2e-2")),
        edited(('tolerate = "10%"', 'tolerate = "10.0%"')),
        edited(("[flag]", '# a comment\n\n[rollback]\non_breach = "ask"\ncountdown = "1m"\n[flag]')),
        edited(("format = 1\n", ""), ("[flag]\n", "format = 1\n[flag]\n")),
        edited(("[metrics]", "[metrics]\nstep = '15s'\nexposure='25%'")),
        WELL.replace("\n", "\r\n"),
    ],
)
def test_what_means_the_same_has_the_same_digest(text: str) -> None:
    assert canonical_plan(read_plan(text, "p")) == canonical_plan(plan())


@pytest.mark.parametrize(
    "change",
    [
        ('bake   = "1h"', 'bake = "61m"'),
        ("percent = 5 ", "percent = 5.5 "),
        ("max   = 0.02", "max = 0.020000000000000000000000000000001"),
        ('tolerate = "10%"', "tolerate = 0.1"),
        ('owner  = "legal"', 'owner = "law"'),
        ("$arm}[5m]", "$arm}[6m]"),
    ],
)
def test_what_means_something_else_has_another_digest(change: tuple[str, str]) -> None:
    assert plan_digest(plan(change)) != plan_digest(plan())


def test_the_order_of_entries_matters() -> None:
    phases = plan().phases
    assert plan_digest(plan().model_copy(update={"phases": phases[::-1]})) != plan_digest(plan())


def test_it_is_canonical_json_and_a_sha256() -> None:
    text = canonical_plan(plan())
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert len(plan_digest(plan())) == 64


def read_back(text: str) -> Plan:
    return Plan.model_validate(json.loads(text))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_plan_reads_back_equal(path) -> None:
    read = read_plan(path.read_text(encoding="utf-8"), path.name)
    assert read_back(canonical_plan(read)) == read


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**5, places=9)


@given(
    st.fractions(0, 5, max_denominator=1000).filter(lambda f: (10**9 * f).denominator == 1),
    NUMBERS,
    NUMBERS,
    st.booleans(),
    st.timedeltas(min_value=timedelta()).filter(lambda span: span.days < 3650),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
)
def test_any_plan_reads_back_equal(percent: Fraction, bound, margin, relative: bool, bake, owner: str) -> None:
    document = json.loads(canonical_plan(plan()))
    document["phases"][0]["cohort"]["percent"] = float(percent) or 1
    document["phases"][0]["bake"] = f"{bake // timedelta(microseconds=1000)}ms"
    document["phases"][0]["owner"] = unicodedata.normalize("NFC", owner)[:50]
    document["criteria"][0]["max"] = f"{bound:f}"
    document["criteria"][1]["tolerate"] = f"{margin:f}%" if relative and margin < 10**6 else float(margin)
    first = Plan.model_validate(document)
    assert read_back(canonical_plan(first)) == first
    assert plan_digest(read_back(canonical_plan(first))) == plan_digest(first)
