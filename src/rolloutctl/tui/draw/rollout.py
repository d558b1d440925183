"""The lines at the top of a rollout: what it is, how it stands and what happens next, flag, exposure, way back."""

from __future__ import annotations

from collections.abc import Mapping

from rolloutctl.engine.view.snapshot import Driving, RolloutSnapshot
from rolloutctl.keymap import DEFAULTS
from rolloutctl.model.events import PlanAmended
from rolloutctl.model.rehearsal import RehearsalState
from rolloutctl.model.state import RolloutState, Status
from rolloutctl.plan.model import OnBreach, RollbackTo
from rolloutctl.runbook.model import Policy
from rolloutctl.telling import because
from rolloutctl.tui.draw import marks
from rolloutctl.tui.draw.digits import digits, percent
from rolloutctl.tui.draw.fleet import next_words
from rolloutctl.tui.draw.ink import Ink, Line, Span, clip, headline, join, line, pack, span, wrap
from rolloutctl.tui.draw.spark import bar
from rolloutctl.tui.draw.when import When
from rolloutctl.units import show_age, show_duration

_STALE_READ_S = 60.0
_UNPROVED = {Policy.OFF: Ink.DIM, Policy.WARN: Ink.WARN, Policy.BLOCK: Ink.BAD}


def title(rollout: RolloutSnapshot, cells: int) -> Line:
    plan, state = rollout.plan, rollout.state
    parts = [
        line(span(state.id, Ink.STRONG)),
        *_versions(rollout),
        line(span("owner ", Ink.DIM), plan.owner),
        line(span("sealed ", Ink.DIM), span(f"{state.plan_digest[:4]}…{state.plan_digest[-2:]}")),
        *_amended(state),
        line(span("at ", Ink.DIM), str(state.target)),
    ]
    return pack(parts, cells)[0]


def _amended(state: RolloutState) -> list[Line]:
    """How often the plan was amended, and the newest: who and why."""
    newest = state.amendments[-1].body if state.amendments else None
    if not isinstance(newest, PlanAmended):
        return []
    times = len(state.amendments)
    return [line(span(f"amended{'' if times == 1 else f' {times}×'} ", Ink.WARN), because(f"by {newest.by}", newest.why))]


def _versions(rollout: RolloutSnapshot) -> list[Line]:
    change = rollout.plan.change
    shown: list[Line] = []
    for key, value in change.canary.items():
        before = change.baseline.get(key, "")
        name = [] if key == "version" else [span(f"{key} ", Ink.DIM)]
        versions = [span(f"{before} → ")] if before and key == "version" else []
        shown.append(line(*name, *versions, value))
    return shown[:3]


def state_lines(rollout: RolloutSnapshot, when: When, cells: int, keys: Mapping[str, str] = DEFAULTS) -> tuple[Line, ...]:
    """How it stands; the loudest first. Always at least one line. `keys`: key of every binding, by id."""
    shown = list(_standing(rollout, when, cells, keys))
    if marks.unattended(rollout):
        shown.append(_unattended(rollout, when, cells))
    shown += _asked(rollout, when, cells)
    return tuple(shown)


def _standing(rollout: RolloutSnapshot, when: When, cells: int, keys: Mapping[str, str]) -> tuple[Line, ...]:
    state = rollout.state
    if state.status is Status.ROLLBACK_UNKNOWN:
        return _unknown_rollback(rollout, cells, keys)
    if state.status is Status.ROLLING_BACK:
        return _rolling_back(rollout, when, cells)
    if state.status.final:
        at = f"  {when.stamp(state.ended_at)}" if state.ended_at is not None else ""
        first = line(span(f"• {state.status.words}", Ink.STRONG), span(at, Ink.DIM), "   ")
        return headline(first, state.ended_why, cells)
    if state.countdown is not None:
        return _countdown(rollout, when, cells, keys)
    if state.open_intent is not None and state.open_intent.unknown:
        return wrap(state.open_intent.unknown, cells, first=line(span(" ? FLAG UNKNOWN ", Ink.ALARM), "  "), indent=3)
    if state.holds:
        return _held(rollout, when, cells, keys)
    return _going_on(rollout, cells, keys)


def _unknown_rollback(rollout: RolloutSnapshot, cells: int, keys: Mapping[str, str]) -> tuple[Line, ...]:
    state = rollout.state
    first = wrap(
        state.ended_why or state.rollback_why, cells, first=line(span(" ? ROLLBACK UNKNOWN ", Ink.ALARM), "  "), indent=3
    )
    look = f"Look at the flag yourself: {state.target}"
    again, checked = _key(keys["app.refresh"]), _key(keys["rollout.checked"])
    return (
        *first,
        clip(line("   ", span(look, Ink.STRONG)), cells),
        clip(line("   ", again, " looks again   ", checked, " says that a person has checked it is off"), cells),
    )


