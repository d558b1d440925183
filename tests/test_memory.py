"""Cycles are looked for less often while modules are loaded, and as usual afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from rolloutctl import memory


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_while_loading_and_after():
    memory.begin_loading()
    assert gc.isenabled()
    assert gc.get_threshold()[0] > memory._USUAL[0]
    memory.loaded()
    assert gc.get_threshold() == memory._USUAL
    assert gc.get_freeze_count() > 0, "what is loaded is never looked through again"


def test_where_the_c_library_has_no_such_settings_nothing_happens(monkeypatch: pytest.MonkeyPatch):
    import ctypes

    asked: list[object] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: asked.append(name) or object())
    memory.stay_small()
    assert asked == [None]
