"""`status --live`: one look at source and provider, nothing changed.

JSON as `status`, with "live": true and live_shape for every rollout.
"""

from __future__ import annotations

from rolloutctl.cli.beginning import settings_of
from rolloutctl.cli.out import clean, paint, put_json, put_painted, say
from rolloutctl.cli.reading import journal_of, resolve, utc_now
from rolloutctl.cli.sentences import condition
from rolloutctl.cli.session import Session, session
from rolloutctl.cli.shapes import live_shape
from rolloutctl.cli.toplevel import Globals
from rolloutctl.cli.waits import first_look_s
from rolloutctl.engine.cards.making import mark, where
from rolloutctl.engine.config.settings import journal_shown
from rolloutctl.engine.view.snapshot import RolloutSnapshot
from rolloutctl.engine.wiring import Options
from rolloutctl.errors import ExitCode


def show_live(globals_: Globals, rollout: str, *, as_json: bool) -> ExitCode:
    """7 when a rollout's source or provider did not answer."""
    settings = settings_of(globals_)
    with journal_of(settings) as journal:
        wanted = resolve(journal, rollout) if rollout else ""
    with session(Options(settings, read_only=True)) as running:
        running.until(lambda: _all_looked(running, wanted), first_look_s(settings.config))
        fleet = running.fleet()
        found = [each for each in fleet.rollouts if wanted in {"", each.id}]
        head = running.thread.events(None, 0, 0).result()
    if as_json:
        place = {"path": journal_shown(settings), "head_seq": head.head_seq, "head_hash": head.head_hash}
        shapes = [live_shape(each) for each in found]
        put_json(
            {
                "at": utc_now(),
                "live": True,
                "journal": place,
                "rollouts": shapes,
                "broken": [fleet.notice] if fleet.notice else [],
            }
        )
    else:
        for each in found:
            _line(each)
        if not found:
            say("There is no rollout in this journal yet.")
    lost = any(
        each.flag.error or (each.state.judged and each.source_now is None) for each in found if not each.state.status.final
    )
    return ExitCode.UNREACHABLE if lost else ExitCode.OK


def _all_looked(running: Session, wanted: str) -> bool | None:
    found = [each for each in running.fleet().rollouts if wanted in {"", each.id}]
    return True if all(looked(each) for each in found) else None


def looked(rollout: RolloutSnapshot) -> bool:
    if rollout.state.status.final:
        return True
    flag = rollout.flag.read_at is not None or bool(rollout.flag.error)
    return flag and (not rollout.state.judged or rollout.phase_verdict is not None)


def _line(each: RolloutSnapshot) -> None:
    glyph, ink = mark(each.state)
    state = condition(each.plan, each.state, each.source_now or each.at)
    put_painted(f"{paint(glyph, ink)} {paint(each.id, 'bold')}  {clean(where(each.plan, each.state))}  {clean(state)}")
    read = each.flag.error or (str(each.flag.state) if each.flag.state is not None else "not read")
    put_painted(clean(f"    flag      {read}"))
    if each.phase_verdict is not None:
        put_painted(clean(f"    verdict   {each.phase_verdict.state}: {each.phase_verdict.why}"))
    for verdict in each.verdicts:
        put_painted(clean(f"    {verdict.state.words:<12}  {verdict.shown}: {verdict.why}"))
    put_painted(clean(f"    next      {each.next}"))
    for error in each.errors:
        put_painted(clean(f"    trouble   {error}"))
