"""A runner killed at every journal write and before and after every request, then resumed: nothing lost, nothing done twice.

Before a request: it is lost. After it: it has happened, and the answer is lost.
"""

from __future__ import annotations

import pytest

from rolloutctl.errors import ExitCode
from rolloutctl.model.run_words import CleanUp, RunMode, RunResult
from runner import books
from runner.rig import Died, Rig

REPEATABLE = books.book(books.FLAG_OFF, books.PURGE, books.SILENCE, books.RECOVERED, books.TELL, books.ESCALATE)
ONCE = books.book(books.FLAG_OFF, books.PAGE_ONCE, books.PURGE)
EFFECTS = ("flag-off", "purge", "quiet")


def boundaries(text: str, mode: RunMode) -> int:
    rig = Rig(text, mode)
    rig.run()
    return rig.points


LIVE = boundaries(REPEATABLE, RunMode.LIVE)
REHEARSED = boundaries(REPEATABLE, RunMode.REHEARSE)
WITH_ONCE = boundaries(ONCE, RunMode.LIVE)


def test_the_sweep_covers_every_write_and_every_request() -> None:
    rig = Rig(REPEATABLE, RunMode.LIVE)
    rig.run()
    writes = len(rig.events) - 1
    assert rig.points >= 2 * writes + 2 * len(rig.server.effects) + 2 * len(rig.flags.effects)
    assert LIVE > 40


@pytest.mark.parametrize("moment", range(1, LIVE + 1))
def test_live_every_effect_happens_exactly_once(moment: int) -> None:
    rig = Rig(REPEATABLE, RunMode.LIVE)
    rig.die_at = moment
    with pytest.raises(Died):
        rig.run()
    rig.revive()
    left = rig.run()
    assert left.code is ExitCode.OK
    assert left.state.result is RunResult.RECOVERED
    assert left.state.proved_at is not None
    assert {step: rig.done(step) for step in EFFECTS} == dict.fromkeys(EFFECTS, 1)
    assert (rig.flags.cohort.off, rig.server.generation) == (True, "stable")
    assert rig.pager.messages, "people may be told twice, never not at all"


@pytest.mark.parametrize("moment", range(1, REHEARSED + 1))
def test_a_rehearsal_is_cleaned_up_wherever_it_was_killed(moment: int) -> None:
    rig = Rig(REPEATABLE, RunMode.REHEARSE)
    rig.die_at = moment
    with pytest.raises(Died):
        rig.run()
    rig.revive()
    left = rig.run()
    assert left.state.clean_up is CleanUp.PROVED
    assert {step: rig.done(step) for step in EFFECTS} == dict.fromkeys(EFFECTS, 1)
    assert (rig.flags.cohort.percent, rig.server.generation) == (100, "canary")
    assert [each["status"]["state"] for each in rig.server.silences.values()] == ["expired"]


@pytest.mark.parametrize("moment", range(1, WITH_ONCE + 1))
def test_what_must_not_be_sent_twice_ends_in_exit_4_or_was_sent_once(moment: int) -> None:
    rig = Rig(ONCE, RunMode.LIVE)
    rig.die_at = moment
    with pytest.raises(Died):
        rig.run()
    rig.revive()
    left = rig.run()
    assert rig.done("page") <= 1
    if left.code is ExitCode.UNKNOWN:
        assert rig.place("page") == "unknown"
        assert not left.state.ended, "it can be resumed once a person has looked"
        assert rig.done("purge") == 0
    else:
        assert left.code is ExitCode.OK
        assert {step: rig.done(step) for step in ("flag-off", "page", "purge")} == {"flag-off": 1, "page": 1, "purge": 1}


def test_some_deaths_do_leave_a_once_step_unknown() -> None:
    codes = set()
    for moment in range(1, WITH_ONCE + 1):
        rig = Rig(ONCE, RunMode.LIVE)
        rig.die_at = moment
        with pytest.raises(Died):
            rig.run()
        rig.revive()
        codes.add(rig.run().code)
    assert codes == {ExitCode.OK, ExitCode.UNKNOWN}


@pytest.mark.parametrize("first", range(5, LIVE, 7))
@pytest.mark.parametrize("second", range(1, 14, 3))
def test_killed_again_while_it_is_resumed(first: int, second: int) -> None:
    rig = Rig(REPEATABLE, RunMode.LIVE)
    rig.die_at = first
    with pytest.raises(Died):
        rig.run()
    rig.revive()
    rig.die_at = rig.points + second
    try:
        rig.run()
    except Died:
        rig.revive()
    left = rig.run()
    assert left.state.result is RunResult.RECOVERED
    assert {step: rig.done(step) for step in EFFECTS} == dict.fromkeys(EFFECTS, 1)
