from typing import Any

import pytest

from flags.parts import TARGET, cohort
from rolloutctl.flags.unleash_verify import Segment, judge, parse_segments
from rolloutctl.model.cohort import OFF, Cohort

STAFF_ONLY = {"contextName": "group", "operator": "IN", "values": ["staff"]}
SEGMENTS = (Segment(1, "staff", [STAFF_ONLY]), Segment(2, "beta", [{**STAFF_ONLY, "values": ["beta"]}]))


def served(*strategies: dict[str, Any], enabled: bool = True, **more: Any) -> dict[str, Any]:
    feature = {"name": "checkout", "enabled": enabled, "strategies": list(strategies)} | more
    query = {"project": ["default"], "environment": "production"}
    return {"features": [{"name": "other", "enabled": True}, feature], "query": query, "meta": {"revisionId": 7}}


def flexible(rollout: str, **more: Any) -> dict[str, Any]:
    parameters = {"rollout": rollout, "stickiness": "userId", "groupId": "checkout"}
    return {"name": "flexibleRollout", "parameters": parameters, "constraints": [], "variants": []} | more


STAFF_BY_ID, STAFF_INLINE = flexible("100", segments=[1]), flexible("100", constraints=[STAFF_ONLY])


@pytest.mark.parametrize(
    ("document", "want"),
    [
        (served(flexible("5")), cohort(5)),
        (served(flexible("100")), cohort(100)),
        (served(flexible("0"), STAFF_BY_ID), cohort(0, "staff")),
        (served(flexible("5"), STAFF_INLINE), cohort(5, "staff")),
        (served(STAFF_INLINE, flexible("100", segments=[2]), flexible("9")), cohort(9, "beta", "staff")),
        (served(flexible("5"), enabled=False), OFF),
        ({"features": []}, OFF),
    ],
)
def test_exactly_what_is_wanted_is_seen(document: dict[str, Any], want: Cohort) -> None:
    verification = judge(document, TARGET, want, SEGMENTS)
    assert verification.seen, verification.how


@pytest.mark.parametrize(
    ("document", "want", "word"),
    [
        (served(flexible("6")), cohort(5), "6 %"),
        (served(flexible("5"), enabled=False), cohort(5), "off"),
        (served(flexible("5")), OFF, "5 %"),
        (served(), OFF, "serves everybody"),
        (served(flexible("5")), cohort(5, "staff"), "5 %"),
        (served(flexible("5"), STAFF_BY_ID), cohort(5), "staff"),
        (served(flexible("5"), flexible("100", segments=[9])), cohort(5), "segment 9"),
        (served(flexible("5", constraints=[{"contextName": "x"}])), cohort(5), "constraints"),
        (served(flexible("5"), {"name": "default", "parameters": {}}), cohort(5), "type default"),
        (served(flexible("5"), dependencies=[{"feature": "parent"}]), cohort(5), "depends on another"),
        ({"features": []}, cohort(5), "not in the document"),
        (served(flexible("5")) | {"query": {"environment": "development"}}, cohort(5), "for the environment development"),
        ({"features": [], "query": {"project": ["other"]}}, OFF, "not for the project default"),
    ],
)
def test_anything_else_is_not(document: dict[str, Any], want: Cohort, word: str) -> None:
    verification = judge(document, TARGET, want, SEGMENTS)
    assert not verification.seen
    assert word in verification.how


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"features": {}}, served() | {"features": [{"name": "checkout"}]}, served(enabled=True, strategies="x")],
)
def test_what_is_no_such_document_is_a_value_error(document: Any) -> None:
    with pytest.raises(ValueError, match=r"not|without"):
        judge(document, TARGET, OFF, SEGMENTS)


@pytest.mark.parametrize("document", [None, {}, {"segments": {}}, {"segments": [{}]}, {"segments": [{"id": "1", "name": "x"}]}])
def test_broken_segments_are_a_value_error(document: Any) -> None:
    with pytest.raises(ValueError, match="segment"):
        parse_segments(document)
