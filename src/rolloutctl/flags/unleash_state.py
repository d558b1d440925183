"""Reading a flag of Unleash: its whole document, the names of its segments, its events; and what a 404 really means.

The event log is read before the document, so that an edit between the two shows up after the token, never before it.
A 404 is believed only when another path agrees: a server whose database is gone says it, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn
from urllib.parse import quote

import httpx

from rolloutctl.errors import InvalidInput
from rolloutctl.flags.unleash_api import Api, Unanswered
from rolloutctl.flags.unleash_cohort import understand
from rolloutctl.flags.unleash_document import Document, Strategy, parse_strategies
from rolloutctl.flags.unleash_events import Event, parse_events
from rolloutctl.flags.unleash_plan import environment_path
from rolloutctl.flags.unleash_verify import Segment, parse_segments
from rolloutctl.model.cohort import Cohort, CohortState, Target
from rolloutctl.model.exchange import Answered
from rolloutctl.model.outcome import Rejected, Unknown
from rolloutctl.wire.text import clean


class NoSuchFlag(InvalidInput):
    """Two paths agree that the flag is not there."""

    def __init__(self, message: str, *, remedy: str, near: str) -> None:
        """`near`: a question that names flags with almost this name; may be empty."""
        super().__init__(message, remedy=remedy)
        self.near = near


PROJECTS, ENVIRONMENTS, SEGMENTS = "/api/admin/projects", "/api/admin/environments", "/api/admin/segments"
_SEARCH = "/api/admin/search/events"
_PAGE, _PAGES = 100, 20
_LOOKS = 3
"""At the two halves of a document, until they agree."""


async def read_state(api: Api, target: Target) -> CohortState:
    """Raises Unanswered (a ProviderUnreachable) or InvalidInput."""
    token, warnings = await _token(api, target)
    document = await read_document(api, target)
    return await state_of(api, target, document, token, warnings)


async def state_of(api: Api, target: Target, document: Document, token: str, warnings: tuple[str, ...]) -> CohortState:
    """A document read before as a state; asks only for the names of its segments."""
    reading = understand(document, target.stickiness)
    why = "; ".join(reading.foreign)
    audiences: tuple[str, ...] = ()
    if reading.audiences:
        names = {each.id: each.name for each in await read_segments(api)}
        unnamed = [number for number in reading.audiences if number not in names]
        audiences = tuple(sorted(names[number] for number in reading.audiences if number in names))
        if unnamed:
            why = why or f"the segment {unnamed[0]} has no name that this token can read"
    cohort = None if why else Cohort(audiences=audiences, percent=reading.percent)
    return CohortState(
        enabled=document.enabled,
        cohort=cohort,
        native=document.native(),
        token=token,
        why_foreign=why,
        warnings=warnings,
    )


async def _token(api: Api, target: Target) -> tuple[str, tuple[str, ...]]:
    """Id of the newest event; empty, with a warning, where the token may not read the log."""
    try:
        newest = await _events(api, target, offset=0, limit=1)
    except Unanswered as error:
        if isinstance(error.problem, Rejected):
            return "", ("the event log cannot be read with this token: edits by others are seen, but not who made them",)
        raise
    return (str(newest[0].id) if newest else "0"), ()


async def read_document(api: Api, target: Target) -> Document:
    """From two paths, as neither has it all: one knows the switch, the other the segments. Looks until they agree."""
    path = environment_path(target)
    for _ in range(_LOOKS):
        environment = await api.get(path)
        if environment.status == httpx.codes.NOT_FOUND:
            await _explain_404(api, target)
        listed = await api.get(f"{path}/strategies")
        if listed.status == httpx.codes.NOT_FOUND:
            await _explain_404(api, target)
        document = _document(environment.document, listed.document, path)
        if document is not None:
            return document
    raise Unanswered(Unknown(f"GET {path}: the flag is being changed, and no two looks at it agree"))


def _document(environment: Any, listed: Any, path: str) -> Document | None:
    """None where the two halves are of different moments. Raises Unanswered for what is not Unleash's."""
    try:
        if not isinstance(environment, dict) or not isinstance(environment.get("enabled"), bool):
            msg = 'no "enabled"'
            raise ValueError(msg)
        whole, short = parse_strategies(listed), parse_strategies(environment.get("strategies"))
    except ValueError as error:
        raise Unanswered(Unknown(f"GET {path} answered something else than a flag ({error})")) from None
    return Document(environment["enabled"], whole) if _agree(whole, short) else None


def _agree(whole: Sequence[Strategy], short: Sequence[Strategy]) -> bool:
    """In everything that both tell."""
    twins = {each.id: each for each in whole}
    return len(whole) == len(short) and all(
        each.id in twins
        and each.model_dump(include=each.model_fields_set) == twins[each.id].model_dump(include=each.model_fields_set)
        for each in short
    )


async def read_segments(api: Api) -> tuple[Segment, ...]:
    answer = await api.get(SEGMENTS)
    try:
        return parse_segments(answer.document)
    except ValueError as error:
        raise Unanswered(Unknown(f"GET {SEGMENTS} answered something else than segments ({error})")) from None


