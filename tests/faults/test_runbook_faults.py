"""The fault table of HTTP for every type of step, generated: never a false success, never sent twice what must not be.

Each fault hits once, or stays for good. The servers are in memory and count what they really did; the faults are what the
adapters make of a network (they are tested against real sockets with the adapters).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from rolloutctl.errors import ExitCode
from rolloutctl.model.exchange import NOT_JSON, Answered, Exchange, NoAnswer, NotSent, Request, Trouble
from rolloutctl.model.message import Ending
from rolloutctl.model.run_words import CleanUp, RunMode
from rolloutctl.model.samples import FailureKind, Samples, SourceFailure
from runner import books
from runner.rig import Rig, Server, answered, lost_answer, lost_request, one, refused, status

RETRY = 'retry = { attempts = 3, backoff = "10ms", max_backoff = "20ms" }\n'
KEYED = books.PURGE.replace('effect = "idempotent"', 'effect = "keyed"').replace("expect = {", f"{RETRY}expect = {{", 1)
IDEMPOTENT = books.PURGE.replace("expect = {", f"{RETRY}expect = {{", 1)
READ = """
[[steps]]
id = "look"
type = "http"
adapter = "cache"
effect = "read"
request = { method = "GET", path = "/generation/${flag}" }
expect = { json = [{ path = "generation", equals = "canary" }] }
"""
ONCE = books.PAGE_ONCE + 'retry = { attempts = 3, backoff = "10ms", on = ["connect"] }\n'
EXPIRE = (
    books.SILENCE
    + """
[[steps]]
id = "loud"
type = "alert"
action = "expire"
silence = "quiet"
"""
)


@dataclass(frozen=True)
class Type:
    text: str
    step: str
    request: str
    """What of the step's own request the fault hits."""
    happened: Callable[[Rig], bool]


TYPES = {
    "read": Type(READ, "look", "GET /generation", lambda rig: rig.server.generation == "canary"),
    "idempotent": Type(IDEMPOTENT, "purge", "PUT /generation", lambda rig: rig.server.generation == "stable"),
    "keyed": Type(KEYED, "purge", "PUT /generation", lambda rig: rig.server.generation == "stable"),
    "once": Type(ONCE, "page", "POST /page", lambda rig: rig.done("page") == 1),
    "silence": Type(books.SILENCE, "quiet", "POST /api/v2/silences", lambda rig: _silences(rig) == ["active"]),
    "expire": Type(EXPIRE, "loud", "DELETE /api/v2/silence", lambda rig: _silences(rig) == ["expired"]),
}


def _silences(rig: Rig) -> list[str]:
    return [each["status"]["state"] for each in rig.server.silences.values()]


def trouble(kind: Trouble, *, acts: bool) -> Callable[[Server, Request], Exchange]:
    def fault(server: Server, request: Request) -> Exchange:
        if acts:
            server.act(request)
        return NoAnswer(f"{request}: {kind}", kind)

    return fault


def page(_: Server, request: Request) -> Exchange:
    return Answered(200, {"content-type": "text/html"}, NOT_JSON, "a web page, not the API", b"<html>Sign in</html>")


def truncated(server: Server, request: Request) -> Exchange:
    server.act(request)
    return Answered(200, {}, NOT_JSON, '{"generation": "st', b'{"generation": "st')


def tls(_: Server, request: Request) -> Exchange:
    return NotSent(f"{request}: TLS failed", Trouble.TLS)


FAULTS: dict[str, Callable[[Server, Request], Exchange]] = {
    "refused": refused,
    "tls": tls,
    "reset before": lost_request,
    "reset after": trouble(Trouble.RESET, acts=True),
    "timeout, lost": trouble(Trouble.TIMEOUT, acts=False),
    "timeout, landed": lost_answer,
    "100 MB body": trouble(Trouble.TOO_LARGE, acts=True),
    "wrong charset": trouble(Trouble.GARBLED, acts=True),
    "html": page,
    "truncated": truncated,
    "redirect": lambda s, r: Answered(302, {"location": "http://elsewhere/"}, NOT_JSON, ""),
    **{str(code): status(code) for code in (400, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503)},
    "429 with a hint": lambda s, r: answered(429, {}, retry_after_s=2.0),
    "429 with an hour": lambda s, r: answered(429, {}, retry_after_s=3600.0),
    "500 after it was done": status(500, acts=True),
    "200 with the wrong state": status(200, {"generation": "other", "silenceID": None}),
    "200 with the wrong state, done": status(200, {"generation": "other", "silenceID": None}, acts=True),
}


def faulty(kind: str, name: str, mode: RunMode, times: int) -> Rig:
    rig = Rig(books.book(TYPES[kind].text), mode)
    rig.server.faults += [(TYPES[kind].request, FAULTS[name])] * times
    return rig


@pytest.mark.parametrize("times", [1, 30], ids=["once", "for good"])
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("kind", TYPES)
def test_live_a_step_is_called_done_only_when_it_is(kind: str, name: str, times: int) -> None:
    rig, step = faulty(kind, name, RunMode.LIVE, times), TYPES[kind]
    left = rig.run()
    place = rig.place(step.step)
    if place == "ok":
        assert step.happened(rig)
    if left.code is ExitCode.OK:
        assert place == "ok"
    if place == "failed" and kind in {"once", "silence"}:
        assert rig.done(step.step) == 0, "what may have happened is never called failed"
    assert rig.done("page") <= 1
    assert left.why or left.code is ExitCode.OK
    assert sum(step.request in str(sent) for sent in rig.server.sent) <= (9 if kind != "once" else 3)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("kind", TYPES)
