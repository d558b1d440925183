"""`status`: every rollout from the journal alone, at a glance where the cards beside it fit, else from its events.

JSON: {"at", "live": false, "journal": {"path", "head_seq", "head_hash"}, "rollouts": [known_shape], "broken": [sentence]}

What only the slow way needs is loaded there: a glance loads neither pydantic nor the models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rolloutctl.cli.naming import resolved
from rolloutctl.cli.out import clean, paint, put, put_json, put_painted, say
from rolloutctl.cli.toplevel import Globals
from rolloutctl.engine.cards.card import Card, holder
from rolloutctl.engine.cards.glance import glance, keep
from rolloutctl.engine.config.files import Surroundings
from rolloutctl.engine.view.snapshot import Driving
from rolloutctl.errors import ExitCode, RolloutctlError
from rolloutctl.model.kinds import GENESIS
from rolloutctl.model.state import WORST_FIRST
from rolloutctl.ports import Lease
from rolloutctl.units import show_age

if TYPE_CHECKING:
    from rolloutctl.engine.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Shown:
    card: Card
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Found:
    journal: str
    """Where it is, for people."""
    head: tuple[int, str]
    rollouts: tuple[Shown, ...]
    broken: tuple[str, ...] = ()
    """What could not be read, as sentences."""


def show(globals_: Globals, rollout: str, *, as_json: bool) -> ExitCode:
    quick = at_a_glance(globals_, rollout)
    if quick is not None:
        return _shown(quick, rollout, as_json=as_json)
    from rolloutctl.cli.beginning import settings_of
    from rolloutctl.engine.config.settings import journal_path

    settings = settings_of(globals_)
    found = from_events(settings, rollout)
    code = _shown(found, rollout, as_json=as_json)
    path = journal_path(settings)
    if path is not None and not globals_.read_only:
        cards = [each.card for each in found.rollouts]
        keep(path, int(settings.config.journal.mode, 8), settings.digest, cards)
    return code


def at_a_glance(globals_: Globals, rollout: str) -> Found | None:
    """None: a card is missing, or anything else is not as it was when the cards were made."""
    seen = glance(globals_.config, Surroundings.here())
    if seen is None:
        return None
    wanted = seen.rollouts
    if rollout:
        try:
            name = resolved([each.rollout for each in seen.rollouts], rollout)
        except RolloutctlError:
            return None
        wanted = tuple(each for each in seen.rollouts if each.rollout == name)
    shown = tuple(Shown(each.card, each.lease) for each in wanted if each.card is not None)
    return Found(str(seen.config.journal), seen.head, shown) if len(shown) == len(wanted) else None


def from_events(settings: Settings, rollout: str) -> Found:
    """Raises InvalidInput for a name that is not there, JournalUnreachable or JournalCorrupt."""
    from rolloutctl.cli.reading import Known, journal_of, load, load_all
    from rolloutctl.engine.config.settings import journal_shown

    broken: tuple[str, ...] = ()
    with journal_of(settings) as journal:
        if rollout:
            known: tuple[Known, ...] = (load(journal, rollout),)
        else:
            known, broken = load_all(journal)
        head = journal.head() if journal is not None else (0, GENESIS)
    return Found(journal_shown(settings), head, tuple(Shown(each.card, each.lease) for each in known), broken)


def _shown(found: Found, rollout: str, *, as_json: bool) -> ExitCode:
    now = datetime.now(UTC)
    ordered = sorted(found.rollouts, key=lambda each: (WORST_FIRST.index(each.card.status), -each.card.seq))
    code = ExitCode.FAILED if found.broken else ExitCode.OK
    if as_json:
        place = {"path": found.journal, "head_seq": found.head[0], "head_hash": found.head[1]}
        shapes = [each.card.driven(each.lease, now) for each in ordered]
        put_json({"at": now, "live": False, "journal": place, "rollouts": shapes, "broken": list(found.broken)})
        return code
    for sentence in found.broken:
        say(sentence)
    if not ordered and not found.broken:
        say("There is no rollout in this journal yet. Start one: rolloutctl start PLAN. Try it all: rolloutctl demo.")
    elif rollout:
        _one(ordered[0], now)
    elif ordered:
        _table(ordered, now)
    return code


def _table(rollouts: Sequence[Shown], now: datetime) -> None:
    width = max(len(each.card.rollout) for each in rollouts)
    room = max(len(each.card.where) for each in rollouts)
    for each in rollouts:
        card = each.card
        told = "; ".join(filter(None, [card.condition(now), card.criteria, _driver_words(each, now)]))
        glass = paint("  GLASS BROKEN", "red") if _broken_glass(card) else ""
        named = f"{clean(card.rollout):<{width}}  {clean(card.where):<{room}}  {clean(told)}"
        put_painted(f"{paint(card.glyph, card.ink)} {named}{glass}")


def _one(each: Shown, now: datetime) -> None:
    card = each.card
    put_painted(f"{paint(card.glyph, card.ink)} {paint(card.rollout, 'bold')}  {clean(card.title)}")
    lines = {
        "phase": card.where,
        "state": card.condition(now),
        "flag": card.served,
        "criteria": card.verdicts,
        "waits for": card.waits_for,
        "decided": _decided(card),
        "driver": _driver_words(each, now) or "not needed any more",
        "owner": card.owner,
        "sealed": card.sealed,
    }
    for label, text in lines.items():
        if text:
            put(f"  {label:<10}{text}")
    for glass in _broken_glass(card):
        put_painted(paint(f"  {'glass':<10}{clean(glass)}", "red"))


def _broken_glass(card: Card) -> tuple[str, ...]:
    """Steps forward although the way back was not proved: said for ever after."""
    broken = card.shape["broken_glass"]
    return tuple(f"broken for {each['phase']} by {each['actor']}: {each['why']}" for each in broken)


def _decided(card: Card) -> str:
    """Who approved and signed what is to come: `five: ana (unauthenticated); gate legal go: ben`."""
    said = [f"{each['phase']}: {_person(each)}" for each in card.shape.get("approvals", ())]
    said += [f"gate {each['gate']} {'go' if each['go'] else 'no-go'}: {_person(each)}" for each in card.shape.get("gates", ())]
    return "; ".join(said)


def _person(decision: Mapping[str, Any]) -> str:
    return str(decision["by"]) if decision["signed"] else f"{decision['by']} (unauthenticated)"


def _driver_words(each: Shown, now: datetime) -> str:
    match each.card.driving(each.lease, now):
        case Driving.UNATTENDED:
            return "UNATTENDED: nobody drives it"
        case Driving.NOT_NEEDED:
            return ""
        case _:
            # Whoever was killed is named until then, and nobody else takes over before.
            left = f", lease runs out in {show_age(each.lease.expires_in_s)} unless renewed" if each.lease is not None else ""
            return f"driven by {holder(each.lease)}{left}"
