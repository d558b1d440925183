"""A signal ends the program even where Python drops the exception that its handler raises."""

from __future__ import annotations

import os
import signal
import weakref

import pytest

from rolloutctl.cli.signals import Ended, heed, raising


class Thing:
    pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_that_was_lost_is_raised_again() -> None:
    with raising():
        heed()
        thing = Thing()
        last = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM))
        del thing
        assert last() is None
        with pytest.raises(Ended) as ended:
            heed()
    assert ended.value.number == signal.SIGTERM


def test_nothing_is_left_of_an_earlier_block() -> None:
    with pytest.raises(Ended), raising():
        os.kill(os.getpid(), signal.SIGINT)
    with raising():
        heed()
