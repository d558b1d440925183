import threading
import time

from rolloutctl.demo.every import Every


def test_it_goes_on_until_it_is_stopped():
    calls, enough = [], threading.Event()

    def action():
        calls.append(time.monotonic())
        if len(calls) == 3:
            enough.set()

    loop = Every(0.01, action)
    begun = time.monotonic()
    loop.start()
    assert enough.wait(5)
    loop.stop()
    done = len(calls)
    time.sleep(0.05)
    assert len(calls) == done
    assert calls[0] - begun >= 0.01


def test_what_could_not_begin_in_time_is_left_out():
    calls, paused, enough = [], threading.Event(), threading.Event()

    def action():
        calls.append(time.monotonic())
        if len(calls) == 1:
            time.sleep(0.4)
            paused.set()
        if len(calls) == 4:
            enough.set()

    loop = Every(0.1, action)
    loop.start()
    assert paused.wait(5)
    assert enough.wait(5)
    loop.stop()
    assert calls[2] - calls[1] >= 0.09
    assert calls[3] - calls[2] >= 0.09
