"""RC1xx: the plan as a whole: arms, sampling, exposure, freeze windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rolloutctl.findings import Finding
from rolloutctl.model.kinds import Role
from rolloutctl.plan.findings import RULES
from rolloutctl.plan.freeze import FreezeWindow
from rolloutctl.plan.model import Plan
from rolloutctl.promql import matchers_of, mentions_arm, read, with_arm
from rolloutctl.units import show_duration

_WEEK_MINUTES = 7 * 24 * 60


def structure(plan: Plan) -> Iterator[Finding]:
    yield from _arms(plan)
    yield from _requests(plan)
    yield from _sampling(plan)
    if _whole_week(plan.freeze.parsed):
        yield RULES["RC105"].at(
            ("freeze", "windows"),
            "Together the freeze windows cover the whole week, so no phase can ever be entered.",
            "Leave a part of the week open.",
        )
    if plan.criteria and all(c.role is not Role.GUARDRAIL for c in plan.every_criterion):
        yield RULES["RC109"].at(
            ("criteria",),
            "No criterion is a guardrail, so no breach ever rolls back.",
            'Give the most important one role = "guardrail".',
        )


def _arms(plan: Plan) -> Iterator[Finding]:
    readable: list[frozenset[str]] = []
    for name, text in (("canary", plan.metrics.canary), ("baseline", plan.metrics.baseline)):
        try:
            readable.append(matchers_of(text))
        except ValueError as error:
            yield RULES["RC101"].at(
                ("metrics", name),
                f"The label matchers of the {name} cannot be read: {error}.",
                "Write matchers as inside the braces of a selector, such as 'version=\"7.2.0\"'.",
            )
    if len(readable) == 2 and readable[0] == readable[1]:
        yield RULES["RC102"].at(
            ("metrics", "baseline"),
            "Canary and baseline have the same label matchers, so the canary would be compared with itself.",
            "Give each arm matchers that the other's series do not have.",
        )


def _requests(plan: Plan) -> Iterator[Finding]:
    key = ("metrics", "requests")
    if plan.metrics.requests is None:
        yield RULES["RC104"].at(
            ("metrics",),
            "Without `requests` nothing notices that the flag's step is not seen in the traffic.",
            "Name a counter of requests with `$arm` in it.",
        )
        return
    try:
        plain = read(with_arm(plan.metrics.requests, plan.metrics.canary)).plain_selector
        trouble = "" if plain else "it is not one plain selector"
    except ValueError as error:
        trouble = f"it cannot be read ({error})"
    if not trouble and not mentions_arm(plan.metrics.requests):
        trouble = "it has no `$arm`, so both arms would count the same requests"
    if trouble:
        yield RULES["RC103"].at(
            key,
            f"The share of requests cannot be told from `requests`: {trouble}.",
            "Write a counter such as 'http_requests_total{$arm}'.",
        )
    if plan.metrics.exposure <= 0:
        yield RULES["RC108"].at(
            ("metrics", "exposure"),
            "With no margin at all the smallest difference in traffic holds the rollout.",
            'Write a share such as "25%".',
        )


def _sampling(plan: Plan) -> Iterator[Finding]:
    step, age = plan.metrics.step, plan.metrics.max_sample_age
    if step < timedelta(seconds=1):
        yield RULES["RC106"].at(
            ("metrics", "step"),
            f"A step of {show_duration(step)} asks for more samples than any source has.",
            'Write "1s" or more; "15s" is usual.',
        )
    if age < 2 * step:
        yield RULES["RC107"].at(
            ("metrics", "max_sample_age"),
            f"Evidence of {show_duration(age)} counts as stale, but is only looked at every {show_duration(step)}.",
            "Make max_sample_age at least two steps.",
        )


def _whole_week(windows: tuple[FreezeWindow, ...]) -> bool:
    """Whether the windows cover every minute; windows of several zones are not added up: their offsets change."""
    zones = {window.zone.key for window in windows}
    return any(_covers_week([w for w in windows if w.zone.key == zone]) for zone in zones)


def _covers_week(windows: list[FreezeWindow]) -> bool:
    spans: list[tuple[int, int]] = []
    for window in windows:
        spans += [(window.start, window.end)] if window.start < window.end else [(window.start, _WEEK_MINUTES), (0, window.end)]
    reached = 0
    for start, end in sorted(spans):
        if start > reached:
            return False
        reached = max(reached, end)
    return reached >= _WEEK_MINUTES
