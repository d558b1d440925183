"""What `backtest --since` and `--incident` say, draw and answer."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rolloutctl.cli.app import app
from rolloutctl.cli.slid_picture import BREACH, HELD, NEITHER, READY, mark, picture
from rolloutctl.cli.slid_plot import svg
from rolloutctl.engine.once.backtesting import Backtest, Found, Held
from rolloutctl.engine.once.sliding import Slid, Stretch
from rolloutctl.errors import InvalidInput
from rolloutctl.model.verdict import PhaseState, State

BEGUN = datetime(2026, 1, 5, tzinfo=UTC)


def slid(
    hours: float, *, breach: float | None = None, ready: float | None = None, held: bool = False, incident: bool = False
) -> Slid:
    start = BEGUN + timedelta(hours=hours)
    end = start + timedelta(hours=2)
    final = PhaseState.BREACH if breach else PhaseState.READY if ready else PhaseState.HOLD if held else PhaseState.PENDING
    found = Backtest(
        phase="five",
        start=start,
        end=end,
        first_breach=Found(breach, "errors", "voice & <web>") if breach else None,
        first_ready_after_s=ready,
        first_hold=None,
        holds=(Held(60, None, "errors", "", State.NO_DATA),) if held else (),
        final=final,
        looks=480,
        verdicts=(),
    )
    return Slid(Stretch(start, end, incident), found)


def test_a_row_per_day_and_a_mark_per_stretch() -> None:
    shown = picture([slid(0, ready=900), slid(6, breach=60), slid(12, held=True), slid(18), slid(24, ready=900)])
    assert shown[0] == f"  Mon 2026-01-05  {READY} {BREACH} {HELD} {NEITHER}"
    assert shown[1] == f"  Tue 2026-01-06  {READY}"
    assert len(shown) == 3
    assert picture([slid(0), slid(6)]) == []


def test_a_breach_outweighs_that_it_was_ready_before() -> None:
    assert mark(slid(0, ready=900, breach=1800)) == BREACH


def test_the_drawing_is_svg_with_a_mark_and_a_title_for_each() -> None:
    found = [slid(0, ready=900), slid(6, breach=60), slid(12), slid(13, breach=120, incident=True)]
    drawn = ET.fromstring(svg("a <b> & c", found))
    titles = [each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "2026-01-05 00:00 UTC, quiet: READY after 15m00s",
        "2026-01-05 06:00 UTC, quiet: breach of errors after 1m00s",
        "2026-01-05 12:00 UTC, quiet: never READY, in the end PENDING after 2h00m",
        "2026-01-05 13:00 UTC, incident: breach of errors after 2m00s",
    ]
    assert any(each.text == "a <b> & c" for each in drawn.iter("{http://www.w3.org/2000/svg}text"))
    ET.fromstring(svg("one", found[:1]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "either --start, or --since and --incident"),
        (["--start", "2026-01-05T10:00Z", "--since", "14d"], "either --start, or --since and --incident"),
        (["--since", "14d", "--end", "2026-01-05T10:00Z"], "--end belongs to --start"),
        (["--since", "a week"], "--since:"),
        (["--since", "14d", "--every", "often"], "--every:"),
        (["--incident", "2026-01-05T10:00Z"], "has no end"),
        (["--incident", "2026-01-05T10:00Z..11:30"], "--incident:"),
        (["--incident", "2026-01-05T10:00Z..2026-01-05T11:30"], "not a time with a zone"),
        (["--incident", "yesterday..2h"], "not a time with a zone"),
        (["--start", "2026-01-05T10:00Z", "--plot", "x.svg"], "--plot draws many"),
    ],
)
def test_what_makes_no_sense_is_said(arguments: list[str], said: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    done = CliRunner().invoke(app, ["backtest", str(plan), "--phase", "five", *arguments])
    assert isinstance(done.exception, InvalidInput)
    assert said in str(done.exception)