async def log_head(api: Api) -> str:
    """Id of the newest entry of the whole event log; empty where this server or this token does not tell.

    Raises Unanswered. The search came with version 6: the whole log of an older server is too long to be asked for often.
    """
    try:
        answer = await api.get(_SEARCH, {"limit": "1", "offset": "0"})
    except Unanswered as error:
        if isinstance(error.problem, Rejected):
            return ""
        raise
    if answer.status == httpx.codes.NOT_FOUND:
        return ""
    try:
        newest = parse_events(answer.document)
    except ValueError:
        return ""
    return str(newest[0].id) if newest else "0"


async def events_after(api: Api, target: Target, since: str) -> tuple[Event, ...]:
    """All entries of the flag after the id `since`, newest first. Raises Unanswered, InvalidInput for no id."""
    if not (since.isascii() and since.isdigit()):
        raise InvalidInput(f'"{clean(since)}" is not the id of an event.')
    found: dict[int, Event] = {}
    for page in range(_PAGES):
        events = await _events(api, target, offset=page * _PAGE, limit=_PAGE)
        fresh = [event for event in events if event.id > int(since) and event.id not in found]
        found |= {event.id: event for event in fresh}
        if len(events) < _PAGE or not fresh or any(event.id <= int(since) for event in events):
            return tuple(sorted(found.values(), key=lambda each: -each.id))
    raise Unanswered(Unknown(f"the event log of {target.key} has more than {_PAGE * _PAGES} entries since {since}"))


async def _events(api: Api, target: Target, *, offset: int, limit: int) -> tuple[Event, ...]:
    """The search came with version 6; before it there is one list per flag, whole."""
    path = _SEARCH
    query = {"feature": f"IS:{target.key}", "limit": str(limit), "offset": str(offset)}
    answer = await api.get(path, query)
    if answer.status == httpx.codes.NOT_FOUND:
        path = f"/api/admin/events/{quote(target.key, safe='')}"
        answer = await api.get(path)
        if answer.status == httpx.codes.NOT_FOUND:
            raise Unanswered(Rejected(f"GET {path}: there is no event log ({answer.text})"))
    try:
        return parse_events(answer.document)
    except ValueError as error:
        raise Unanswered(Unknown(f"GET {path} answered something else than events ({error})")) from None


async def _explain_404(api: Api, target: Target) -> NoReturn:
    """Raises InvalidInput that names what is missing, or Unanswered where other paths do not bear the 404 out."""
    features = await api.get(f"{PROJECTS}/{quote(target.project, safe='')}/features")
    flags = _names(features, "features", "name")
    if target.key not in flags:
        projects = _names(await api.get(PROJECTS), "projects", "id", optional=True)
        if projects and target.project not in projects:
            raise InvalidInput(f"Unleash has no project {target.project}.", remedy=_nearest(target.project, projects))
        near = _nearest(target.key, flags)
        raise NoSuchFlag(
            f"Unleash has no flag {target.key} in the project {target.project} (or it is archived).",
            remedy=near or "Create it in Unleash first.",
            near=near,
        )
    environments = _names(await api.get(ENVIRONMENTS), "environments", "name")
    if target.environment not in environments:
        raise InvalidInput(f"Unleash has no environment {target.environment}.", remedy=_nearest(target.environment, environments))
    here = next(each for each in features.document["features"] if isinstance(each, dict) and each.get("name") == target.key)
    listed = here.get("environments")
    if isinstance(listed, list) and not any(isinstance(each, dict) and each.get("name") == target.environment for each in listed):
        raise InvalidInput(
            f"The project {target.project} has no environment {target.environment}.",
            remedy="Add the environment to the project in Unleash.",
        )
    raise Unanswered(Unknown(f"it says that the flag {target.key} is not there, but lists it: its answers do not agree"))


def _names(answer: Answered, group: str, field: str, *, optional: bool = False) -> list[str]:
    entries = answer.document.get(group) if isinstance(answer.document, dict) else None
    if not isinstance(entries, list):
        if optional:
            return []
        raise Unanswered(Unknown(f"HTTP 404, and the list of {group} cannot be read to bear it out"))
    return [each[field] for each in entries if isinstance(each, dict) and isinstance(each.get(field), str)]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = [clean(each, most=80) for each in get_close_matches(name, list(known), n=3)]
    return f"Did you mean {' or '.join(near)}?" if near else ""


async def segment_ids(api: Api, audiences: Sequence[str]) -> dict[str, int]:
    """Id of every audience. Raises InvalidInput for a name that is not there, or is there twice."""
    if not audiences:
        return {}
    segments = await read_segments(api)
    found: dict[str, int] = {}
    for name in audiences:
        ids = [each.id for each in segments if each.name == name]
        if not ids:
            near = _nearest(name, (each.name for each in segments))
            raise InvalidInput(f'Unleash has no segment "{name}".', remedy=near or "Create it in Unleash, or correct the plan.")
        if len(ids) > 1:
            raise InvalidInput(f'Unleash has {len(ids)} segments called "{name}".', remedy="Give them different names.")
        found[name] = ids[0]
    return found
