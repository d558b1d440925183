"""The flag server's client API: what an SDK polls. `ETag` is the revision of the environment, 304 when it is known.

Segments are always sent as inline constraints, which every SDK understands.
"""

import hashlib
from collections.abc import Mapping

from rolloutctl.demo.flag_model import PROJECT, Document, Flag, Segment, segments_as_constraints
from rolloutctl.demo.flag_store import FlagStore
from rolloutctl.demo.http import Request, Response, json_response


def features(store: FlagStore, environment: str, request: Request) -> Response:
    """Answer `GET /api/client/features`: the live flags of the environment, all or those that begin with `namePrefix`."""
    revision, flags, segments = store.client_view(environment)
    prefix = request.query.get("namePrefix", "")
    query_hash = hashlib.sha256(f"{PROJECT}/{environment}/{prefix}".encode()).hexdigest()[:8]
    etag = f'"{query_hash}:{revision}:v1"'
    headers = (("ETag", etag),)
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known:
        return Response(304, headers=headers)
    document: Document = {
        "version": 2,
        "features": [_feature(flag, environment, segments) for flag in flags if flag.name.startswith(prefix)],
        "query": {"project": [PROJECT], "environment": environment, "inlineSegmentConstraints": True},
        "meta": {"revisionId": revision, "etag": etag, "queryHash": query_hash},
    }
    return json_response(200, document, headers)


def _feature(flag: Flag, environment: str, segments: Mapping[int, Segment]) -> Document:
    placement = flag.placements[environment]
    return {
        "name": flag.name,
        "type": flag.type,
        "enabled": placement.enabled,
        "project": PROJECT,
        "stale": False,
        "strategies": [
            {
                "name": strategy.name,
                "constraints": [each.document() for each in segments_as_constraints(strategy, segments)],
                "parameters": dict(strategy.parameters),
                "variants": [],
            }
            for strategy in placement.strategies
            if not strategy.disabled
        ],
        "variants": [],
        "description": flag.description,
        "impressionData": False,
    }