def _rolling_back(rollout: RolloutSnapshot, when: When, cells: int) -> tuple[Line, ...]:
    state = rollout.state
    since = f" for {when.age(state.rollback_at)}" if state.rollback_at is not None else ""
    by = f"asked by {state.rollback_by}: " if state.rollback_by else ""
    badge = line(span(f" ◷ ROLLING BACK{since} ", Ink.ALARM), "  ")
    return wrap(f"{by}{state.rollback_why}", cells - 10, first=badge, indent=3)[:2]


def _countdown(rollout: RolloutSnapshot, when: When, cells: int, keys: Mapping[str, str]) -> tuple[Line, ...]:
    countdown = rollout.state.countdown
    if countdown is None:
        return ()
    name = f"{countdown.criterion} · {countdown.segment}" if countdown.segment else countdown.criterion
    left = when.left(countdown.fires_at)
    fires = f" ROLLS BACK IN {left} " if left != "0s" else " ROLLBACK IS DUE "
    again = f"postponed {countdown.postponed} of 2" if countdown.postponed else ""
    postpone = (_key(keys["rollout.postpone"]), span(" postpone   ")) if countdown.postponed < 2 else ()
    parts = [
        line(span(" ✖ BREACH ", Ink.ALARM), " ", span(name, Ink.STRONG)),
        line(span(fires, Ink.ALARM)),
        line(_key(keys["app.rollback"]), " now   ", *postpone, _key(keys["rollout.hold"]), " hold"),
        line(span(again, Ink.DIM)) if again else (),
    ]
    return pack(parts, cells)


def _held(rollout: RolloutSnapshot, when: When, cells: int, keys: Mapping[str, str]) -> tuple[Line, ...]:
    hold = rollout.state.holds[0]
    worst = marks.of_rollout(rollout)
    badge = " ✖ BREACH · HOLD " if worst.word == "BREACH" else f" ⚠ HOLD {when.age(hold.since)} "
    ends = f"ends by resume ({keys['rollout.resume']})" if hold.by.value == "person" else "ends when the reason ends"
    by = f"by {hold.actor}: " if hold.by.value == "person" and hold.actor else ""
    more = f" · and {len(rollout.state.holds) - 1} more" if len(rollout.state.holds) > 1 else ""
    ink = Ink.ALARM if worst.word == "BREACH" else Ink.CAUTION
    return wrap(f"{by}{hold.reason} · {ends}{more}", cells, first=line(span(badge, ink), "  "), indent=3)[:3]


def _going_on(rollout: RolloutSnapshot, cells: int, keys: Mapping[str, str]) -> tuple[Line, ...]:
    mark = marks.of_rollout(rollout)
    state = rollout.state
    why = rollout.phase_verdict.why if rollout.phase_verdict is not None else ""
    if state.phase < 0 and state.waiting_for:
        why = f"waits for {', '.join(state.waiting_for)}"
    if why == rollout.next:
        why = ""
    first = join([mark.line, line(span("next ", Ink.DIM), next_words(rollout, keys)) if rollout.next else ()])
    return headline((*first, span("   ")), why, cells)


def _unattended(rollout: RolloutSnapshot, when: When, cells: int) -> Line:
    since = f" for {show_age(when.seconds_since(rollout.driver.since))}" if rollout.driver.since is not None else ""
    badge = span(f" ⚠ UNATTENDED{since} ", Ink.CAUTION)
    return clip(line(badge, "  no step, no countdown until ", span("rolloutctl drive", Ink.KEY)), cells)


def _asked(rollout: RolloutSnapshot, when: When, cells: int) -> list[Line]:
    """Requests that nobody has answered yet."""
    shown = []
    for event in rollout.state.requests[-2:]:
        words = event.kind.value.removesuffix(".requested")
        asked = f"{words} asked by {event.actor} {when.age(event.at)} ago, not answered yet"
        shown.append(clip(line(span("◷ ", Ink.WAIT), span(asked, Ink.DIM)), cells))
    return shown


def _key(name: str) -> Span:
    return span(name, Ink.KEY)


def bake(rollout: RolloutSnapshot, when: When) -> Line:
    if rollout.state.run is None or rollout.state.status not in {Status.ACTIVE, Status.STABILISING}:
        return ()
    total, done = rollout.bake.total_seconds(), rollout.baked.total_seconds()
    part = min(1.0, done / total) if total > 0 else 1.0
    words = "done" if part >= 1 else f"{int(part * 100)} %"
    parts = [
        span("bake ", Ink.DIM),
        span(bar(part, 10), Ink.WARN if rollout.state.held else Ink.GOOD if part >= 1 else Ink.WAIT),
        span(f" {words}"),
        span(f" of {show_duration(rollout.bake)}", Ink.DIM),
    ]
    if rollout.state.held and part < 1:
        parts.append(span("  stopped", Ink.WARN))
    if rollout.deadline_at is not None and part < 1:
        left = when.left(rollout.deadline_at)
        late = left == "0s"
        parts.append(span("  deadline is over" if late else f"  deadline in {left}", Ink.WARN if late else Ink.DIM))
    return tuple(parts)


