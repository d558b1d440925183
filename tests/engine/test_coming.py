"""An engine that is still being loaded: what is asked of it meanwhile, and that none runs on which nobody can stop."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from rolloutctl.engine.coming import EngineComing
from rolloutctl.engine.view.handle import Leaving
from rolloutctl.errors import Failed, JournalUnreachable
from tui import worlds


class Startable(worlds.FakeHandle):
    def __init__(self) -> None:
        super().__init__(worlds.five())
        self.started = 0

    def start(self) -> None:
        self.started += 1


class Loading:
    """Loads when it is let go on."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.engine = Startable()
        self.go_on = threading.Event()
        self.failed = threading.Event()
        self.loads = 0
        self._error = error
        self.coming = EngineComing(self._load)

    def _load(self) -> Startable:
        self.loads += 1
        assert self.go_on.wait(10)
        if self._error is not None:
            raise self._error
        return self.engine

    def begin(self) -> None:
        self.coming.begin(self.failed.set)

    def come(self) -> None:
        self.go_on.set()
        assert self.coming._thread is not None
        self.coming._thread.join(10)


def test_nothing_is_loaded_before_it_is_begun_and_then_once():
    loading = Loading()
    assert loading.loads == 0
    loading.begin()
    loading.begin()
    loading.come()
    assert (loading.loads, loading.engine.started) == (1, 1)
    assert loading.coming.snapshot() is loading.engine.snapshot()


def test_until_it_has_come_nothing_is_known_and_nothing_driven():
    loading = Loading()
    loading.begin()
    with pytest.raises(Failed, match="not started"):
        loading.coming.snapshot()
    assert loading.coming.drives() == ()
    assert loading.coming.failure is None
    loading.come()


def test_who_has_subscribed_before_hears_the_first_snapshot_and_the_later_ones():
    loading = Loading()
    heard: list[object] = []
    forget = loading.coming.subscribe(heard.append)
    loading.begin()
    loading.come()
    assert heard == [loading.engine.snapshot()]
    loading.engine.publish(worlds.fleet(worlds.ready()))
    assert len(heard) == 2
    forget()
    loading.engine.publish(worlds.five())
    assert len(heard) == 2


def test_who_has_gone_before_hears_nothing():
    loading = Loading()
    heard: list[object] = []
    loading.coming.subscribe(heard.append)()
    loading.begin()
    loading.come()
    assert heard == []


def test_what_is_asked_meanwhile_is_answered_later():
    loading = Loading()
    loading.begin()
    page = loading.coming.events(None)
    assert not page.done()
    loading.come()
    assert page.result(5).head_seq == loading.engine.events(None).result(5).head_seq


def test_what_kept_it_from_starting_is_told():
    loading = Loading(JournalUnreachable("no journal.", remedy="Look."))
    page = loading.coming.events(None)
    loading.begin()
    loading.come()
    assert loading.failed.is_set()
    assert isinstance(loading.coming.failure, JournalUnreachable)
    assert loading.coming.stop(Leaving.RELEASE).result(5) == ""
    with pytest.raises(Failed):
        page.result(5)


def test_stopped_while_it_is_loaded_it_is_never_started():
    loading = Loading()
    loading.begin()
    stopped: Future[str] = loading.coming.stop(Leaving.RELEASE)
    loading.come()
    assert stopped.result(5) == ""
    assert loading.engine.started == 0


def test_stopped_before_it_was_begun_nothing_is_loaded():
    loading = Loading()
    assert loading.coming.stop(Leaving.RELEASE).result(5) == ""
    loading.begin()
    assert loading.loads == 0


def test_stopped_afterwards_the_engine_is_stopped():
    loading = Loading()
    loading.begin()
    loading.come()
    loading.coming.stop(Leaving.RELEASE).result(5)
    assert loading.engine.stopped == [Leaving.RELEASE]