def test_a_rehearsal_with_a_fault_is_cleaned_up_or_says_that_it_is_not(kind: str, name: str) -> None:
    rig = faulty(kind, name, RunMode.REHEARSE, 1)
    left = rig.run()
    assert left.state.ended, "a rehearsal comes to its end"
    if left.state.clean_up is not CleanUp.FAILED:
        assert rig.server.generation == "canary"
        assert "active" not in _silences(rig)
    if left.code is ExitCode.OK:
        assert rig.place(TYPES[kind].step) == "ok"


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("kind", ["idempotent", "keyed", "silence", "expire"])
def test_resuming_when_the_fault_is_over_brings_it_to_its_end(kind: str, name: str) -> None:
    """`once` is apart: nobody but a person may send it again."""
    rig = faulty(kind, name, RunMode.LIVE, 30)
    rig.run()
    rig.server.faults.clear()
    left = rig.run()
    assert left.code is ExitCode.OK, left.why
    assert TYPES[kind].happened(rig)


ANSWERS = {
    "down": SourceFailure(FailureKind.DOWN, "no answer within 10 s."),
    "invalid": SourceFailure(FailureKind.INVALID, "the source refused the query."),
    "empty": Samples(()),
    "NaN": one((0.0,), (float("nan"),)),
    "infinite": one((0.0,), (float("inf"),)),
    "partial": Samples(one((0.0,), (0.0,)).series, ("one of two shards did not answer",)),
    "several series": Samples(one((0.0,), (0.0,)).series * 2),
    "estimated": Samples(one((0.0,), (0.0,)).series, approximate=True),
}


@pytest.mark.parametrize("times", [1, 3, 1000])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_check_never_passes_on_such_an_answer(name: str, times: int) -> None:
    rig = Rig(books.book(books.RECOVERED))
    rig.metrics.answers = [ANSWERS[name]] * times
    left = rig.run()
    if times == 1000:
        assert left.code is ExitCode.FAILED
        assert left.state.recovered_at is None
    else:
        assert left.code is ExitCode.OK, "it goes on looking"
        assert not rig.metrics.answers


@pytest.mark.parametrize(
    ("change", "why"),
    [({"value": None}, "no"), ({"age_s": 61.0}, "old"), ({"guard": 199.0}, "guard"), ({"value": 0.01}, "wanted")],
)
def test_a_check_says_why_it_does_not_pass(change: dict[str, float | None], why: str) -> None:
    rig = Rig(books.book(books.RECOVERED))
    for name, value in change.items():
        setattr(rig.metrics, name, value)
    left = rig.run()
    assert left.code is ExitCode.FAILED
    assert why in left.why


WAIT = """
[[steps]]
id = "resolved"
type = "alert"
action = "wait"
alert = "Burn"
every = "1s"
within = "10s"
hold = "2s"
sets = "recovered"
"""


@pytest.mark.parametrize(("firing", "rule", "code"), [(False, True, 0), (True, True, 1), (False, False, 1)])
def test_an_alert_is_resolved_only_where_its_rule_is_evaluated(*, firing: bool, rule: bool, code: int) -> None:
    rig = Rig(books.book(WAIT))
    rig.metrics.firing, rig.metrics.rule = firing, rule
    assert rig.run().code == code


@pytest.mark.parametrize("name", ANSWERS)
def test_an_alert_is_not_resolved_on_such_an_answer(name: str) -> None:
    rig = Rig(books.book(WAIT))
    rig.metrics.answers = [ANSWERS[name]] * 1000
    assert rig.run().code is ExitCode.FAILED


@pytest.mark.parametrize("lose", [["request"], ["answer"], ["down"], ["request"] * 9, ["answer"] * 9, ["down"] * 40])
@pytest.mark.parametrize("unreadable", [0, 1, 40])
def test_a_flag_is_called_off_only_when_it_is(lose: list[str], unreadable: int) -> None:
    rig = Rig(books.book(books.FLAG_OFF))
    rig.flags.lose, rig.flags.unreadable = list(lose), unreadable
    left = rig.run()
    if rig.place("flag-off") == "ok":
        assert rig.flags.cohort.off
    if left.code is ExitCode.OK:
        assert rig.place("flag-off") == "ok"
    assert rig.done("flag-off") <= 1
    if unreadable == 40 and lose[0] != "down":
        assert left.code is ExitCode.UNKNOWN, "nobody could tell"


@pytest.mark.parametrize("ending", list(Ending))
def test_a_message_that_was_not_taken_is_journalled(ending: Ending) -> None:
    rig = Rig(books.book(books.RECOVERED, books.TELL))
    rig.pager.endings = [ending]
    left = rig.run()
    assert left.code is ExitCode.OK, "who is told is not critical here"
    (told,) = left.state.told
    assert told.delivered is (ending is Ending.TAKEN)