def flag(rollout: RolloutSnapshot, when: When) -> Line:
    reading = rollout.flag
    head = span("flag ", Ink.DIM)
    if reading.state is None:
        return line(head, span(f"? never read{': ' if reading.error else ''}{reading.error}", Ink.WARN))
    old = reading.read_at is None or when.seconds_since(reading.read_at) > _STALE_READ_S
    read = span(f" read {when.age(reading.read_at)} ago", Ink.WARN if old or reading.error else Ink.DIM)
    if rollout.state.status.final and not reading.drift and not reading.error:
        return line(head, str(reading.state), span(",", Ink.DIM), read)
    if reading.drift:
        return line(head, str(reading.state), span(" ✖ DRIFT ", Ink.ALARM), span(f" {reading.drift}", Ink.BAD), read)
    if reading.error:
        return line(head, str(reading.state), span(" ? ", Ink.WARN), read, span(f", then: {reading.error}", Ink.WARN))
    return line(head, str(reading.state), span(" ✔", Ink.GOOD), read)


def exposure(rollout: RolloutSnapshot, when: When) -> Line:
    seen = rollout.exposure
    head = span("exposure ", Ink.DIM)
    if rollout.state.status.final:
        return ()
    if seen.share is None:
        return line(head, span(f"— {seen.why}", Ink.DIM))
    total = f" of {digits(seen.requests_per_s)} rps" if seen.requests_per_s is not None else ""
    mark = span(" ⚠ ", Ink.WARN) if seen.off_by_more else span(" ✔", Ink.GOOD)
    cohort = rollout.cohort
    why = span(f"declared: {cohort}" if cohort is not None else seen.why, Ink.WARN) if seen.off_by_more else ""
    old = seen.at is not None and when.seconds_since(seen.at) > _STALE_READ_S
    age = span(f" {when.age(seen.at)} ago", Ink.WARN) if old and seen.at is not None else ""
    return line(head, percent(seen.share), span(total, Ink.DIM), mark, why, age)


def rollback(rollout: RolloutSnapshot) -> Line:
    way = rollout.plan.rollback
    head = span("rollback ", Ink.DIM)
    if way.irreversible is not None:
        return line(head, span("⚠ cannot be undone: ", Ink.WARN), way.irreversible)
    does = "turns the flag off" if way.to is RollbackTo.OFF else "restores what was served before the start"
    on = {
        OnBreach.ASK: f"a breach counts down {show_duration(way.countdown)}",
        OnBreach.AUTO: "a breach rolls back at once",
        OnBreach.HOLD: "a breach holds and pages",
    }[way.on_breach]
    return line(head, does, span(f" · {on}", Ink.DIM), *_proof(rollout))


def _proof(rollout: RolloutSnapshot) -> Line:
    proof = rollout.proof
    if proof is None:
        return ()
    proved = proof.standing is not None and proof.standing.state is RehearsalState.REHEARSED
    told = str(proof.standing) if proof.standing is not None else proof.trouble
    mark = span(" ✔", Ink.GOOD) if proved else span(" ✖" if proof.policy is Policy.BLOCK else " ⚠", _UNPROVED[proof.policy])
    return line(span(" · ", Ink.DIM), f"{proof.runbook} ", span(told, Ink.PLAIN if proved else _UNPROVED[proof.policy]), mark)


def _broken_glass(rollout: RolloutSnapshot, cells: int) -> tuple[Line, ...]:
    """Never goes: whoever looks later must see it."""
    broken = rollout.state.broken_glass
    if not broken:
        return ()
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    text = f"glass broken for {broken[-1].phase} by {broken[-1].actor}: {broken[-1].why}{more}"
    return wrap(text, cells, Ink.BAD, first=line(span("✖ ", Ink.BAD)), indent=2)


def facts(rollout: RolloutSnapshot, when: When, cells: int) -> tuple[Line, ...]:
    """Bake, flag, exposure, driver and the way back while there is one, packed into as few lines as fit."""
    back = () if rollout.state.status.final else rollback(rollout)
    return pack([bake(rollout, when), flag(rollout, when), exposure(rollout, when), back, _driver(rollout)], cells)


def _driver(rollout: RolloutSnapshot) -> Line:
    driver = rollout.driver
    return line(span("driver ", Ink.DIM), driver.holder) if driver.driving is Driving.ELSEWHERE else ()


def errors(rollout: RolloutSnapshot, when: When, cells: int) -> tuple[Line, ...]:
    """What is wrong just now; each goes when it is over, but for broken glass."""
    shown = [_broken_glass(rollout, cells)]
    shown += [wrap(text, cells, first=line(span("✖ ", Ink.BAD)), indent=2) for text in rollout.errors]
    if rollout.plan_file_differs:
        text = f"the plan file has changed since it was sealed ({rollout.plan_file_differs}); the sealed one runs"
        shown.append(wrap(text, cells, first=line(span("⚠ ", Ink.WARN)), indent=2))
    if rollout.judged_at is not None and when.seconds_since(rollout.judged_at) > 90 and not rollout.state.status.final:
        text = f"judged {show_age(when.seconds_since(rollout.judged_at))} ago; nothing newer has come since"
        shown.append((line(span("⚠ ", Ink.WARN), text),))
    return tuple(drawn for block in shown for drawn in block)
