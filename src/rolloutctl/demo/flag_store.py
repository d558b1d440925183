"""The flag server's state and rules, in memory, behind one lock.

It keeps the real server's hazards on purpose, because the product must survive them: a missing `rollout` is 100 %,
`on` without an enabled strategy adds one at 100 %, removing or disabling the last enabled strategy switches the
environment off, values of `rollout` are not checked, and a write that changes nothing makes no event.
"""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rolloutctl.demo.flag_events import Author, EventLog
from rolloutctl.demo.flag_model import (
    ENVIRONMENTS,
    PROJECT,
    STRATEGY_NAMES,
    Constraint,
    Event,
    EventType,
    Flag,
    FlagError,
    Placement,
    Segment,
    Strategy,
    bad_data,
    not_found,
)

_URL_FRIENDLY: Final = re.compile(r"[A-Za-z0-9~_.\-]+")


@dataclass(frozen=True, slots=True)
class Target:
    """A flag in an environment of a project, as a request names it."""

    project: str
    flag: str
    environment: str


@dataclass(frozen=True, slots=True)
class StrategyDraft:
    """What a request may say about a strategy; defaults are the real server's."""

    name: str
    title: str | None = None
    disabled: bool = False
    constraints: tuple[Constraint, ...] = ()
    parameters: Mapping[str, str] | None = None
    segments: tuple[int, ...] = ()
    sort_order: int | None = None


