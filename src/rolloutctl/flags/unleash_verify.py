"""Whether the SDKs' document of an environment serves exactly the wanted cohort. Pure.

Source: `GET /api/client/features`. With the header `Unleash-Client-Spec` strategies name their segments by id; servers
that do not know it, and SDKs that do not send it, get the segments' constraints inline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rolloutctl.flags.unleash_cohort import Reading, understand
from rolloutctl.flags.unleash_document import Document, Strategy, parse_strategy
from rolloutctl.model.cohort import Cohort, Target
from rolloutctl.model.outcome import Verification
from rolloutctl.wire.text import clean

CLIENT_SPEC = "5.2.0"
"""The client specification that has segments by id."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An audience as the admin API tells it; `constraints` normalised like a strategy's."""

    id: int
    name: str
    constraints: list[dict[str, Any]]


def parse_segments(document: Any) -> tuple[Segment, ...]:
    """Raises ValueError, without the input in it."""
    entries = document.get("segments") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        msg = "not a list of segments"
        raise ValueError(msg)
    return tuple(_segment(each) for each in entries)


def _segment(value: Any) -> Segment:
    if not isinstance(value, dict) or not isinstance(value.get("id"), int) or not isinstance(value.get("name"), str):
        msg = "a segment without an id or a name"
        raise ValueError(msg)
    constraints = parse_strategy({"id": "", "name": "", "constraints": value.get("constraints")}).constraints
    return Segment(value["id"], value["name"], constraints)


def judge(document: Any, target: Target, want: Cohort, segments: Sequence[Segment]) -> Verification:
    """`document`: the client API's answer; `segments`: all of the server's. Raises ValueError for no such document."""
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        msg = "not the client API's document"
        raise ValueError(msg)
    environment = _at(document, "query", "environment")
    revision = _at(document, "meta", "revisionId")
    how = "client API" + (f", revision {revision}" if isinstance(revision, int) else "")
    if isinstance(environment, str) and environment != target.environment:
        name = clean(environment, most=60)
        return Verification(seen=False, how=f"{how}: the client token is for the environment {name}, not {target.environment}")
    projects = _at(document, "query", "project")
    if isinstance(projects, list) and projects and not {"*", target.project} & {str(each) for each in projects}:
        return Verification(seen=False, how=f"{how}: the client token is not for the project {target.project}")
    feature = next((each for each in features if isinstance(each, dict) and each.get("name") == target.key), None)
    if feature is not None and not isinstance(feature.get("enabled"), bool):
        msg = "a flag without a switch"
        raise ValueError(msg)
    if feature is None or not feature["enabled"]:
        shown = "off" if feature is not None else "off (not in the document)"
        return Verification(want.off, f"{how}: SDKs are served {shown}")
    served = _served(feature, sorted(segments, key=lambda each: each.name not in want.audiences))
    reading = understand(Document(enabled=True, strategies=served), target.stickiness)
    if reading.foreign:
        return Verification(seen=False, how=f"{how}: {'; '.join(reading.foreign[:3])}")
    parents = feature.get("dependencies")
    if parents:
        return Verification(seen=False, how=f"{how}: the flag depends on another flag, so who is served cannot be told from it")
    cohort = _cohort(reading, {each.id: each.name for each in segments})
    return Verification(seen=_same(cohort, want), how=f"{how}: SDKs are served {cohort}")


def _same(served: Cohort, want: Cohort) -> bool:
    return served.percent == want.percent and set(served.audiences) == set(want.audiences)


def _cohort(reading: Reading, names: Mapping[int, str]) -> Cohort:
    audiences = tuple(sorted(names.get(number, f"segment {number}") for number in reading.audiences))
    return Cohort(audiences=audiences, percent=reading.percent)


def _served(feature: Mapping[str, Any], segments: Sequence[Segment]) -> tuple[Strategy, ...]:
    entries = feature.get("strategies")
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        msg = "a flag without a list of strategies"
        raise ValueError(msg)
    parsed = [parse_strategy(each | {"id": f"served {number}"}) for number, each in enumerate(entries, 1)]
    return tuple(_with_segment_by_id(each, segments) for each in parsed)


def _with_segment_by_id(strategy: Strategy, segments: Sequence[Segment]) -> Strategy:
    if strategy.segments or not strategy.constraints:
        return strategy
    twin = next((each for each in segments if each.constraints == strategy.constraints), None)
    if twin is None:
        return strategy
    return strategy.model_copy(update={"segments": [twin.id], "constraints": []})


def _at(document: Mapping[str, Any], group: str, name: str) -> Any:
    part = document.get(group)
    return part.get(name) if isinstance(part, dict) else None
