"""The flag server's admin API: paths, bodies and answers of Unleash 8.2 that a rollout needs.

Statuses and shapes are those measured against the real server: create 201, `on` and `off` 200 with an empty body,
archive 202, JSON Patch on strategies, errors as `{name, message, details}`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import TypeAdapter

from rolloutctl.demo.flag_bodies import (
    OPERATIONS,
    BulkBody,
    FlagBody,
    NewStrategyBody,
    PatchedStrategyBody,
    SegmentBody,
    StrategyBody,
    fit,
    read_json,
)
from rolloutctl.demo.flag_model import ENVIRONMENTS, PROJECT, Document, Flag, Placement, Strategy, bad_data
from rolloutctl.demo.flag_patch import apply_patch
from rolloutctl.demo.flag_store import FlagStore, Target
from rolloutctl.demo.http import Request, Response, Route, json_response

AUTHOR: Final = "admin"
VERSION: Final = "8.2.0-demo"
_PROJECTS: Final = "/api/admin/projects/{project}"
_FLAG: Final = _PROJECTS + "/features/{flag}"
_PLACE: Final = _FLAG + "/environments/{environment}"
_BULK: Final = _PROJECTS + "/bulk_features/environments/{environment}/off"
_OK: Final = Response(200)
_Params = Mapping[str, str]


class AdminApi:
    """Routes over a store; knows nothing of tokens."""

    def __init__(self, store: FlagStore) -> None:
        self._store = store
        self.routes: Sequence[Route] = (
            Route("GET", "/api/admin/projects", self._projects),
            Route("POST", _PROJECTS + "/features", self._create_flag),
            Route("GET", _PROJECTS + "/features", self._list_flags),
            Route("GET", _FLAG, self._get_flag),
            Route("DELETE", _FLAG, self._archive_flag),
            Route("GET", _PLACE, self._get_placement),
            Route("POST", _PLACE + "/on", self._on),
            Route("POST", _PLACE + "/off", self._off),
            Route("POST", _BULK, self._bulk_off),
            Route("GET", _PLACE + "/strategies", self._list_strategies),
            Route("POST", _PLACE + "/strategies", self._add_strategy),
            Route("GET", _PLACE + "/strategies/{strategy}", self._get_strategy),
            Route("PATCH", _PLACE + "/strategies/{strategy}", self._patch_strategy),
            Route("PUT", _PLACE + "/strategies/{strategy}", self._put_strategy),
            Route("DELETE", _PLACE + "/strategies/{strategy}", self._remove_strategy),
            Route("GET", "/api/admin/segments", self._list_segments),
            Route("POST", "/api/admin/segments", self._create_segment),
            Route("GET", "/api/admin/segments/{segment}", self._get_segment),
            Route("GET", "/api/admin/environments", self._environments),
            Route("GET", "/api/admin/ui-config", lambda _, __: json_response(200, {"version": VERSION})),
            Route("GET", "/api/admin/events/{flag}", self._flag_events),
            Route("GET", "/api/admin/search/events", self._search_events),
        )

    # -- flags

    def _create_flag(self, request: Request, params: _Params) -> Response:
        body = fit(TypeAdapter(FlagBody), read_json(request.body))
        flag = self._store.create_flag(params["project"], body.name, body.type, body.description, AUTHOR)
        return json_response(201, flag.document())

    def _list_flags(self, _: Request, params: _Params) -> Response:
        flags = [_overview(flag) for flag in self._store.flags() if params["project"] == PROJECT]
        return json_response(200, {"version": 2, "features": flags})

    def _get_flag(self, _: Request, params: _Params) -> Response:
        flag = self._store.flag(params["project"], params["flag"])
        places = [_environment(flag, name) for name in ENVIRONMENTS]
        return json_response(200, flag.document() | {"environments": places})

    def _archive_flag(self, _: Request, params: _Params) -> Response:
        self._store.archive_flag(params["project"], params["flag"], AUTHOR)
        return Response(202)

    def _get_placement(self, _: Request, params: _Params) -> Response:
        target = _target(params)
        placement = self._store.placement(target)
        strategies = [_without_segments(each, target.flag) for each in placement.strategies]
        document = {"name": target.flag, "environment": target.environment, "enabled": placement.enabled}
        return json_response(200, document | {"strategies": strategies})

    def _on(self, request: Request, params: _Params) -> Response:
        activate = request.query.get("shouldActivateDisabledStrategies") == "true"
        self._store.switch_on(_target(params), AUTHOR, activate_disabled=activate)
        return _OK

    def _off(self, _: Request, params: _Params) -> Response:
        self._store.switch_off(_target(params), AUTHOR)
        return _OK

    def _bulk_off(self, request: Request, params: _Params) -> Response:
        body = fit(TypeAdapter(BulkBody), read_json(request.body))
        targets = [Target(params["project"], flag, params["environment"]) for flag in body.features]
        self._store.switch_off_all(targets, AUTHOR)
        return _OK

    # -- strategies

    def _list_strategies(self, _: Request, params: _Params) -> Response:
        placement = self._store.placement(_target(params))
        return json_response(200, [each.document() | {"milestoneId": None} for each in placement.strategies])

    def _add_strategy(self, request: Request, params: _Params) -> Response:
        body = fit(TypeAdapter(NewStrategyBody), read_json(request.body))
        return json_response(200, self._store.add_strategy(_target(params), body.draft(), AUTHOR).document())

    def _get_strategy(self, _: Request, params: _Params) -> Response:
        return json_response(200, self._store.strategy(_target(params), params["strategy"]).document())

    def _patch_strategy(self, request: Request, params: _Params) -> Response:
        target, number = _target(params), params["strategy"]
        operations = fit(OPERATIONS, read_json(request.body))
        old = self._store.strategy(target, number)
        patched = fit(TypeAdapter(PatchedStrategyBody), apply_patch(old.document(), operations))
        return json_response(200, self._store.change_strategy(target, number, patched.draft(), AUTHOR).document())

    def _put_strategy(self, request: Request, params: _Params) -> Response:
        target, number = _target(params), params["strategy"]
        sent = read_json(request.body)
        old = self._store.strategy(target, number).document()
        # What PUT leaves out: segments, title and the switch stay, parameters and constraints start again.
        kept = {name: old[name] for name in ("segments", "title", "disabled")}
        body = fit(TypeAdapter(StrategyBody), kept | sent if isinstance(sent, dict) else sent)
        return json_response(200, self._store.change_strategy(target, number, body.draft(), AUTHOR).document())

    def _remove_strategy(self, _: Request, params: _Params) -> Response:
        self._store.remove_strategy(_target(params), params["strategy"], AUTHOR)
        return _OK

    # -- segments

    def _list_segments(self, _: Request, __: _Params) -> Response:
        return json_response(200, {"segments": [each.document() for each in self._store.segments().values()]})

    def _create_segment(self, request: Request, _: _Params) -> Response:
        body = fit(TypeAdapter(SegmentBody), read_json(request.body))
        segment = self._store.create_segment(body.name, body.description, body.constraints, AUTHOR)
        return json_response(201, segment.document(), (("Location", f"segments/{segment.id}"),))

    def _get_segment(self, _: Request, params: _Params) -> Response:
        return json_response(200, self._store.segment(params["segment"]).document())

    # -- projects, environments and events

    def _projects(self, _: Request, __: _Params) -> Response:
        project = {"id": PROJECT, "name": "Default", "featureCount": len(self._store.flags())}
        return json_response(200, {"version": 1, "projects": [project]})

    def _environments(self, _: Request, __: _Params) -> Response:
        found = [
            {
                "name": name,
                "type": name,
                "sortOrder": order,
                "enabled": True,
                "protected": False,
                "requiredApprovals": None,
                "enabledToggleCount": sum(flag.placements[name].enabled for flag in self._store.flags()),
            }
            for order, name in enumerate(ENVIRONMENTS, 2)
        ]
        return json_response(200, {"version": 1, "environments": found})

    def _flag_events(self, _: Request, params: _Params) -> Response:
        events = [event.document() for event in self._store.events(flag=params["flag"])]
        return json_response(200, {"version": 1, "toggleName": params["flag"], "events": events, "totalEvents": len(events)})

    def _search_events(self, request: Request, _: _Params) -> Response:
        events = self._store.events(
            flag=_filter(request, "feature"), kind=_filter(request, "type"), environment=_filter(request, "environment")
        )
        offset, limit = _count(request, "offset", 0), _count(request, "limit", 50)
        shown = [event.document() for event in events[offset : offset + limit]]
        return json_response(200, {"events": shown, "total": len(events)})


def _target(params: _Params) -> Target:
    return Target(params["project"], params["flag"], params["environment"])


def _environment(flag: Flag, name: str) -> Document:
    placement = flag.placements[name]
    return {
        "name": name,
        "type": name,
        "enabled": placement.enabled,
        "sortOrder": ENVIRONMENTS.index(name) + 2,
        "strategies": [each.document() for each in placement.strategies],
    }


def _overview(flag: Flag) -> Document:
    places = [
        {
            "name": name,
            "type": name,
            "enabled": placement.enabled,
            "sortOrder": order,
            "hasStrategies": bool(placement.strategies),
            "hasEnabledStrategies": _any_enabled(placement),
        }
        for order, (name, placement) in enumerate(flag.placements.items(), 2)
    ]
    kept = ("type", "description", "name", "createdAt", "stale", "impressionData")
    return {name: value for name, value in flag.document().items() if name in kept} | {"environments": places}


def _any_enabled(placement: Placement) -> bool:
    return any(not strategy.disabled for strategy in placement.strategies)


def _without_segments(strategy: Strategy, flag: str) -> Document:
    document = {name: value for name, value in strategy.document().items() if name != "segments"}
    return document | {"featureName": flag}


def _filter(request: Request, name: str) -> str | None:
    text = request.query.get(name)
    if text is None:
        return None
    found = re.fullmatch(r"IS:([^,]*)", text)
    if found is None:
        path = f"/query/{name}"
        raise bad_data(f'The `{path}` property must match pattern "^IS:(.*)$". You sent "{text}".', path)
    return found[1]


def _count(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return min(int(text), 1000) if text.isdecimal() else default