class FlagStore:
    """Every public method is one transaction. Raises FlagError with the real server's status and name."""

    def __init__(self, now: Callable[[], str], new_id: Callable[[], str]) -> None:
        self._lock = threading.RLock()
        self._now = now
        self._new_id = new_id
        self._flags: dict[str, Flag] = {}
        self._segments: dict[int, Segment] = {}
        self._log = EventLog(now)

    # -- flags

    def create_flag(self, project: str, name: str, kind: str, description: str | None, author: str) -> Flag:
        with self._lock:
            if project != PROJECT:
                raise not_found(f"Could not find project with id {project}")
            if not _URL_FRIENDLY.fullmatch(name):
                raise bad_data(f'"name" must be URL friendly. You provided "{name}".')
            if name in self._flags:
                raise FlagError(409, "NameExistsError", "A flag with that name already exists")
            flag = Flag(name, kind, description, self._now())
            self._flags[name] = flag
            self._log.add(EventType.FLAG_CREATED, self._author(author), flag=name, data=flag.document())
            return flag

    def flag(self, project: str, name: str) -> Flag:
        with self._lock:
            flag = self._flags.get(name)
            if flag is not None and flag.archived:
                raise not_found(f"Could not find feature flag with name {name}")
            if flag is None:
                raise not_found(f'There\'s no feature named "{name}" in project "{project}".')
            if project != PROJECT:
                raise not_found(
                    f'There\'s no feature named "{name}" in project "{project}", '
                    f'but there\'s a feature with that name in project "{PROJECT}"'
                )
            return flag

    def flags(self) -> Sequence[Flag]:
        with self._lock:
            return [flag for flag in self._flags.values() if not flag.archived]

    def archive_flag(self, project: str, name: str, author: str) -> None:
        with self._lock:
            flag = replace(self.flag(project, name), archived=True)
            self._flags[name] = flag
            self._log.add(EventType.FLAG_ARCHIVED, self._author(author), flag=name)

    # -- environments of a flag

    def placement(self, target: Target) -> Placement:
        with self._lock:
            flag = self.flag(target.project, target.flag)
            if target.environment not in ENVIRONMENTS:
                raise not_found(f"Could not find environment {target.environment} for feature: {target.flag}")
            return flag.placements[target.environment]

    def switch_on(self, target: Target, author: str, *, activate_disabled: bool = False) -> None:
        with self._lock:
            placement, by = self._writable(target), self._author(author)
            if activate_disabled:
                for strategy in placement.strategies:
                    if strategy.disabled:
                        self._replace_strategy(target, strategy, replace(strategy, disabled=False), by)
            if not any(not strategy.disabled for strategy in self.placement(target).strategies):
                self._add_strategy(target, StrategyDraft("flexibleRollout"), by)
            self._set_enabled(target, by, enabled=True)

    def switch_off(self, target: Target, author: str) -> None:
        with self._lock:
            self._writable(target)
            self._set_enabled(target, self._author(author), enabled=False)

    def switch_off_all(self, targets: Sequence[Target], author: str) -> None:
        """All or nothing: one unknown flag and nothing changes."""
        with self._lock:
            for target in targets:
                self._writable(target)
            for target in targets:
                self._set_enabled(target, self._author(author), enabled=False)

    # -- strategies

    def add_strategy(self, target: Target, draft: StrategyDraft, author: str) -> Strategy:
        with self._lock:
            self._writable(target)
            return self._add_strategy(target, draft, self._author(author))

    def strategy(self, target: Target, number: str) -> Strategy:
        with self._lock:
            for strategy in self.placement(target).strategies:
                if strategy.id == number:
                    return strategy
            raise not_found(f"Could not find strategy with id: {number}")

    def change_strategy(self, target: Target, number: str, draft: StrategyDraft, author: str) -> Strategy:
        """Give the strategy the draft's values; a missing `rollout` becomes 100 again."""
        with self._lock:
            self._writable(target)
            old, by = self.strategy(target, number), self._author(author)
            self._check(draft)
            new = replace(
                old,
                title=draft.title,
                disabled=draft.disabled,
                constraints=draft.constraints,
                parameters=_with_defaults(draft, target.flag),
                segments=draft.segments,
                sort_order=old.sort_order if draft.sort_order is None else draft.sort_order,
            )
            self._replace_strategy(target, old, new, by)
            self._off_when_nothing_is_left(target, by)
            return new

    def remove_strategy(self, target: Target, number: str, author: str) -> None:
        with self._lock:
            placement, by = self._writable(target), self._author(author)
            old = next((each for each in placement.strategies if each.id == number), None)
            if old is None:
                raise not_found(f"Could not find strategy with id={number}")
            kept = tuple(each for each in placement.strategies if each is not old)
            self._put(target, replace(placement, strategies=kept))
            self._off_when_nothing_is_left(target, by)
            self._log.add(
                EventType.STRATEGY_REMOVED,
                by,
                flag=target.flag,
                environment=target.environment,
                pre_data=old.document(),
            )

    # -- segments

    def create_segment(self, name: str, description: str | None, constraints: Sequence[Constraint], author: str) -> Segment:
        with self._lock:
            if any(segment.name == name for segment in self._segments.values()):
                raise FlagError(409, "NameExistsError", "Segment name already exists")
            number = len(self._segments) + 1
            segment = Segment(number, name, description, tuple(constraints), author, self._now())
            self._segments[number] = segment
            self._log.add(EventType.SEGMENT_CREATED, self._author(author), data=segment.document())
            return segment

    def segments(self) -> Mapping[int, Segment]:
        with self._lock:
            return dict(self._segments)

    def segment(self, number: str) -> Segment:
        with self._lock:
            found = self._segments.get(int(number)) if number.isdigit() else None
            if found is None:
                raise not_found(f'No segment exists with ID "{number}"')
            return found

    # -- events

    def events(self, *, flag: str | None = None, kind: str | None = None, environment: str | None = None) -> Sequence[Event]:
        with self._lock:
            return self._log.find(flag=flag, kind=kind, environment=environment)

    def client_view(self, environment: str) -> tuple[int, Sequence[Flag], Mapping[int, Segment]]:
        """Return revision, flags and segments of one moment."""
        with self._lock:
            return self._log.revision(environment), self.flags(), dict(self._segments)

    # -- inside one transaction

    def _author(self, name: str) -> Author:
        return Author(name, self._new_id())

    def _writable(self, target: Target) -> Placement:
        flag = self._flags.get(target.flag)
        if flag is not None and flag.archived:
            raise FlagError(400, "ArchivedFeatureError", "Cannot perform this operation on archived features")
        return self.placement(target)

    def _put(self, target: Target, placement: Placement) -> None:
        flag = self._flags[target.flag]
        self._flags[target.flag] = replace(flag, placements={**flag.placements, target.environment: placement})

    def _set_enabled(self, target: Target, author: Author, *, enabled: bool) -> None:
        placement = self.placement(target)
        if placement.enabled != enabled:
            self._put(target, replace(placement, enabled=enabled))
            kind = EventType.ENABLED if enabled else EventType.DISABLED
            self._log.add(kind, author, flag=target.flag, environment=target.environment)

    def _check(self, draft: StrategyDraft) -> None:
        if draft.name not in STRATEGY_NAMES:
            raise bad_data(f"Could not find strategy type with name {draft.name}")
        for number in draft.segments:
            self.segment(str(number))

    def _add_strategy(self, target: Target, draft: StrategyDraft, author: Author) -> Strategy:
        self._check(draft)
        placement = self.placement(target)
        order = max((each.sort_order + 1 for each in placement.strategies), default=0)
        strategy = Strategy(
            id=self._new_id(),
            name=draft.name,
            title=draft.title,
            disabled=draft.disabled,
            constraints=draft.constraints,
            parameters=_with_defaults(draft, target.flag),
            sort_order=order if draft.sort_order is None else draft.sort_order,
            segments=draft.segments,
        )
        self._put(target, replace(placement, strategies=(*placement.strategies, strategy)))
        self._log.add(
            EventType.STRATEGY_ADDED,
            author,
            flag=target.flag,
            environment=target.environment,
            data=strategy.document(),
        )
        return strategy

    def _replace_strategy(self, target: Target, old: Strategy, new: Strategy, author: Author) -> None:
        if new == old:
            return
        placement = self.placement(target)
        swapped = tuple(new if each.id == old.id else each for each in placement.strategies)
        self._put(target, replace(placement, strategies=swapped))
        self._log.add(
            EventType.STRATEGY_UPDATED,
            author,
            flag=target.flag,
            environment=target.environment,
            data=new.document(),
            pre_data=old.document(),
        )

    def _off_when_nothing_is_left(self, target: Target, author: Author) -> None:
        if all(strategy.disabled for strategy in self.placement(target).strategies):
            self._set_enabled(target, author, enabled=False)


def _with_defaults(draft: StrategyDraft, flag: str) -> dict[str, str]:
    given = dict(draft.parameters or {})
    if draft.name != "flexibleRollout":
        return given
    return {"groupId": flag, "rollout": "100", "stickiness": "default"} | given
